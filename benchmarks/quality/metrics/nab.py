"""The score of the Numenta Anomaly Benchmark, v1.1: early detections in a labelled window earn, false ones cost.

Lavin and Ahmad, 'Evaluating Real-time Anomaly Detection Algorithms' (ICMLA 2015), in the form of the benchmark's own
sweeper: every row at or above the threshold outside all windows is a false positive, only the first one in a window
counts, 0 is a detector that says nothing, 100 one that fires at the first row of every window.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PROBATION, PROBATION_OF = 0.15, 5000  # the share of a series that is warm-up, of so many of its rows at most
FAR = 3.0  # widths past a window from which on a false positive costs all of its weight

Floats = NDArray[np.float64]
Profile = Mapping[str, Mapping[str, float]]  # one entry of the benchmark's profiles.json


@dataclass(frozen=True)
class Labelled:
    """The labels of one series: its windows as (first row, last row), both of them in the window, disjoint."""

    rows: int
    windows: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Stakes:
    """What a detection at each row would be worth.

    value: (m,) the detector's score of the row; gain: (m,) what a detection there adds, of which a window takes the
    largest only; window: (m,) the number of the window that the row lies in, -1 for none; missed: (windows,) what
    each window adds that has no detection, less than any gain in it.
    """

    value: Floats
    gain: Floats
    window: NDArray[np.int64]
    missed: Floats

    def total(self, threshold: float) -> float:
        found = self.value >= threshold
        inside = found & (self.window >= 0)
        best = self.missed.copy()
        np.maximum.at(best, self.window[inside], self.gain[inside])
        return float(best.sum() + self.gain[found & ~inside].sum())

    def curve(self) -> tuple[Floats, Floats, NDArray[np.int64]]:
        """Each threshold that differs, from infinity down; the total there; the false positives there."""
        order = np.argsort(-self.value, kind="stable")
        order = order[: np.count_nonzero(~np.isnan(self.value))]  # nan sorts last, and is never a detection
        value, gain, window = self.value[order], self.gain[order], self.window[order]
        outside = window < 0
        added = np.where(outside, gain, 0.0)
        by_window = np.argsort(window, kind="stable")  # in a window the highest score still comes first
        edges = np.searchsorted(window[by_window], np.arange(len(self.missed) + 1))
        for missed, first, end in zip(self.missed, edges[:-1], edges[1:], strict=True):
            rows = by_window[first:end]
            added[rows] = np.diff(np.maximum.accumulate(np.concatenate(([missed], gain[rows]))))
        thresholds = np.concatenate(([np.inf], value))
        totals = np.concatenate(([0.0], np.cumsum(added))) + self.missed.sum()
        false = np.concatenate(([0], np.cumsum(outside)))
        complete = np.append(thresholds[:-1] != thresholds[1:], True)  # rows of one score are found together
        return thresholds[complete], totals[complete], false[complete]


def score(corpus: Sequence[Labelled], detections: Sequence[Floats], threshold: float, profile: Profile) -> float:
    """The normalised score; detections: (rows,) a series, detected where >= threshold. nan without any window."""
    return float(_normalised(_stakes(corpus, detections, profile).total(threshold), corpus, profile))


def sweep(corpus: Sequence[Labelled], values: Sequence[Floats], profile: Profile) -> tuple[float, float]:
    """The best score that one threshold for all series reaches, and that threshold, the highest if several do."""
    thresholds, totals, _ = _stakes(corpus, values, profile).curve()
    best = int(np.argmax(totals))
    return float(_normalised(float(totals[best]), corpus, profile)), float(thresholds[best])


def windows_of(times: NDArray[np.generic], windows: Sequence[tuple[object, object]]) -> tuple[tuple[int, int], ...]:
    """The rows of windows of time, both ends included, read forward: times may step back, and a repeated time counts
    at its first row, as in the benchmark. windows: anything that converts to the type of `times`."""
    found = []
    for start, end in np.array(windows, dtype=times.dtype).reshape(-1, 2):
        begun = np.flatnonzero(times >= start)
        if not len(begun):
            continue
        first = int(begun[0])
        ended = first + np.flatnonzero(times[first:] >= end)
        last = int(ended[0]) if len(ended) else len(times) - 1
        if times[last] > end:
            last -= 1
        if last >= first:
            found.append((first, last))
    return tuple(sorted(found))


def probation(rows: int) -> int:
    return min(int(PROBATION * rows), int(PROBATION * PROBATION_OF))


def _stakes(corpus: Sequence[Labelled], values: Sequence[Floats], profile: Profile) -> Stakes:
    cost = profile["CostMatrix"]
    gains, numbers, seen, windows = [], [], [], 0
    for labelled, value in zip(corpus, values, strict=True):
        if len(value) != labelled.rows:
            raise ValueError(f"{len(value)} scores for a series of {labelled.rows} rows")
        gain, number = _worth(labelled, cost)
        warm = probation(labelled.rows)
        gain, number = gain[warm:], number[warm:]
        scored, inside = np.unique(
            number[number >= 0], return_inverse=True
        )  # a window all in the warm-up is not missed
        number[number >= 0] = windows + inside
        windows += len(scored)
        gains.append(gain)
        numbers.append(number)
        seen.append(np.asarray(value, np.float64)[warm:])
    missed = np.full(windows, -float(cost["fnWeight"]))
    none = np.empty(0)
    return Stakes(
        np.concatenate([none, *seen]),
        np.concatenate([none, *gains]),
        np.concatenate([none, *numbers]).astype(int),
        missed,
    )


def _worth(labelled: Labelled, cost: Mapping[str, float]) -> tuple[Floats, NDArray[np.int64]]:
    """What a detection at each row adds, and the number of its window or -1."""
    row = np.arange(labelled.rows)
    gain = np.full(labelled.rows, -float(cost["fpWeight"]))  # before the first window
    number = np.full(labelled.rows, -1)
    for which, (first, last) in enumerate(sorted(labelled.windows)):
        width = last - first + 1
        inside, after = slice(first, last + 1), slice(last + 1, None)
        # The last row of a window is one row short of 0, so that it still earns; its first row earns all.
        gain[inside] = cost["tpWeight"] * _sigmoid((row[inside] - last - 1) / width) / _sigmoid(np.array(-1.0))
        number[inside] = which
        past = (row[after] - last) / (width - 1) if width > 1 else np.full(labelled.rows - last - 1, FAR)
        gain[after] = cost["fpWeight"] * _sigmoid(past)  # until the next window writes over it
    return gain, number


def _sigmoid(position: Floats) -> Floats:
    """1 well before, 0 at and -1 well after the right edge of a window; position: in widths of that window."""
    position = np.minimum(position, FAR)
    return np.where(position >= FAR, -1.0, 2.0 / (1.0 + np.exp(5.0 * position)) - 1.0)


def _normalised(total: float, corpus: Sequence[Labelled], profile: Profile) -> float:
    cost = profile["CostMatrix"]
    null = -cost["fnWeight"] * sum(_scored(labelled) for labelled in corpus)
    perfect = cost["tpWeight"] * sum(len(labelled.windows) for labelled in corpus)
    return 100.0 * (total - null) / (perfect - null) if perfect > null else float("nan")


def _scored(labelled: Labelled) -> int:
    return sum(last >= probation(labelled.rows) for _, last in labelled.windows)
