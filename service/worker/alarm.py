"""The alarm for a worker that turns and turns and gets nowhere: there is more to read, and the position stands still.

A stream that refuses says so, and patience deals with it. This is for everything that says nothing; the process then
ends, because a restart is exact and has mended stranger things.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from service.errors import StalledError

LONGEST_S = 10.0  # counted between two looks at most: a process that was frozen has not been trying


@dataclass
class _Standing:
    position: int
    seconds: float = 0.0


class Alarm:
    def __init__(self, progress_s: float, monotonic: Callable[[], float]) -> None:
        self._progress_s, self._monotonic = progress_s, monotonic
        self._standing: dict[int, _Standing] = {}
        self._looked = monotonic()

    def forget(self) -> None:
        """The stream refused, so standing still has a reason."""
        self._standing.clear()

    def look(self, positions: Mapping[int, int]) -> None:
        """positions: of the partitions that have more to read. Raises StalledError."""
        now = self._monotonic()
        passed, self._looked = min(now - self._looked, LONGEST_S), now
        before, self._standing = self._standing, {}
        for partition, position in positions.items():
            standing = before.get(partition)
            if standing is None or standing.position != position:
                self._standing[partition] = _Standing(position)
                continue
            standing.seconds += passed
            self._standing[partition] = standing
            if standing.seconds >= self._progress_s:
                raise StalledError(
                    f"partition {partition}: nothing was committed for {standing.seconds:.0f} s although there is more "
                    f"to read from offset {position} on and the stream refused nothing; a restart goes on exactly "
                    "there (worker.progress_s is how long to wait for this)"
                )
