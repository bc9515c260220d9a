"""What tests say to a broker in one line: make a topic, send, read; by plain clients, none of the service's own."""

from collections.abc import Iterable
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

PATIENCE_MS = 30_000


def create(bootstrap: str, topic: str, partitions: int = 1, **configs: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        settings = {key.replace("_", "."): value for key, value in configs.items()}
        admin.create_topics({topic: {"num_partitions": partitions, "configs": settings}}, wait_for_metadata=True)
    finally:
        admin.close()


def send(bootstrap: str, topic: str, values: Iterable[bytes], **options: Any) -> None:
    """Returns when every replica that must has them; raises what the first that failed raised."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", **options)
    try:
        sent = [producer.send(topic, value, partition=0) for value in values]
        for future in sent:
            future.get(PATIENCE_MS / 1000)
    finally:
        producer.close(timeout=1)


def read(bootstrap: str, topic: str, count: int, isolation: str = "read_committed", **options: Any) -> list[bytes]:
    """The first `count` values of partition 0, or fewer when they do not come in time."""
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=None,
        isolation_level=isolation,
        consumer_timeout_ms=PATIENCE_MS,
        **options,
    )
    place = TopicPartition(topic, 0)
    consumer.assign([place])
    consumer.seek_to_beginning(place)
    found: list[bytes] = []
    try:
        while len(found) < count:
            found.append(next(consumer).value)
    except StopIteration:
        pass
    finally:
        consumer.close()
    return found
