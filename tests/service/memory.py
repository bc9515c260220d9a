"""A consumer group in memory: several workers share one log, partitions move between them, and whoever is late is told.

`MemoryStream` keeps to the port as a Kafka group would make it: events come alone, a member that the group has left
behind commits nothing, and of a commit whose answer was lost nobody knows. It also holds the worker to its side of it.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from service.records import Records
from service.streams.embedded import Message
from service.streams.port import (
    Assigned,
    Committed,
    Lost,
    Output,
    Poll,
    Revoked,
    StateRecord,
    SupersededError,
    Transaction,
)

Event = Assigned | Revoked | Lost
Commit = Callable[[Callable[[], None]], None]  # is given the commit and may do it, fail it, or both


@dataclass
class MemoryLog:
    """What the broker has: input, outputs, state, offsets, and who holds which partition."""

    partitions: int
    readings: dict[int, list[tuple[int, Message]]] = field(default_factory=dict)
    alerts: dict[int, list[Output]] = field(default_factory=dict)
    deadletters: dict[int, list[Output]] = field(default_factory=dict)
    states: dict[int, dict[str, bytes]] = field(default_factory=dict)
    offsets: dict[int, Committed] = field(default_factory=dict)
    commits: dict[int, int] = field(default_factory=dict)
    target: dict[int, str] = field(default_factory=dict)  # who shall hold a partition ...
    holder: dict[int, "MemoryStream | None"] = field(default_factory=dict)  # ... and whose commits are taken

    def append(self, messages: Sequence[Message]) -> None:
        for message in messages:
            rows = self.readings.setdefault(sum(message.key or b"") % self.partitions, [])
            rows.append((2 * len(rows), message))  # offsets with gaps, as transactions leave them

    def end(self, partition: int) -> int:
        rows = self.readings.get(partition)
        return rows[-1][0] + 1 if rows else 0

    def records(self, partition: int, start: int, stop: int, most: int) -> Records:
        rows = self.readings.get(partition, [])
        first, last = (bisect_left(rows, at, key=lambda row: row[0]) for at in (start, stop))
        rows = rows[first : min(last, first + most)]
        messages = [message for _, message in rows]
        keys, values = [m.key for m in messages], [m.value for m in messages]
        return Records(partition, [offset for offset, _ in rows], [m.arrival for m in messages], keys, values)

    def write(self, transaction: Transaction) -> None:
        for output in transaction.alerts:
            self.alerts.setdefault(output.partition, []).append(output)
        for output in transaction.deadletters:
            self.deadletters.setdefault(output.partition, []).append(output)
        for record in transaction.state:
            state = self.states.setdefault(record.partition, {})
            state.pop(record.key, None)
            if record.value is not None:
                state[record.key] = record.value
        self.offsets |= transaction.offsets
        for partition in transaction.offsets:
            self.commits[partition] = self.commits.get(partition, 0) + 1

    @property
    def done(self) -> bool:
        return all(self.offsets.get(p, Committed(0, "")).offset >= self.end(p) for p in range(self.partitions))


class MemoryStream:
    def __init__(self, log: MemoryLog, member: str, commit: Commit = lambda do: do()) -> None:
        self.log, self.member = log, member
        self.restored: list[int] = []  # partitions whose state was read
        self.closed = False
        self._commit = commit
        self._held: set[int] = set()
        self._leaving: set[int] = set()
        self._only: set[int] | None = None  # after a poll with events: who alone may commit
        self._positions: dict[int, int] = {}
        self._last: dict[int, int] = {}  # number of our own last commit
        self._reading: int | None = None

    def poll(self, timeout_s: float, max_records: int) -> Poll:
        events = self._events()
        self._only = {event.partition for event in events if isinstance(event, Revoked)} if events else None
        if events:
            return Poll(events)
        ends = {p: self.log.end(p) for p in self._held}
        batches = []
        for partition, position in self._positions.items():
            records = self.log.records(partition, position, ends[partition], max_records)
            if len(records):
                self._positions[partition] = records.offsets[-1] + 1
                batches.append(records)
        return Poll([], batches, frozenset(p for p, at in self._positions.items() if at >= ends[p]), ends)

    def _events(self) -> list[Event]:
        log = self.log
        ours = {p for p, member in log.target.items() if member == self.member}
        events: list[Event] = []
        for partition in sorted(self._leaving):  # the rebalance is over
            self._leaving.discard(partition)
            if partition in ours and log.holder.get(partition) is self:
                events.append(Assigned(partition))
            else:
                self._give_up(partition)
                events.append(Lost(partition))
        for partition in sorted(self._held):
            if log.holder.get(partition) is not self:  # it went on without us
                self._give_up(partition)
                events.append(Lost(partition))
            elif partition not in ours and not events:
                self._leaving.add(partition)
                self._positions.pop(partition, None)
                events.append(Revoked(partition))
        for partition in sorted(ours - self._held):
            if log.holder.get(partition) is None:
                log.holder[partition] = self
                self._held.add(partition)
                events.append(Assigned(partition))
        return events

    def _give_up(self, partition: int) -> None:
        self._held.discard(partition)
        self._positions.pop(partition, None)
        self._last.pop(partition, None)
        if self.log.holder.get(partition) is self:
            self.log.holder[partition] = None

    def committed(self, partition: int) -> Committed | None:
        return self.log.offsets.get(partition)

    def untouched(self, partition: int) -> bool:
        return self._last.get(partition) == self.log.commits.get(partition)

    def log_start(self, partition: int) -> int:
        return 0

    def state(self, partition: int) -> Iterator[StateRecord]:
        self.restored.append(partition)
        with self._read(partition):
            for key, value in list(self.log.states.get(partition, {}).items()):
                yield StateRecord(partition, key, value)

    def replay(self, partition: int, start: int, stop: int, max_records: int) -> Iterator[Records]:
        with self._read(partition):
            while start < stop and len(records := self.log.records(partition, start, stop, max_records)):
                yield records
                start = records.offsets[-1] + 1

    def _read(self, partition: int) -> "_Reading":
        return _Reading(self, partition)

    def seek(self, partition: int, offset: int) -> None:
        assert partition in self._held, "only what is ours is sought"
        self._positions[partition] = offset

    def pause(self, partition: int) -> None:
        self._positions.pop(partition, None)

    def place(self, partition: int) -> tuple[str, int]:
        return "odd" if partition % 2 else "even", partition // 2

    def commit(self, transaction: Transaction) -> None:
        partitions = transaction.offsets.keys()
        told = [*transaction.alerts, *transaction.deadletters, *transaction.control, *transaction.state]
        assert {each.partition for each in told} <= partitions, "whatever is written is fenced by its offset"
        assert self._only is None or partitions <= self._only, "after events only who leaves commits"
        if any(self.log.holder.get(partition) is not self for partition in partitions):
            raise SupersededError("the group has moved on")
        self._commit(lambda: self._write(transaction))

    def _write(self, transaction: Transaction) -> None:
        self.log.write(transaction)
        self._last |= {partition: self.log.commits[partition] for partition in transaction.offsets}

    def close(self) -> None:
        """Also what a broker does of itself once a killed member's session is over."""
        self.closed = True
        for partition in list(self._held):
            self._give_up(partition)


class _Reading:
    """There is one reader, so only one partition is restored at a time."""

    def __init__(self, stream: MemoryStream, partition: int) -> None:
        self._stream, self._partition = stream, partition

    def __enter__(self) -> None:
        assert self._stream._reading is None, "another partition is being restored"
        self._stream._reading = self._partition

    def __exit__(self, *error: object) -> None:
        self._stream._reading = None
