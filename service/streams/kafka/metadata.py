"""The words beside a committed offset, and where the current state records lie, from which one of those words comes."""

from typing import NamedTuple


class Metadata(NamedTuple):
    base: int  # no state record that is still current lies before this offset of the state topic
    writer: str  # of this very commit
    words: str  # the worker's own

    def text(self) -> str:
        return f"{self.base}:{self.writer}:{self.words}"

    @classmethod
    def parse(cls, text: str | None) -> "Metadata":
        """Words that are none of ours, from a tool that reset the offsets say, tell nothing."""
        parts = (text or "").split(":", 2)
        if len(parts) != 3 or not parts[0].isdigit():
            return cls(0, "", "")
        return cls(int(parts[0]), parts[1], parts[2])


class StatePlaces:
    """Of one partition: the offset of every key's last record."""

    def __init__(self, end: int) -> None:
        self._end = end  # of the state as far as we know it
        self._offsets: dict[str, int] = {}

    def took(self, key: str, offset: int, gone: bool) -> None:
        self._end = max(self._end, offset + 1)
        if gone:
            self._offsets.pop(key, None)
        else:
            self._offsets[key] = offset

    def base(self, written: set[str]) -> int:
        """Once these keys have been written again; they will lie beyond the end."""
        return min((offset for key, offset in self._offsets.items() if key not in written), default=self._end)
