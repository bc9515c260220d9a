"""The stream on Apache Kafka: the port that the worker knows, the log that feeders and readers know, and the topics.

The client's own log lines are kept off standard error: whatever it means to a user is in our errors, one line each.
"""

import logging

logging.getLogger("kafka").addHandler(logging.NullHandler())
