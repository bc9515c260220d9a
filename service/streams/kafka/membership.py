"""The consumer: which partitions are ours, as whom we hold them, and their records.

The client calls its rebalance listener on its own I/O thread, where a blocking call would stop the heartbeats; so the
listener notes and pauses, and everything is acted upon after the poll has returned.
"""

import threading
import time
from collections import deque
from typing import Any

from kafka import ConsumerRebalanceListener, TopicPartition, errors
from kafka.coordinator.assignors.range import RangePartitionAssignor

from service.errors import FencedError
from service.streams.kafka import group
from service.streams.kafka.layout import Layout
from service.streams.kafka.settings import KafkaSettings
from service.streams.port import Assigned, Lost, Revoked

Event = Assigned | Revoked | Lost
PARTITION_BYTES = 1 << 20  # so that a backlog in one partition is not all that a poll brings
FETCH_BYTES = 32 << 20


class Membership(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, settings: KafkaSettings, layout: Layout) -> None:
        self._settings = settings
        self._layout = layout
        self._noted: deque[tuple[str, frozenset[TopicPartition]]] = deque()  # by the I/O thread
        self._owned: set[int] = set()
        self._leaving: set[int] = set()  # revoked, and the rebalance has not said whether they come back
        self._sought: dict[int, TopicPartition] = {}
        self._ends: dict[int, int] = {}  # highest seen since the last seek
        self._gone: list[Event] = []  # of partitions whose position is no longer in the log
        self.consumer = group.consumer(
            settings,
            settings.group,
            RangePartitionAssignor,
            max_partition_fetch_bytes=PARTITION_BYTES,
            fetch_max_bytes=FETCH_BYTES,
        )
        # The client would join anew inside the very poll in which it hears that the group wants to share anew, and who
        # holds partitions could commit no more. So it is told one poll later, after what is revoked has been committed.
        self._asked = threading.Event()
        self._rejoin = self.consumer._coordinator.request_rejoin
        self.consumer._coordinator.request_rejoin = self._asked.set
        self.member = self.consumer.group_metadata()
        self.consumer.subscribe(topics=list(layout.topics), listener=self)
        group.look(self.consumer, settings, layout.topics)

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        group.hold(self.consumer, assigned)
        self._noted.append(("assigned", frozenset(assigned)))

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self._noted.append(("revoked", frozenset(revoked)))

    def on_partitions_lost(self, lost: set[TopicPartition]) -> None:
        self._noted.append(("lost", frozenset(lost)))

    def poll(self, timeout_s: float, max_records: int) -> tuple[list[Event], dict[int, list[Any]]]:
        """Events without records, or records by partition."""
        if events := self._events():
            return events, {}
        if self._asked.is_set():
            if ours := sorted(self._owned - self._leaving):
                return self._left(ours), {}
            self._asked.clear()
            self._rejoin()
        found: dict[int, list[Any]] = {}
        self._gather(found, timeout_s, max_records)
        if events := self._rebalanced():
            return events, {}  # every partition was taken away at first: whatever comes back is sought anew
        self.member = self.consumer.group_metadata()
        group.heard(self.consumer, self._settings, self._named)
        return [], found

    def _gather(self, found: dict[int, list[Any]], timeout_s: float, max_records: int) -> None:
        deadline, count = time.monotonic() + timeout_s, 0
        while True:
            left_ms = max(0, int((deadline - time.monotonic()) * 1000))
            for place, records in self._polled(left_ms, max_records - count).items():
                number = self._layout.number(place.topic, place.partition)
                if number in self._sought:
                    found.setdefault(number, []).extend(records)
                    count += len(records)
            if self._noted or self._gone or self._asked.is_set() or count >= max_records or not left_ms:
                return

    def _polled(self, left_ms: int, room: int) -> dict[TopicPartition, list[Any]]:
        try:
            polled: dict[TopicPartition, list[Any]] = self.consumer.poll(left_ms, max_records=room)
            return polled
        except errors.OffsetOutOfRangeError as error:
            # The log was cut under us: give the partition up and take it again, so a restore looks at the damage.
            for place in error.args[0]:
                number = self._layout.number(place.topic, place.partition)
                self.pause(number)
                self._gone += [Lost(number), Assigned(number)]
            return {}
        except errors.FencedInstanceIdError as error:
            raise self._named() from error

    def _events(self) -> list[Event]:
        gone, self._gone = self._gone, []
        return gone or self._rebalanced()

    def _rebalanced(self) -> list[Event]:
        events = self._translated()
        if events and not any(isinstance(event, Revoked) for event in events):
            # Else not before the next poll: what is revoked may be committed only as the member that held it.
            self.member = self.consumer.group_metadata()
        return events

    def _translated(self) -> list[Event]:
        events: list[Event] = []
        while self._noted:
            what, places = self._noted.popleft()
            numbers = sorted(self._layout.number(place.topic, place.partition) for place in places)
            if what == "lost" and numbers:
                raise fenced(self._settings, "the group has gone on without us")
            if what == "revoked":
                events += self._left(numbers)
            if what == "assigned":
                events += self._came(numbers)
        return events

    def _left(self, numbers: list[int]) -> list[Event]:
        told = self._leaving
        self._sought.clear()
        self._leaving = told | set(numbers)
        return [Revoked(number) for number in numbers if number not in told]

    def _came(self, numbers: list[int]) -> list[Event]:
        gone = sorted(self._leaving - set(numbers))
        self._leaving.clear()
        self._owned = set(numbers)
        return [*map(Lost, gone), *map(Assigned, numbers)]

    def seek(self, number: int, offset: int) -> None:
        place = TopicPartition(*self._layout.place(number))
        if place in self.consumer.assignment():  # else the next poll says so
            self.consumer.seek(place, offset)
            self.consumer.resume(place)
            self._sought[number] = place
            self._ends.pop(number, None)

    def pause(self, number: int) -> None:
        place = self._sought.pop(number, None)
        if place is not None and place in self.consumer.assignment():
            self.consumer.pause(place)

    def ends(self) -> dict[int, int]:
        """By partition that was sought, the end of its log as far as it is known."""
        ours = self.consumer.assignment()
        for number, place in self._sought.items():
            if place in ours and (end := self.consumer.highwater(place)) is not None:
                # A new leader may know less of the end than the old one did; the log is no shorter for that.
                self._ends[number] = max(end, self._ends.get(number, 0))
        return {number: end for number, end in self._ends.items() if number in self._sought}

    def position(self, number: int) -> int:
        """Past markers and other records that are never given."""
        return int(self.consumer.position(self._sought[number], timeout_ms=0) or 0)

    def close(self) -> None:
        group.close(self.consumer)

    def _named(self) -> FencedError:
        return fenced(self._settings, "another worker joined with our name")


def fenced(settings: KafkaSettings, why: str) -> FencedError:
    return FencedError(
        f"kafka.slot {settings.slot} of group {settings.group}: {why}; nothing was published. A restart is exact; "
        "where this comes again, two workers run with one slot"
    )
