"""Volume under the surface of range-based precision and recall (VUS-PR).

Paparrizos et al., 'Volume Under the Surface: A New Accuracy Evaluation Measure for Time-Series Anomaly Detection'
(VLDB 2022). Labels fade out over a buffer at both ends of an event, so that a score which is a little early or late
still counts; the measure is the mean of the areas over all lengths of that buffer. It rises with the longest one
allowed, so that number belongs beside every figure. In the details (below) it is the authors' optimised variant.
"""

import numpy as np
from numpy.typing import NDArray

BUFFER = 100  # rows, before and after together: half of it lies on either side of an event
THRESHOLDS = 250  # scores at equal steps of rank, from the highest to the lowest

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


def vus_pr(score: Floats, labels: Bools, buffer: int = BUFFER, stride: int = 1, thresholds: int = THRESHOLDS) -> float:
    """Mean area over the buffers 0, stride, 2 stride ... up to `buffer` rows; nan without labels or without rows.

    score, labels: (n,), scores not nan. Ten thousand rows take some tenths of a second.
    """
    labels = np.asarray(labels, bool)
    if not labels.any():
        return float("nan")
    rank, positive = _ranked(np.asarray(score, np.float64), thresholds)
    first, last = _runs(labels)
    return float(np.mean([_area(labels, first, last, rank, positive, each) for each in range(0, buffer + 1, stride)]))


def _area(labels: Bools, first: Ints, last: Ints, rank: Ints, positive: Floats, buffer: int) -> float:
    """Area under range-precision over range-recall at one buffer."""
    weight = _faded(labels, first, last, buffer)
    near = np.flatnonzero(weight)
    # A row is found at the thresholds from its rank on: sums over found rows are running sums over ranks.
    true = np.cumsum(np.bincount(rank[near], weight[near], len(positive)))
    faded = near[~labels[near]]
    found_faded = np.cumsum(np.bincount(rank[faded], weight[faded], len(positive)))
    # What there is to find: the labelled rows, and half of what was found of the fading ones.
    recall = np.minimum(true / (labels.sum() + found_faded / 2), 1.0)
    earliest = np.minimum.reduceat(rank, _edges(first, last, buffer, len(labels)))[::2]
    events = np.cumsum(np.bincount(earliest, minlength=len(positive)))
    recall *= events / len(earliest)
    # Precision at the end of a step, not the mean of both ends, as in the authors' optimised variant.
    return float(np.sum(np.diff(recall, prepend=0.0) * true / positive))


def _ranked(score: Floats, thresholds: int) -> tuple[Ints, Floats]:
    """For each row the first threshold, from the highest down, that it reaches; for each threshold, how many do."""
    falling = -np.sort(-score)
    chosen = falling[np.linspace(0, len(score) - 1, thresholds).astype(int)]
    rank = np.searchsorted(-chosen, -score)
    positive = np.cumsum(np.bincount(rank, minlength=thresholds)).astype(np.float64)
    return rank, positive


def _faded(labels: Bools, first: Ints, last: Ints, buffer: int) -> Floats:
    """1 in an event, less with the distance from it, 0 beyond half the buffer; what overlaps adds up, to 1 at most."""
    distance = np.arange(1, buffer // 2 + 1)
    rows = np.concatenate([(last[:, None] + distance).ravel(), (first[:, None] - distance).ravel()])
    share = np.tile(np.sqrt(1.0 - distance / max(buffer, 1)), 2 * len(first))
    exists = (rows >= 0) & (rows < len(labels))
    return np.minimum(np.bincount(rows[exists], share[exists], len(labels)) + labels, 1.0)


def _edges(first: Ints, last: Ints, buffer: int, rows: int) -> Ints:
    """(first, end) of events with their buffers, those that meet joined, for `reduceat`; flat."""
    half = buffer // 2
    apart = last[:-1] + half < first[1:] - half
    begins = np.maximum(np.append(first[:1], first[1:][apart]) - half, 0)
    ends = np.append(last[:-1][apart], last[-1:]) + half + 1
    edges = np.stack([begins, ends], axis=1).ravel()
    return edges[:-1] if edges[-1] >= rows else edges  # reduceat takes no end beyond the rows


def _runs(labels: Bools) -> tuple[Ints, Ints]:
    """First and last rows of the maximal runs."""
    change = np.diff(np.concatenate(([0], labels.astype(np.int8), [0])))
    return np.flatnonzero(change == 1), np.flatnonzero(change == -1) - 1
