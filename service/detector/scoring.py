"""From the graph's per-sensor terms to evidence: strengths, each against its limit, the largest ratio wins.

Every sum over sensors is written out column by column, so its order never depends on how many rows there are.
Comes in: terms and a device's own past. Goes out: evidence (0 = alarm), the leading strength, its limit.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.detector.limits import LARGEST
from service.manifest import Manifest, Witness

OFFSET = np.float32(0.1)  # what every evidence must clear beyond its limit
NOTHING = np.float32(-20.0)  # evidence of a reading that can't be judged: its score rounds to 0

Floats = NDArray[np.float32]


class Plan:
    """How one bundle's rows of terms become strengths: worked out once, used at every step."""

    def __init__(self, manifest: Manifest) -> None:
        self.names = manifest.strengths
        self.witness_of = [w for w, witness in enumerate(manifest.witnesses) for _ in witness.strengths]
        self.witnesses = manifest.witnesses
        self.smoothed = [j for j, w in enumerate(self.witness_of) if self.witnesses[w].smooth]
        self.gains = np.array([1 - np.exp(-1 / tau) for w in self.witnesses for tau in w.smooth], np.float32)
        self.penalty = np.array([self.witnesses[w].penalty for w in self.witness_of], np.float32)
        self.evidence = [j for j, w in enumerate(self.witness_of) if self.witnesses[w].role == "evidence"]
        self.change = [j for j, w in enumerate(self.witness_of) if self.witnesses[w].role == "change"]

    def strengths(self, terms: Floats, smooth: Floats, count: NDArray[np.uint32], sensors: NDArray[np.intp]) -> Floats:
        """(rows, J) strengths of one reading a row; `smooth` (rows, smoothed) is brought forward in place.

        terms: (rows, witnesses, width); count: readings before this one; sensors: (rows,) that a device has.
        """
        raw = [reduce_sensors(terms[:, w], witness, sensors) for w, witness in enumerate(self.witnesses)]
        out = np.stack([raw[w] for w in self.witness_of], axis=1)
        if self.smoothed:
            young = (1 / (count.astype(np.float32) + 1))[:, None]  # a plain mean until the EWMA is of age
            smooth += np.maximum(self.gains, young) * (out[:, self.smoothed] - smooth)
            out[:, self.smoothed] = smooth
        return np.minimum(out, np.float32(LARGEST))


def reduce_sensors(terms: Floats, witness: Witness, sensors: NDArray[np.intp]) -> Floats:
    """(rows,) mean over all of a device's sensors, or over the quarter that went farthest."""
    width = terms.shape[1]
    total = np.zeros(len(terms), np.float32)
    if witness.reduce == "mean":
        for s in range(width):
            total += terms[:, s]
        total /= np.maximum(sensors, 1).astype(np.float32)
        return total
    largest = largest_quarter(sensors)
    ordered = np.sort(terms, axis=1)
    for rank in range(int(largest.max(initial=1))):
        total += np.where(rank < largest, ordered[:, width - 1 - rank], np.float32(0))
    total /= largest.astype(np.float32)
    return total


def largest_quarter(sensors: NDArray[np.intp]) -> NDArray[np.intp]:
    return np.maximum((sensors + 3) // 4, 1)


class Judged(NamedTuple):
    evidence: Floats  # (rows,)
    leading: NDArray[np.intp]  # (rows,) strength
    change: Floats  # (rows,) evidence of the change row
    taken_off: Floats  # (rows, J) penalties, correction and offset, for judging against other limits


def judge(plan: Plan, strength: Floats, limit: Floats, correction: Floats, sensors: NDArray[np.intp]) -> Judged:
    """Evidence of each row: the largest ln(strength / limit) less penalties. strength, limit: (rows, J)."""
    penalty = plan.penalty * np.log(largest_quarter(sensors).astype(np.float32))[:, None]
    taken_off = penalty + correction[:, None] + OFFSET
    beyond = exceedance(strength, limit) - taken_off
    candidates = beyond[:, plan.evidence]
    leading = np.argmax(candidates, axis=1)
    evidence = candidates[np.arange(len(candidates)), leading]
    change = beyond[:, plan.change].max(axis=1) if plan.change else np.full(len(beyond), NOTHING)
    return Judged(evidence, np.asarray(plan.evidence, np.intp)[leading], change, taken_off)


def exceedance(strength: Floats, limit: Floats) -> Floats:
    return np.log(np.maximum(strength, np.float32(1e-9)) / limit)
