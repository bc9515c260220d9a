"""The alerts of an embedded stream. How far they were told lies among the stream's own offsets, in the same file.

A file is told on by one process at a time, which holds a lock that the kernel takes back when the process ends.
"""

import os
import time
from collections.abc import Mapping

from service.notify.places import Found, Mark
from service.notify.port import Round, Row, Start
from service.streams.embedded import EmbeddedLog
from service.streams.lockfile import locked

OURS = -2  # no partition of the input; the memory of the dead letters is -1
PARTITION = 0
PAGE = 500
LOOK_S = 0.05
TAKEN = ": another `gruard notify` tells of it already; stop one"


class EmbeddedAlerts:
    """One partition; an offset is the alert's id in the file."""

    def __init__(self, log: EmbeddedLog) -> None:
        """Takes the log over. Raises FencedError where the file is told on already."""
        self._log = log
        self.where = log.where
        self._given = False
        self._position = self._end = 0
        try:
            self._lock = locked(log.database.path, ".notify.lock", TAKEN)
        except BaseException:
            log.close()
            raise

    def poll(self, timeout_s: float) -> Round:
        if not self._given:
            start = self._start()
            self._given = True
            return Round(given={PARTITION: start})
        rows = self._read()
        if not rows and timeout_s > 0:
            time.sleep(min(timeout_s, LOOK_S))
            rows = self._read()
        return Round(rows=rows, caught_up=self._position >= self._end)

    def _start(self) -> Start:
        found = self._log.committed(OURS)
        with self._log.database.errors():
            query = "SELECT coalesce(min(id), 1), coalesce(max(id), 0) + 1 FROM alerts"
            first, self._end = self._log.database.connection.execute(query).fetchone()
        return Start(Found.parse(found.offset, found.metadata) if found else None, first, self._end)

    def _read(self) -> tuple[Row, ...]:
        found = self._log.written("alerts", self._position - 1, PAGE)
        if found:
            self._position = found[-1][0] + 1
        elif self._position < self._end:
            self._position = self._end
        return tuple(Row(PARTITION, id, output.value) for id, output in found)

    def seek(self, positions: Mapping[int, int]) -> None:
        self._position = positions[PARTITION]

    def commit(self, marks: Mapping[int, Mark]) -> None:
        mark = marks[PARTITION]
        with self._log.database.transaction() as connection:
            row = (OURS, mark.floor(), mark.text())
            connection.execute("INSERT OR REPLACE INTO offsets VALUES (?, ?, ?)", row)

    def close(self) -> None:
        self._log.close()
        os.close(self._lock)
