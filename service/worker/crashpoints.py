"""Named points of the commit protocol at which a test may kill this very process, as kill -9 would.

`POINT` kills at the first time, `POINT:3` at the third, `POINT@5000` at the first time after 5,000 polled records.
"""

import os
import signal
from dataclasses import dataclass, field

from service.errors import ConfigurationError

POINTS = {
    "polled": "records are here, nothing was done with them",
    "stepped": "the detector has stepped them on its overlay",
    "begun": "the transaction is open and empty",
    "staged": "everything is written, nothing committed",
    "committed": "committed, the overlay not yet folded in",
    "folded": "folded in",
    "snapshot": "a transaction that carried a snapshot was committed",
    "replayed": "a slice of a restore was replayed",
    "restored": "a partition is restored and about to run",
}


@dataclass
class CrashPoints:
    """`reach` is called at every point; without a `crash_at` it does nothing."""

    crash_at: str | None = None
    records: int = 0  # polled so far, told by the worker
    _reached: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._point, self._times, self._after = _parsed(self.crash_at) if self.crash_at else ("", 1, 0)

    def reach(self, point: str) -> None:
        if point != self._point or self.records < self._after:
            return
        self._reached[point] = self._reached.get(point, 0) + 1
        if self._reached[point] >= self._times:
            os.kill(os.getpid(), signal.SIGKILL)


def _parsed(text: str) -> tuple[str, int, int]:
    name, _, times = text.partition(":")
    name, _, after = name.partition("@")
    if name not in POINTS:
        raise ConfigurationError(f"crash_at: {name!r} is no point of the protocol; points are {', '.join(POINTS)}")
    return name, int(times or 1), int(after or 0)
