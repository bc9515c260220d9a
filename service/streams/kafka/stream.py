"""The port over Kafka: one static member of the group, one transactional producer, one reader for restores.

Nothing connects before the first poll, so a broker that is away at the start is waited for like one that leaves later.
The offset that is committed carries two things beside the worker's own words: who wrote it, so a partition that comes
back is known to be untouched, and the lowest state offset still current, so a restore need not read what is older.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from kafka import OffsetAndMetadata, TopicPartition

from service.records import Records
from service.streams.kafka import topics
from service.streams.kafka.clients import connection, meaning
from service.streams.kafka.layout import Layout
from service.streams.kafka.membership import Membership
from service.streams.kafka.metadata import Metadata, StatePlaces
from service.streams.kafka.reader import Reader
from service.streams.kafka.rows import records
from service.streams.kafka.settings import KafkaSettings
from service.streams.kafka.transactions import Sending, Transactions
from service.streams.port import Committed, Output, Poll, StateRecord, SupersededError, Transaction

READ = 2048  # state records taken at a time
LETTER_BYTES = 1 << 20  # a longer dead letter keeps its first LETTER_HEAD bytes, or no topic would take it
LETTER_HEAD = 64 << 10


class KafkaStream:
    def __init__(self, settings: KafkaSettings, reach: Callable[[str], None] = lambda point: None) -> None:
        """reach: told `begun` and `staged` inside a commit. Raises ConfigurationError: a secret that can't be read."""
        connection(settings)
        self._settings = settings
        self._writer = f"{settings.slot}-{os.urandom(4).hex()}"  # no other process, not even our own next one
        self._transactions = Transactions(settings, reach)
        self._reader: Reader | None = None
        self._members: Membership | None = None
        self._layout = Layout(settings.inputs[:1], (0,), 0)  # all that is known before the first look
        self._written: dict[int, OffsetAndMetadata] = {}  # what we committed last
        self._places: dict[int, StatePlaces] = {}
        self._commits = 0
        self._letters = 1  # partitions of the dead letters

    def poll(self, timeout_s: float, max_records: int) -> Poll:
        with meaning(self._settings):
            members = self._connected()
            events, found = members.poll(timeout_s, max_records)
            if events:
                return Poll(events)
            ends = members.ends()
            batches = [records(number, rows) for number, rows in sorted(found.items())]
            caught_up = frozenset(number for number, end in ends.items() if members.position(number) >= end)
            return Poll(records=batches, caught_up=caught_up, ends=ends)

    def _connected(self) -> Membership:
        if self._members is not None:
            return self._members
        self._layout = topics.verified(self._settings)
        letters = self._settings.topic("deadletters")
        self._letters = topics.partitions(self._settings, (letters,))[letters]
        if self._reader is None:
            self._reader = Reader(self._settings)
        # Before the first look at an offset: whatever this slot's ghost still has open ends here.
        self._transactions.open()
        self._members = Membership(self._settings, self._layout)
        return self._members

    def place(self, partition: int) -> tuple[str, int]:
        return self._layout.place(partition)

    def committed(self, partition: int) -> Committed | None:
        found = self._fetched(partition)
        if found is None:
            return None
        return Committed(found.offset, Metadata.parse(found.metadata).words)

    def untouched(self, partition: int) -> bool:
        ours = self._written.get(partition)
        found = self._fetched(partition)
        return ours is not None and found is not None and found[:2] == ours[:2]

    def _fetched(self, partition: int) -> OffsetAndMetadata | None:
        # Waits until the last owner's transaction has ended, one way or the other.
        wait_s = self._settings.transaction_timeout_s + self._settings.request_timeout_s
        with meaning(self._settings):
            consumer = self._connected().consumer
            found: OffsetAndMetadata | None = consumer.committed(
                self._input(partition), metadata=True, timeout_ms=int(wait_s * 1000)
            )
            return found

    def log_start(self, partition: int) -> int:
        with meaning(self._settings):
            return self._read_by().start(self._input(partition))

    def state(self, partition: int) -> Iterator[StateRecord]:
        with meaning(self._settings):
            reader, place = self._read_by(), TopicPartition(self._settings.topic("state"), partition)
            found = self._fetched(partition)
            first, end = reader.start(place), reader.end(place)
            base = Metadata.parse(found.metadata).base if found else 0
            places = self._places[partition] = StatePlaces(end)
            # A base beyond the end is of a state that was deleted since; what is there is shown, and found to be wrong.
            start = base if first <= base <= end else first
            for rows in reader.read(place, start, end, READ):
                for row in rows:
                    key = row.key.decode("utf-8", "surrogateescape")
                    places.took(key, row.offset, gone=row.value is None)
                    yield StateRecord(partition, key, row.value)

    def replay(self, partition: int, start: int, stop: int, max_records: int) -> Iterator[Records]:
        with meaning(self._settings):
            for rows in self._read_by().read(self._input(partition), start, stop, max_records):
                yield records(partition, rows)

    def _read_by(self) -> Reader:
        self._connected()
        assert self._reader is not None
        return self._reader

    def _input(self, partition: int) -> TopicPartition:
        return TopicPartition(*self._layout.place(partition))

    def seek(self, partition: int, offset: int) -> None:
        self._connected().seek(partition, offset)

    def pause(self, partition: int) -> None:
        self._connected().pause(partition)

    def commit(self, transaction: Transaction) -> None:
        with meaning(self._settings):
            member = self._connected().member
            if member.generation_id <= 0:
                # The broker would take an offset of nobody's without a question: it must not get one.
                raise SupersededError(f"not a member of the group {self._settings.group} at the moment")
            self._commits += 1
            offsets = {p: self._offset(p, c, transaction.state) for p, c in transaction.offsets.items()}
            futures: list[tuple[StateRecord, Any]] = []
            for partition in offsets:
                self._written.pop(partition, None)
            self._transactions.commit(
                lambda sending: self._send(sending, transaction, futures),
                {self._input(partition): offset for partition, offset in offsets.items()},
                member,
            )
            self._written |= offsets
            for record, future in futures:
                places = self._places.setdefault(record.partition, StatePlaces(0))
                places.took(record.key, future.get(0).offset, gone=record.value is None)

    def _offset(self, partition: int, committed: Committed, state: Sequence[StateRecord]) -> OffsetAndMetadata:
        places = self._places.setdefault(partition, StatePlaces(0))
        base = places.base({record.key for record in state if record.partition == partition})
        words = Metadata(base, f"{self._writer}/{self._commits}", committed.metadata).text()
        return OffsetAndMetadata(committed.offset, words, -1)

    def _send(self, sending: Sending, transaction: Transaction, futures: list[tuple[StateRecord, Any]]) -> None:
        topic = self._settings.topic
        for alert in transaction.alerts:
            sending.send(topic("alerts"), None, alert.key, alert.value, alert.headers)
        for letter in map(_bounded, transaction.deadletters):
            # Those of one message side by side, also where it has no key to say so.
            partition = letter.partition % self._letters if letter.key is None else None
            sending.send(topic("deadletters"), partition, letter.key, letter.value, letter.headers)
        for entry in transaction.control:
            sending.send(topic("control"), entry.partition, entry.key, entry.value, entry.headers)
        for record in transaction.state:
            key = record.key.encode("utf-8", "surrogateescape")
            futures.append((record, sending.send(topic("state"), record.partition, key, record.value, ())))

    def close(self) -> None:
        with meaning(self._settings):
            self._transactions.close()
            if self._members is not None:
                self._members.close()
            if self._reader is not None:
                self._reader.close()


def _bounded(letter: Output) -> Output:
    size = len(letter.value)
    if size <= LETTER_BYTES:
        return letter
    headers = (*letter.headers, ("dlq.truncated", str(size).encode()))
    return Output(letter.partition, letter.offset, letter.key, letter.value[:LETTER_HEAD], headers)
