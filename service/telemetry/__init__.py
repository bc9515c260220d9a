"""What an operator sees from outside: metrics, health, logs. It only listens: nothing here changes an output."""
