"""A real Kafka for the tests: one broker, a cluster of three, a secured one, and a faulty network before it."""
