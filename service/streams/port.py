"""The port that the worker knows: partitions, offsets, assignment, and one atomic commit.

A stream promises that everything in a `Transaction` becomes visible together or not at all.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from service.errors import UnavailableError
from service.records import Headers, Records


@dataclass(frozen=True)
class Assigned:
    partition: int


@dataclass(frozen=True)
class Revoked:
    """The partition may leave: a last commit is still allowed. Assigned or Lost of the same partition follows."""

    partition: int


@dataclass(frozen=True)
class Lost:
    """The partition is already someone else's: drop it, commit nothing."""

    partition: int


class SupersededError(UnavailableError):
    """The commit was refused because the group has moved on; nothing was written, the next poll says what is ours."""


class UncertainError(UnavailableError):
    """Whether the commit took place is not known: only a restore can tell. The stream itself is as good as new."""


@dataclass
class Poll:
    """Events or records, never both. What is committed before the next poll is committed as who we were before it."""

    events: list[Assigned | Revoked | Lost] = field(default_factory=list)
    records: list[Records] = field(default_factory=list)  # at most one entry a partition
    caught_up: frozenset[int] = frozenset()  # assigned partitions whose log had nothing more at this poll
    ends: Mapping[int, int] = field(default_factory=dict)  # offset after the last record, where it is known


@dataclass(frozen=True)
class Committed:
    """Where a partition's next reading starts, and the marker of the snapshot that goes with it."""

    offset: int
    metadata: str  # empty: no snapshot yet


@dataclass(frozen=True)
class StateRecord:
    partition: int
    key: str
    value: bytes | None  # None = tombstone


@dataclass(frozen=True)
class Output:
    partition: int  # input partition and offset that caused it, for streams that keep them
    offset: int
    key: bytes | None
    value: bytes
    headers: Headers = ()


@dataclass
class Transaction:
    alerts: list[Output] = field(default_factory=list)
    deadletters: list[Output] = field(default_factory=list)
    control: list[Output] = field(default_factory=list)  # journal records, kept as long as the input they belong to
    state: list[StateRecord] = field(default_factory=list)
    offsets: dict[int, Committed] = field(default_factory=dict)  # every partition that anything above is of
    needed: dict[int, int] = field(default_factory=dict)  # a restore reads the input from here on; before it may go


class Stream(Protocol):
    """One consumer and one transactional producer over the same log."""

    def poll(self, timeout_s: float, max_records: int) -> Poll:
        """Events first, then records of partitions that were sought; one that was only assigned gives none."""
        ...

    def committed(self, partition: int) -> Committed | None: ...

    def untouched(self, partition: int) -> bool:
        """Nobody has committed the partition since this stream did."""
        ...

    def log_start(self, partition: int) -> int:
        """Offset of the oldest record still there; the offset after the last one where there is none."""
        ...

    def state(self, partition: int) -> Iterator[StateRecord]:
        """The partition's compacted state as of its last commit. Read one partition at a time, state before replay."""
        ...

    def replay(self, partition: int, start: int, stop: int, max_records: int) -> Iterator[Records]:
        """Input records with start <= offset < stop, in order."""
        ...

    def seek(self, partition: int, offset: int) -> None:
        """The next poll gives the partition's records from this offset on, also where it was paused till now."""
        ...

    def pause(self, partition: int) -> None:
        """No poll gives records of the partition, nor calls it caught up, until it is sought; it stays assigned."""
        ...

    def place(self, partition: int) -> tuple[str, int]:
        """Topic and partition that the number stands for, as the outside knows them; the same for ever."""
        ...

    def commit(self, transaction: Transaction) -> None:
        """All or nothing. Raises UnavailableError (nothing was written, try again; see its kinds) or FencedError."""
        ...

    def close(self) -> None: ...
