"""Where alerts come from: the log of a stream, read beside its workers, with a memory of how far they were told.

Every place of an alert is a partition and an offset that ascends; what is committed beside it are our own words.
"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from service.notify.places import Found, Mark


class Start(NamedTuple):
    """A partition that is ours from now on."""

    found: Found | None  # what was committed
    first: int  # the oldest record still there; the offset after the last one where there is none
    end: int  # after the last record at this moment


class Row(NamedTuple):
    partition: int
    offset: int
    value: bytes


class Round(NamedTuple):
    """Either `given` or rows."""

    given: Mapping[int, Start] | None = None  # all that is ours from now on, in place of whatever was; `seek` each
    rows: tuple[Row, ...] = ()
    caught_up: bool = False  # all that lay there when the partitions were given has been read


class Source(Protocol):
    @property
    def where(self) -> str: ...

    def poll(self, timeout_s: float) -> Round:
        """Raises UnavailableError (try again), FencedError (another one of our name)."""
        ...

    def seek(self, positions: Mapping[int, int]) -> None: ...

    def commit(self, marks: Mapping[int, Mark]) -> None:
        """Returns when they are there to stay. Raises as `poll` does."""
        ...

    def close(self) -> None: ...
