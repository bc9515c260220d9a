"""Bounded reads beside the group: the state of a partition, and the input since its snapshot.

One consumer for one span at a time. A span ends where the log ended when the read began, so a writer can't keep a
restore busy for ever; the end of the state is asked uncommitted and its records are read committed, or a transaction
that is just being ended would be missed.
"""

import time
from collections.abc import Iterator
from typing import Any

from kafka import IsolationLevel, KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import OffsetSpec

from service.errors import UnavailableError
from service.streams.kafka.clients import connection
from service.streams.kafka.settings import KafkaSettings

FETCH_BYTES = 8 << 20


class Reader:
    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        given = connection(settings)
        self._admin = KafkaAdminClient(**given)
        self._consumer = KafkaConsumer(
            **given,
            metrics_enabled=False,
            group_id=None,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="none",  # a hole must be seen, not stepped over
            allow_auto_create_topics=False,
            max_partition_fetch_bytes=FETCH_BYTES,
            fetch_max_wait_ms=50,
        )

    def start(self, place: TopicPartition) -> int:
        return int(self._ask(place, OffsetSpec.EARLIEST))

    def end(self, place: TopicPartition) -> int:
        return int(self._ask(place, OffsetSpec.LATEST))

    def _ask(self, place: TopicPartition, spec: OffsetSpec) -> int:
        found = self._admin.list_partition_offsets({place: spec}, IsolationLevel.READ_UNCOMMITTED)
        return int(found[place].offset)

    def read(self, place: TopicPartition, start: int, stop: int, max_records: int) -> Iterator[list[Any]]:
        """Records with start <= offset < stop, by at most max_records; returns once nothing before stop can come."""
        self._consumer.assign([place])
        self._consumer.seek(place, start)
        heard = time.monotonic()
        at = start
        while at < stop:
            polled = self._consumer.poll(timeout_ms=100, max_records=max_records)
            if records := [record for record in polled.get(place, ()) if record.offset < stop]:
                yield records
                heard = time.monotonic()
            position = self._consumer.position(place, timeout_ms=100)
            if position is not None and position > at:
                at, heard = position, time.monotonic()
            self._patient(place, at, stop, heard)

    def _patient(self, place: TopicPartition, at: int, stop: int, heard: float) -> None:
        # The last transaction of a dead worker stands in the way until the broker ends it.
        longest = self._settings.transaction_timeout_s + 2 * self._settings.request_timeout_s
        if time.monotonic() - heard > longest:
            raise UnavailableError(
                f"kafka.bootstrap_servers {self._settings.bootstrap_servers}: {place.topic} partition "
                f"{place.partition} gives nothing between offset {at} and {stop}"
            )

    def close(self) -> None:
        self._consumer.close(autocommit=False, timeout_ms=1000)
        self._admin.close()
