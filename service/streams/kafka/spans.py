"""Bounded reads of many partitions beside any group: from given positions, as far as was committed at the start.

What a caller reads on from is what the consumer has fetched already, so reading a log in slices costs no more than
reading it in one go. Whatever an open transaction holds back is not waited for: it is beyond the end.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from service.errors import UnavailableError
from service.streams.kafka.clients import connection, meaning
from service.streams.kafka.settings import KafkaSettings

FETCH_BYTES = 4 << 20
POLL_MS = 100


class Spans:
    """Use it from one thread at a time."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        with meaning(settings):
            self._consumer = KafkaConsumer(
                **connection(settings),
                metrics_enabled=False,
                group_id=None,
                isolation_level="read_committed",
                enable_auto_commit=False,
                auto_offset_reset="earliest",  # what retention has taken meanwhile is stepped over
                allow_auto_create_topics=False,
                max_partition_fetch_bytes=FETCH_BYTES,
                fetch_max_wait_ms=POLL_MS,
            )
        self._assigned: frozenset[TopicPartition] = frozenset()

    def starts(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        with meaning(self._settings):
            return dict(self._consumer.beginning_offsets(list(places), timeout_ms=self._timeout_ms))

    def ends(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Up to the oldest transaction that is still open."""
        with meaning(self._settings):
            return dict(self._consumer.end_offsets(list(places), timeout_ms=self._timeout_ms))

    @property
    def _timeout_ms(self) -> int:
        return int(self._settings.request_timeout_s * 1000)

    def read(self, positions: dict[TopicPartition, int], stops: Mapping[TopicPartition, int], limit: int) -> list[Any]:
        """At most `limit` records at or after their position and before their stop; moves the positions on.

        Fewer only where there are no more before the stops. Of one partition they are in order.
        """
        found: list[Any] = []
        heard = time.monotonic()
        with meaning(self._settings):
            while len(found) < limit and (open_ := [p for p, stop in stops.items() if positions[p] < stop]):
                self._aim(open_, positions)
                polled = self._consumer.poll(timeout_ms=POLL_MS, max_records=limit - len(found))
                for place, records in polled.items():
                    found += [record for record in records if record.offset < stops[place]]
                if self._moved(open_, positions):
                    heard = time.monotonic()
                elif time.monotonic() - heard > self._settings.request_timeout_s:
                    raise self._silent(open_[0], positions)
        return found

    def _aim(self, places: list[TopicPartition], positions: Mapping[TopicPartition, int]) -> None:
        if self._assigned != (wanted := frozenset(places)):
            self._consumer.assign(places)
            self._assigned = wanted
            for place in places:
                self._consumer.seek(place, positions[place])
            return
        for place in places:
            if self._consumer.position(place, timeout_ms=self._timeout_ms) != positions[place]:
                self._consumer.seek(place, positions[place])

    def _moved(self, places: list[TopicPartition], positions: dict[TopicPartition, int]) -> bool:
        before = [positions[place] for place in places]
        for place in places:
            position = self._consumer.position(place, timeout_ms=self._timeout_ms)
            if position is not None and position > positions[place]:
                positions[place] = position
        return before != [positions[place] for place in places]

    def _silent(self, place: TopicPartition, positions: Mapping[TopicPartition, int]) -> UnavailableError:
        return UnavailableError(
            f"kafka.bootstrap_servers {self._settings.bootstrap_servers}: {place.topic} partition {place.partition} "
            f"gives nothing from offset {positions[place]} on"
        )

    def close(self) -> None:
        self._consumer.close(autocommit=False, timeout_ms=1000)
