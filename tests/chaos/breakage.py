"""What an operator's accident does to topics: a flipped byte, a cut log, a topic that is gone."""

from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from tests.chaos import reader
from tests.chaos.scene import Scene
from tests.chaos.traffic import PARTITIONS


def corrupt(scene: Scene) -> int:
    """One byte of a page is another from now on; how many alerts are open in that partition."""
    kept = reader.state(scene.direct, scene.prefix)
    open_alerts = {p: sum(key.startswith("alert/") for key in records) for p, records in kept.items()}
    partition = max(open_alerts, key=lambda p: open_alerts[p])
    key = next(key for key in sorted(kept[partition]) if key.startswith("page/") and key != "page/partition")
    value = bytearray(kept[partition][key])
    value[len(value) // 2] ^= 1
    producer = KafkaProducer(bootstrap_servers=scene.direct.split(","))
    producer.send(f"{scene.prefix}.state.v1", bytes(value), key.encode(), partition=partition).get(10)
    producer.close()
    return open_alerts[partition]


def cut(scene: Scene, topic: str, before: dict[int, int]) -> None:
    """Nothing before these offsets is there any more, by partition; -1 = nothing at all."""
    admin = KafkaAdminClient(bootstrap_servers=scene.direct.split(","))
    try:
        admin.delete_records({TopicPartition(topic, p): at for p, at in before.items()}, timeout_ms=10_000)
    finally:
        admin.close()


def cut_state(scene: Scene) -> int:
    """With the state goes the ledger, so no alert is known to be open."""
    # A compacted topic can be cut only by who makes it another kind for a moment, as such accidents go.
    topic = f"{scene.prefix}.state.v1"
    _policy(scene, topic, "compact,delete")
    cut(scene, topic, dict.fromkeys(range(PARTITIONS), -1))
    _policy(scene, topic, "compact")
    return 0


def _policy(scene: Scene, topic: str, value: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=scene.direct.split(","))
    try:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {"cleanup.policy": value})])
    finally:
        admin.close()


def delete(scene: Scene, topic: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=scene.direct.split(","))
    try:
        admin.delete_topics([topic])
    finally:
        admin.close()
