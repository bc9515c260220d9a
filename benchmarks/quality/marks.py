"""What is told of each row of a series, and the weak event rule that ranks what alerts compare."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.detector.alerts import RISEN
from service.detector.scoring import NOTHING

WEAK = float(np.log(0.25))  # evidence at which an event begins for whoever ranks events; an alert needs 0


@dataclass(frozen=True)
class Marks:
    score: NDArray[np.float64]  # (rows,) exp of the evidence, 0 while warming up
    event: NDArray[np.float64]  # (rows,) 0, or the score where an event begins
    begun: NDArray[np.bool_]  # (rows,) the same rule at the alert's own limit: an event that is an alarm begins
    alert: NDArray[np.bool_]  # (rows,) an alert is open

    def since(self, row: int) -> "Marks":
        return self.at(np.arange(row, len(self.score)))

    def at(self, rows: NDArray[np.intp]) -> "Marks":
        return Marks(self.score[rows], self.event[rows], self.begun[rows], self.alert[rows])


def marks(evidence: NDArray[np.floating], alert: NDArray[np.bool_], stepped: NDArray[np.bool_], hold_off: int) -> Marks:
    """Of what was told of the rows that were stepped; another repeats the row before it, and begins nothing.

    evidence, alert, stepped: (rows,); what the first two hold where nothing was stepped does not matter.
    """
    # In single precision, as files have it: what is ranked here is what whoever reads a file ranks.
    score = np.exp(evidence.astype(np.float64)).astype(np.float32).astype(np.float64)
    score[evidence <= NOTHING] = 0
    places = np.flatnonzero(stepped)
    event, begun = np.zeros(len(score)), np.zeros(len(score), np.bool_)
    weak = places[beginnings(evidence[places], hold_off)]
    event[weak] = score[weak]
    begun[places[beginnings(evidence[places], hold_off, least=0.0)]] = True
    source = np.maximum.accumulate(np.where(stepped, np.arange(len(score)), -1))
    told = source >= 0
    return Marks(np.where(told, score[source], 0.0), event, begun, told & alert[source])


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
