"""The port that the worker knows: partitions, offsets, assignment, and one atomic commit.

A stream promises that everything in a `Transaction` becomes visible together or not at all.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from service.records import Headers, Records


@dataclass(frozen=True)
class Assigned:
    partition: int


@dataclass(frozen=True)
class Revoked:
    """The partition leaves in order: a last commit is still allowed."""

    partition: int


@dataclass(frozen=True)
class Lost:
    """The partition is already someone else's: drop it, commit nothing."""

    partition: int


@dataclass
class Poll:
    events: list[Assigned | Revoked | Lost] = field(default_factory=list)
    records: list[Records] = field(default_factory=list)
    caught_up: frozenset[int] = frozenset()  # assigned partitions whose log had nothing more at this poll


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
    state: list[StateRecord] = field(default_factory=list)
    offsets: dict[int, Committed] = field(default_factory=dict)


class Stream(Protocol):
    """One consumer and one transactional producer over the same log."""

    def poll(self, timeout_s: float, max_records: int) -> Poll: ...

    def committed(self, partition: int) -> Committed | None: ...

    def log_start(self, partition: int) -> int: ...

    def state(self, partition: int) -> Iterator[StateRecord]:
        """The partition's compacted state as of its last commit."""
        ...

    def replay(self, partition: int, start: int, stop: int, max_records: int) -> Iterator[Records]:
        """Input records with start <= offset < stop, in order."""
        ...

    def seek(self, partition: int, offset: int) -> None: ...

    def commit(self, transaction: Transaction) -> None:
        """All or nothing. Raises UnavailableError (nothing was written, try again) or FencedError."""
        ...

    def close(self) -> None: ...
