"""The time axis of pictures: dates where times are known, rows where there were none."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from service.report.story import Life

DAY_MS = 86_400_000.0
START_MS = 946_684_800_000  # where rows without times count from


@dataclass(frozen=True)
class Axis:
    known: bool
    period_s: float

    @property
    def label(self) -> str:
        return "time (UTC)" if self.known else "row"

    @property
    def least(self) -> float:
        """A width where there is none."""
        return 1 / 1440 if self.known else 1.0

    def of(self, times: NDArray[np.int64]) -> NDArray[np.float64]:
        """Unix ms to matplotlib's days since 1970, or to rows."""
        moved = times / DAY_MS if self.known else (times - START_MS) / (1000 * self.period_s)
        return np.asarray(moved, np.float64)

    def span(self, life: Life, last_ms: int) -> tuple[float, float]:
        """Where an alert begins and ends: at the device's last reading at the latest, for nothing is known after it."""
        start = unix_ms(life.first["onset_time"])
        end = min(unix_ms(life.last["resolved_time"]), last_ms) if life.last["resolved_time"] else last_ms
        at = self.of(np.array([start, max(start, end)]))
        return float(at[0]), float(at[1])


def unix_ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)
