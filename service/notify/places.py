"""How far a target has been told: everything before a place, and beyond it what was told out of order.

The log is the queue. A commit says per partition how far each target is, so a slow one holds up none, and a restart
reads on from the slowest and tells nobody twice what was committed as told.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping

import msgspec

WORDS = 3800  # characters: a broker takes 4096 bytes beside an offset by default
TRIM = 4096


class Place(msgspec.Struct, frozen=True, array_like=True):
    """All offsets before `floor` are done with, and those in [start, end) of each run beyond it."""

    floor: int
    runs: list[int] = []  # start, end, start, end ... ascending

    def has(self, offset: int) -> bool:
        return offset < self.floor or bisect_right(self.runs, offset) % 2 == 1


class Mark(msgspec.Struct, frozen=True):
    """Of one partition: how far each target is, and where a restart begins to read to know what is open."""

    targets: Mapping[str, Place]
    base: int

    def floor(self) -> int:
        return min(place.floor for place in self.targets.values())

    def text(self) -> str:
        """Shorter than a broker's limit: runs that do not fit are told again after a restart, as is their right."""
        runs = max((len(place.runs) for place in self.targets.values()), default=0)
        while True:
            text = msgspec.json.encode({"base": self.base, "targets": self._cut(runs)}).decode()
            if len(text) <= WORDS:
                return text
            if not runs:
                return ""  # too many targets: the offset beside it, which is the slowest's, has to do for all
            runs //= 2

    def _cut(self, runs: int) -> dict[str, Place]:
        return {name: Place(place.floor, place.runs[: runs // 2 * 2]) for name, place in self.targets.items()}


class _Words(msgspec.Struct):
    base: int
    targets: dict[str, Place]


class Found(msgspec.Struct, frozen=True):
    """A mark as it was found. Where a tool reset the offset there are no words of ours, and the offset is for all."""

    offset: int
    words: _Words | None

    @classmethod
    def parse(cls, offset: int, text: str | None) -> "Found":
        try:
            return cls(offset, msgspec.json.decode(text or "", type=_Words))
        except msgspec.MsgspecError:
            return cls(offset, None)

    def place(self, target: str) -> Place | None:
        """None: a target that nothing is remembered of."""
        return Place(self.offset) if self.words is None else self.words.targets.get(target)

    @property
    def base(self) -> int:
        return self.offset if self.words is None else min(self.offset, self.words.base)


class Tracker:
    """One target, one partition. Offsets begin in ascending order and are done with in any."""

    def __init__(self, place: Place) -> None:
        self._before = place
        self._position = place.floor
        self._offsets = array("q")  # begun, from the first on that is not done with
        self._done = bytearray()
        self._head = 0  # of both; what is before it is done with

    def handled(self, offset: int) -> bool:
        """In an earlier life."""
        return self._before.has(offset)

    def begin(self, offset: int, done: bool = False) -> None:
        self._position = max(self._position, offset + 1)
        if not done or self._head < len(self._offsets):
            self._offsets.append(offset)
            self._done.append(done)

    def pass_by(self, position: int) -> None:
        """There is nothing to do before this position but what was begun."""
        if self._offsets and position > self._position:
            self._offsets.append(self._position)  # stands for all of them
            self._done.append(1)
        self._position = max(self._position, position)

    def finish(self, offsets: Iterable[int]) -> None:
        for offset in offsets:
            self._done[bisect_left(self._offsets, offset)] = 1
        waiting = self._done.find(0, self._head)
        self._head = len(self._offsets) if waiting < 0 else waiting
        if self._head > TRIM or self._head == len(self._offsets):
            del self._offsets[: self._head], self._done[: self._head]
            self._head = 0

    def place(self) -> Place:
        if not self._offsets:
            return Place(self._position)
        runs: list[int] = []
        start = self._done.find(1, self._head)
        while start >= 0:
            end = self._done.find(0, start)
            runs += self._offsets[start], self._position if end < 0 else self._offsets[end]
            start = self._done.find(1, end) if end >= 0 else -1
        return Place(self._offsets[self._head], runs)
