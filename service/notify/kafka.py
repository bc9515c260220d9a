"""The alerts topic of a Kafka stream, read as a consumer group of its own in which one member holds every partition.

Groups and storms are counted over all partitions, so a second process stands by until the first is gone. The client
calls the rebalance listener on its own thread, so it only notes; everything is acted upon after the poll.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any

from kafka import ConsumerRebalanceListener, OffsetAndMetadata, TopicPartition, errors
from kafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from kafka.protocol.consumer.metadata import ConsumerProtocolAssignment, ConsumerProtocolSubscription

from service.errors import FencedError, UnavailableError
from service.notify.places import Found, Mark
from service.notify.port import Round, Row, Start
from service.streams.kafka import group, topics
from service.streams.kafka.clients import meaning
from service.streams.kafka.layout import missing
from service.streams.kafka.settings import KafkaSettings

PAGE = 500


class OneHoldsAll(AbstractPartitionAssignor):  # type: ignore[misc]
    """The member with the first slot in the alphabet; the others stand by."""

    name = "gruard-one"
    version = 0

    @classmethod
    def assign(cls, cluster: Any, members: Any) -> dict[str, ConsumerProtocolAssignment]:
        chosen = min(members, key=lambda m: (m.group_instance_id is None, m.group_instance_id or "", m.member_id))
        places = [(t, sorted(cluster.partitions_for_topic(t) or ())) for t in sorted(chosen.metadata.topics)]
        return {
            member.member_id: ConsumerProtocolAssignment(cls.version, places if member is chosen else [], b"")
            for member in members
        }

    @classmethod
    def metadata(cls, topics: Any) -> ConsumerProtocolSubscription:
        return ConsumerProtocolSubscription(cls.version, list(topics), b"")

    @classmethod
    def on_assignment(cls, assignment: Any, generation: Any) -> None:
        pass


class KafkaAlerts(ConsumerRebalanceListener):  # type: ignore[misc]
    """Connects at once. For one thread."""

    def __init__(self, settings: KafkaSettings) -> None:
        """Raises UnavailableError (no broker), MissingError (no topic), ConfigurationError (refused)."""
        self._settings = settings
        self._topic = settings.topic("alerts")
        self._group = f"{settings.group}-notify"
        self.where = f"{self._topic} on {settings.bootstrap_servers}"
        if self._topic not in topics.partitions(settings, (self._topic,)):
            raise missing(self._topic, settings)
        self._noted: deque[tuple[str, frozenset[TopicPartition]]] = deque()  # by the client's own thread
        self._held: frozenset[TopicPartition] = frozenset()
        self._giving = False  # what is held has not been told yet
        self._positions: dict[TopicPartition, int] = {}  # next to be given out, of partitions that were sought
        self._ends: dict[TopicPartition, int] = {}
        with meaning(settings):
            self._consumer = group.consumer(
                settings, self._group, OneHoldsAll, client_id=f"{self._group}-{settings.slot}"
            )
            self._consumer.subscribe(topics=[self._topic], listener=self)
        group.look(self._consumer, settings, (self._topic,))

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        group.hold(self._consumer, assigned)
        self._noted.append(("assigned", frozenset(assigned)))

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self._noted.append(("revoked", frozenset(revoked)))

    def on_partitions_lost(self, lost: set[TopicPartition]) -> None:
        self._noted.append(("lost", frozenset(lost)))

    def poll(self, timeout_s: float) -> Round:
        with meaning(self._settings):
            polled = self._polled(timeout_s) if not self._giving else {}
            if polled is None:
                self._giving = True
            if self._noted:
                self._rebalanced()
                polled = {}
            if self._giving:
                return Round(given=self._given())
            assert polled is not None
            rows: list[Row] = []
            for place, records in polled.items():
                if place in self._positions and records:
                    rows += [Row(place.partition, record.offset, record.value or b"") for record in records]
                    self._positions[place] = records[-1].offset + 1
            group.heard(self._consumer, self._settings, self._fenced)
            return Round(rows=tuple(rows), caught_up=self._caught_up())

    def _polled(self, timeout_s: float) -> dict[TopicPartition, list[Any]] | None:
        """None: what we were about to read is not there any more."""
        try:
            found: dict[TopicPartition, list[Any]] = self._consumer.poll(int(timeout_s * 1000), max_records=PAGE)
            return found
        except errors.OffsetOutOfRangeError:
            return None
        except errors.FencedInstanceIdError as error:
            raise self._fenced() from error

    def _rebalanced(self) -> None:
        """Whatever nobody else can have had meanwhile goes on where it was."""
        noted = list(self._noted)
        self._noted.clear()
        assigned = [places for what, places in noted if what == "assigned"]
        if any(what == "lost" and places for what, places in noted):
            self._held, self._giving = frozenset(), True
        if assigned and (len(assigned) > 1 or assigned[0] != self._held or not self._held):
            self._held, self._giving = assigned[-1], True
        elif assigned and not self._giving:
            self._resume()

    def _given(self) -> dict[int, Start]:
        self._positions.clear()
        ours = sorted(self._held)
        given = {place.partition: start for place, start in zip(ours, self._starts(ours), strict=True)}
        self._giving = False
        return given

    def _starts(self, places: list[TopicPartition]) -> list[Start]:
        if not places:
            return []
        timeout_ms = int(self._settings.request_timeout_s * 1000)
        firsts = self._consumer.beginning_offsets(places, timeout_ms=timeout_ms)
        self._ends = self._consumer.end_offsets(places, timeout_ms=timeout_ms)
        return [Start(self._found(place), firsts[place], self._ends[place]) for place in places]

    def _found(self, place: TopicPartition) -> Found | None:
        timeout_ms = int(self._settings.request_timeout_s * 1000)
        found = self._consumer.committed(place, metadata=True, timeout_ms=timeout_ms)
        return None if found is None else Found.parse(found.offset, found.metadata)

    def seek(self, positions: Mapping[int, int]) -> None:
        self._positions = {TopicPartition(self._topic, partition): at for partition, at in positions.items()}
        self._resume()

    def _resume(self) -> None:
        ours = self._consumer.assignment()
        for place, position in self._positions.items():
            if place in ours:  # else the next poll says so
                self._consumer.seek(place, position)
                self._consumer.resume(place)

    def _caught_up(self) -> bool:
        """By the client's positions: the end of a log may be a marker that nobody is given."""
        ours = self._consumer.assignment()
        return bool(self._positions) and all(
            place in ours and (self._consumer.position(place, timeout_ms=0) or 0) >= self._ends[place]
            for place in self._positions
        )

    def commit(self, marks: Mapping[int, Mark]) -> None:
        offsets = {
            TopicPartition(self._topic, partition): OffsetAndMetadata(mark.floor(), mark.text(), -1)
            for partition, mark in marks.items()
        }
        with meaning(self._settings):
            if self._consumer.group_metadata().generation_id <= 0:
                # The broker would take an offset of nobody's without a question.
                raise UnavailableError(f"not a member of the group {self._group} at the moment")
            try:
                self._consumer.commit(offsets, timeout_ms=int(self._settings.request_timeout_s * 1000))
            except errors.FencedInstanceIdError as error:
                raise self._fenced() from error

    def _fenced(self) -> FencedError:
        return FencedError(
            f"kafka.slot {self._settings.slot} of group {self._group}: another `gruard notify` joined with this name; "
            "what it does not know to be told is told again, with the same ids. Give each a kafka.slot of its own"
        )

    def close(self) -> None:
        group.close(self._consumer)
