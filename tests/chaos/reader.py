"""What came out: a read_committed consumer of its own, beside everything that the service reads with."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from service.settings import Settings
from tests.chaos.oracle import Letter, Outcome, real_engine

PATIENCE_S = 60.0


def committed(bootstrap: str, topic: str) -> Iterator[Any]:
    """Every record that is there now, partition by partition; waits for transactions that are still open."""
    last = KafkaConsumer(bootstrap_servers=bootstrap.split(","), group_id=None, isolation_level="read_uncommitted")
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap.split(","),
        group_id=None,
        isolation_level="read_committed",
        auto_offset_reset="none",
        fetch_max_wait_ms=20,
    )
    try:
        places = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
        assert places, f"{topic} is not there"
        ends, starts = last.end_offsets(places), last.beginning_offsets(places)
        for place in places:
            consumer.assign([place])
            consumer.seek(place, starts[place])
            yield from _until(consumer, place, ends[place])
    finally:
        consumer.close()
        last.close()


def _until(consumer: KafkaConsumer, place: TopicPartition, end: int) -> Iterator[Any]:
    deadline = time.monotonic() + PATIENCE_S
    while consumer.position(place) < end:
        yield from consumer.poll(timeout_ms=100, max_records=10_000).get(place, ())
        assert time.monotonic() < deadline, f"{place} is not readable up to {end}: a transaction was left open"


def outcome(bootstrap: str, prefix: str, settings: Mapping[str, Any] | None = None) -> Outcome:
    """settings: of the detector whose state it is; without them no row is looked at."""
    alerts: dict[str, list[bytes]] = {}
    for record in committed(bootstrap, f"{prefix}.alerts.v1"):
        alerts.setdefault(record.key.decode(), []).append(record.value)
    return Outcome(alerts, letters(bootstrap, prefix), rows(bootstrap, prefix, settings) if settings else {})


def letters(bootstrap: str, prefix: str) -> list[Letter]:
    found = []
    for record in committed(bootstrap, f"{prefix}.deadletters.v1"):
        told = {name: value.decode() for name, value in record.headers}
        found.append(
            Letter(told["dlq.topic"], int(told["dlq.partition"]), int(told["dlq.offset"]),
                   told.get("dlq.element", ""), told["dlq.reason"], record.key, record.value)
        )  # fmt: skip
    return sorted(found, key=lambda letter: letter[:4])


def state(bootstrap: str, prefix: str) -> dict[int, dict[str, bytes]]:
    """By partition, as compaction would leave it."""
    found: dict[int, dict[str, bytes]] = {}
    for record in committed(bootstrap, f"{prefix}.state.v1"):
        kept = found.setdefault(record.partition, {})
        if record.value is None:
            kept.pop(record.key.decode(), None)
        else:
            kept[record.key.decode()] = record.value
    return found


def rows(bootstrap: str, prefix: str, settings: Mapping[str, Any]) -> dict[str, bytes]:
    """Every device's whole state, as the last snapshots hold it."""
    detector = real_engine(Settings.model_validate(settings)).detector
    found: dict[str, bytes] = {}
    for partition, kept in state(bootstrap, prefix).items():
        detector.open(partition)
        detector.load(partition, [(key, value) for key, value in kept.items() if key.startswith("page/")])
        found |= detector.rows(partition)
    return found
