"""One line on a terminal that says how far long work is; silent where standard error is no terminal."""

import sys
import time
from types import TracebackType
from typing import Self, TextIO

EVERY_S = 0.2


class Progress:
    """Counts up to `total` (None = not known). `with Progress("reading", 100) as progress: progress.add(10)`."""

    def __init__(self, what: str, total: int | None = None, to: TextIO | None = None) -> None:
        self._what, self._total, self._to = what, total, to or sys.stderr
        self._shown = self._to.isatty()
        self._done, self._began, self._next = 0, time.monotonic(), 0.0

    def add(self, count: int) -> None:
        self._done += count
        if self._shown and time.monotonic() >= self._next:
            self._next = time.monotonic() + EVERY_S
            self._to.write(f"\r\x1b[K{self._line()}")
            self._to.flush()

    def _line(self) -> str:
        rate = self._done / max(time.monotonic() - self._began, 1e-3)
        if not self._total:
            return f"{self._what}: {self._done:,} ({rate:,.0f}/s)"
        left = max(self._total - self._done, 0) / max(rate, 1e-9)
        return f"{self._what}: {self._done:,} of {self._total:,} ({rate:,.0f}/s, {left:,.0f} s left)"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            self._to.write("\r\x1b[K")
            self._to.flush()
