"""The stream on Apache Kafka: the port that the worker knows, the log that feeders and readers know, and the topics."""
