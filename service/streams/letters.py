"""Dead letters as they lie in a stream, how far they were published again, and doing so: each once, whatever crashes.

A letter has a position in its box; what was published again is remembered by positions, for all reasons together and
for single ones beyond that. The memory is written in the transaction that publishes.
"""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from service.errors import FencedError
from service.records import Headers
from service.streams.embedded import EmbeddedLog
from service.streams.log import Message
from service.streams.port import Output

PREFIX = "dlq."
OURS = -1  # no partition of the input: where the embedded file keeps how far its letters were published again
PAGE = 256


class Letter(NamedTuple):
    position: int  # in its box
    reason: str
    error: str
    topic: str
    partition: int
    offset: int
    truncated: bool  # its value is the head of a longer one, so it can't be published again
    key: bytes | None
    value: bytes
    headers: Headers  # its own, without ours

    @property
    def source(self) -> tuple[str, int, int]:
        """The message that it is, or is one element of."""
        return self.topic, self.partition, self.offset

    @classmethod
    def parse(cls, position: int, output: Output) -> "Letter | None":
        """None: no letter of ours."""
        told = {name: value.decode("utf-8", "replace") for name, value in output.headers if name.startswith(PREFIX)}
        try:
            place = told["dlq.topic"], int(told["dlq.partition"]), int(told["dlq.offset"])
        except (KeyError, ValueError):
            return None
        own = tuple(header for header in output.headers if not header[0].startswith(PREFIX))
        reason, error = told.get("dlq.reason", "?"), told.get("dlq.error", "")
        return cls(position, reason, error, *place, "dlq.truncated" in told, output.key, output.value, own)

    def message(self) -> Message:
        return Message(self.key, self.value, time.time_ns() // 1_000_000, self.headers)


class Place(msgspec.Struct, frozen=True):
    """How far the letters of one box were published again."""

    floor: int = 0  # all reasons
    ahead: Mapping[str, int] = {}  # single reasons, beyond the floor

    def of(self, reason: str) -> int:
        return max(self.floor, self.ahead.get(reason, 0))

    def first(self, reasons: Collection[str] | None) -> int:
        """Where a reader of these reasons (None: of all) begins."""
        return min(map(self.of, reasons)) if reasons else self.floor

    def after(self, position: int, reasons: Collection[str] | None) -> "Place":
        """Once all letters of these reasons before the position have been published again."""
        if reasons:
            moved = {reason: max(position, self.of(reason)) for reason in reasons}
            return Place(self.floor, {**self.ahead, **moved})
        floor = max(position, self.floor)
        return Place(floor, {reason: at for reason, at in self.ahead.items() if at > floor})

    def text(self) -> str:
        return msgspec.json.encode(self).decode()

    @classmethod
    def parse(cls, text: str | bytes) -> "Place":
        return msgspec.json.decode(text, type=cls)


class Box(Protocol):
    """The dead letters of a stream, as they were when it was opened."""

    @property
    def where(self) -> str: ...

    def places(self) -> dict[int, Place]:
        """Of every partition of the box, how far it was published again."""
        ...

    def letters(self, partition: int, start: int) -> Iterator[Letter]:
        """From this position on, in order; the elements of one message follow each other."""
        ...

    def takes(self, letter: Letter) -> bool:
        """It is of an input that we know, and whole."""
        ...

    def publish(self, partition: int, letters: Sequence[Letter], place: Place) -> None:
        """These messages into their inputs, and the place remembered: both or, with an error, neither."""
        ...

    def close(self) -> None: ...


class EmbeddedBox:
    """One partition; a position is the letter's id in the file."""

    def __init__(self, log: EmbeddedLog) -> None:
        self._log = log
        self.where = log.where
        with log.database.errors():
            newest = log.database.connection.execute("SELECT coalesce(max(id), 0) FROM deadletters")
            self._end = int(newest.fetchone()[0])
        self._place = self._found()

    def _found(self) -> Place:
        found = self._log.committed(OURS)
        return Place.parse(found.metadata) if found else Place()

    def places(self) -> dict[int, Place]:
        return {0: self._place}

    def letters(self, partition: int, start: int) -> Iterator[Letter]:
        after = start - 1
        while rows := self._log.written("deadletters", after, PAGE):
            for id, output in rows:
                if id > self._end:
                    return  # a letter that came back as a letter is for the next time
                if letter := Letter.parse(id, output):
                    yield letter
            after = rows[-1][0]

    def takes(self, letter: Letter) -> bool:
        return not letter.truncated

    def publish(self, partition: int, letters: Sequence[Letter], place: Place) -> None:
        with self._log.database.transaction() as connection:
            if self._found() != self._place:
                raise FencedError(f"{self.where}: another `gruard deadletters --replay` runs; this one stops here")
            self._log.insert(letter.message() for letter in letters)
            row = (OURS, place.floor, place.text())
            connection.execute("INSERT OR REPLACE INTO offsets VALUES (?, ?, ?)", row)
        self._place = place

    def close(self) -> None:
        self._log.close()
