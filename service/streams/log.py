"""The outside of a stream: what feeders append, and what anybody may read of it beside a running worker.

Every command that is not the worker itself knows a stream by this protocol alone. Partitions are the numbers that the
port gives them; `place` tells what a number stands for.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple, Protocol

from service.records import Headers, Records
from service.streams.port import Output

Table = Literal["alerts", "deadletters", "control"]


class Message(NamedTuple):
    """What a feeder appends. arrival: Unix ms, by the feeder's clock; a log with a clock of its own takes that."""

    key: bytes | None
    value: bytes
    arrival: int
    headers: Headers = ()


class Log(Protocol):
    @property
    def partitions(self) -> int: ...

    @property
    def where(self) -> str:
        """What a person calls this log: a path, or topics and brokers."""
        ...

    def place(self, partition: int) -> tuple[str, int]:
        """Topic and its partition that the number stands for."""
        ...

    def append(self, messages: Iterable[Message]) -> int:
        """Once it returns, all of them are there to stay. After an UnavailableError some may be."""
        ...

    def ends(self) -> dict[int, int]:
        """Offset after the last reading of every partition."""
        ...

    def log_start(self, partition: int) -> int:
        """Offset of the oldest reading still there; the offset after the last one where there is none."""
        ...

    def readings(self, partition: int, start: int, stop: int, max_records: int) -> Records:
        """At most max_records of the readings with start <= offset < stop, in order; none: there is none of them."""
        ...

    def written(self, table: Table, after: int = 0, limit: int = -1) -> list[tuple[int, Output]]:
        """What workers have committed, each with its id; read on from the last id that this very log gave.

        A key's outputs come in the order of the commits. The partition of an output is that of the input that caused
        it, except that Kafka gives the alerts' and dead letters' own.
        """
        ...

    def close(self) -> None: ...
