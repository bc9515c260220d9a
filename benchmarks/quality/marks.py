"""What is told of each row of a series, and the weak event rule that ranks what alerts compare."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.detector.alerts import RISEN

WEAK = float(np.log(0.25))  # evidence at which an event begins for whoever ranks events; an alert needs 0


@dataclass(frozen=True)
class Marks:
    score: NDArray[np.float64]  # (rows,) exp of the evidence, 0 while warming up
    event: NDArray[np.float64]  # (rows,) 0, or the score where an event begins
    alert: NDArray[np.bool_]  # (rows,) an alert is open

    def since(self, row: int) -> "Marks":
        return Marks(self.score[row:], self.event[row:], self.alert[row:])


def beginnings(evidence: NDArray[np.floating], hold_off: int, least: float = WEAK) -> NDArray[np.bool_]:
    """Rows at which an event begins: evidence of at least so much, after the hold-off or much worse than the last.

    evidence: (readings,) of one device, in order.
    """
    begins = np.zeros(len(evidence), np.bool_)
    last, loudest = -hold_off - 2, -np.inf
    for row in np.flatnonzero(evidence >= least).tolist():
        if row - last - 1 > hold_off or evidence[row] >= loudest + RISEN:
            begins[row] = True
            last, loudest = row, float(evidence[row])
    return begins
