"""What an operator's accident does to topics: a flipped byte, a cut log, a topic that is gone."""

from kafka import KafkaAdminClient, KafkaProducer, TopicPartition

from tests.chaos import reader
from tests.chaos.scene import Scene


def corrupt(scene: Scene) -> str:
    """One byte of one device page is another from now on; which page."""
    kept = reader.state(scene.direct, scene.prefix)
    partition = min(kept)
    key = next(key for key in sorted(kept[partition]) if key.startswith("page/") and key != "page/partition")
    value = bytearray(kept[partition][key])
    value[len(value) // 2] ^= 1
    producer = KafkaProducer(bootstrap_servers=scene.direct.split(","))
    producer.send(f"{scene.prefix}.state.v1", bytes(value), key.encode(), partition=partition).get(10)
    producer.close()
    return f"{key} of partition {partition}"


def cut(scene: Scene, topic: str, before: dict[int, int] | None = None) -> None:
    """Nothing before these offsets is there any more, by partition; by default nothing at all."""
    admin = KafkaAdminClient(bootstrap_servers=scene.direct.split(","))
    try:
        offsets = {TopicPartition(topic, p): at for p, at in (before or dict.fromkeys(range(6), -1)).items()}
        admin.delete_records(offsets, timeout_ms=10_000)
    finally:
        admin.close()


def delete(scene: Scene, topic: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=scene.direct.split(","))
    try:
        admin.delete_topics([topic])
    finally:
        admin.close()
