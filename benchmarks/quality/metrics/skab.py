"""The measures of the Skoltech Anomaly Benchmark's tables: F1, FAR and MAR of rows, and its score of changepoints.

Katser and Kozitsin, 'Skoltech Anomaly Benchmark (SKAB)' (2020). All are pooled over the files. Its tables hold
thresholds chosen with hindsight, so `hindsight` does that too; `confusion` judges alerts as they were raised.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.metrics.nab import Floats, Stakes

WIDTH_S = 60.0  # of the window that begins at a changepoint
STEPS = 1000  # the benchmark looks its scoring function up in a table of so many entries
COSTS = {"standard": (1.0, 0.11, 1.0), "low_fp": (1.0, 0.22, 1.0), "low_fn": (1.0, 0.11, 2.0)}  # found, false, missed

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Rows:
    """far, mar: false and missing alarm rates, per cent of the normal and of the anomalous rows; nan if none."""

    f1: float
    far: float
    mar: float


@dataclass(frozen=True)
class Hindsight(Rows):
    threshold: float


@dataclass(frozen=True)
class Changes:
    """0 is no event at all, 100 an event at every changepoint and nowhere else; nan without a changepoint."""

    standard: float
    low_fp: float
    low_fn: float
    found: int
    changepoints: int
    false: int
    false_per_file: float
    threshold: float | None = None


def confusion(alerts: Sequence[Bools], labels: Sequence[Bools]) -> Rows:
    """alerts, labels: (n,) a file, true where there is one."""
    raised, anomalous = _pooled(alerts).astype(bool), _pooled(labels).astype(bool)
    true, positive = np.count_nonzero(raised & anomalous), np.count_nonzero(raised)
    f1, far, mar = _rates(np.array([true]), np.array([positive]), anomalous)
    return Rows(float(f1[0]), float(far[0]), float(mar[0]))


def hindsight(scores: Sequence[Floats], labels: Sequence[Bools], most: float = 100.0) -> Hindsight:
    """The best F1 of one threshold for all files with a FAR of at most `most` per cent; ties go to the higher one."""
    value, anomalous = _pooled(scores).astype(np.float64), _pooled(labels).astype(bool)
    order = np.argsort(-value, kind="stable")
    order = order[: np.count_nonzero(~np.isnan(value))]
    thresholds = np.concatenate(([np.inf], value[order]))
    complete = np.append(thresholds[:-1] != thresholds[1:], True)
    true = np.concatenate(([0], np.cumsum(anomalous[order])))[complete]
    f1, far, mar = _rates(true, np.flatnonzero(complete), anomalous)
    best = int(np.argmax(np.where(far > most, -1.0, f1)))
    return Hindsight(float(f1[best]), float(far[best]), float(mar[best]), float(thresholds[complete][best]))


def at_far(scores: Sequence[Floats], labels: Sequence[Bools], most: float = 20.0) -> Hindsight:
    """`hindsight` for those who have to live with the false alarms."""
    return hindsight(scores, labels, most)


def changepoints(
    events: Sequence[Bools], changes: Sequence[Bools], times: Sequence[NDArray[np.int64]], width_s: float = WIDTH_S
) -> Changes:
    """The changepoint table's score of these events; events, changes: (n,) a file, true at one; times: ms."""
    return _judged(_Files([np.asarray(event, bool) * 1.0 for event in events], changes, times, width_s), 1.0)


def best_changepoints(
    values: Sequence[Floats],
    changes: Sequence[Bools],
    times: Sequence[NDArray[np.int64]],
    most_false_per_file: float = 3.0,
    width_s: float = WIDTH_S,
) -> Changes:
    """The best standard score of the events with a value at or above one threshold, that raises on average at most
    so many false ones a file; a value of 0 is no event. All profiles are reported at that threshold."""
    events = [np.where(np.asarray(value) > 0, value, np.nan) for value in values]
    files = _Files(events, changes, times, width_s)
    thresholds, totals, false = files.stakes("standard").curve()
    allowed = false <= most_false_per_file * len(values)
    best = float(thresholds[np.argmax(np.where(allowed, totals, -np.inf))])
    return _judged(files, best, best)


@dataclass(frozen=True)
class _Files:
    values: Sequence[Floats]
    changes: Sequence[Bools]
    times: Sequence[NDArray[np.int64]]
    width_s: float

    def stakes(self, profile: str) -> Stakes:
        found, false, missed = COSTS[profile]
        value, gain, number, windows = [np.empty(0)], [np.empty(0)], [np.empty(0, np.int64)], 0
        for event, change, moments in zip(self.values, self.changes, self.times, strict=True):
            time = np.asarray(moments).astype(np.float64)
            outside = np.ones(len(event), bool)
            for start, end in _windows(time[np.asarray(change, bool)], self.width_s):
                inside = (time >= start) & (time <= end)  # of two that touch, an event at the edge finds both
                outside &= ~inside
                worth = _declining((time[inside] - start) / (end - start))
                value.append(event[inside])
                gain.append((found + false) * worth - false)
                number.append(np.full(len(worth), windows))
                windows += 1
            value.append(event[outside])
            gain.append(np.full(np.count_nonzero(outside), -false))
            number.append(np.full(np.count_nonzero(outside), -1))
        missing = np.full(windows, -missed)
        return Stakes(np.concatenate(value), np.concatenate(gain), np.concatenate(number), missing)


def _judged(files: _Files, threshold: float, chosen: float | None = None) -> Changes:
    scores = {}
    for profile, (gain, _, cost) in COSTS.items():
        stakes = files.stakes(profile)
        count = len(stakes.missed)
        scores[profile] = 100 * (stakes.total(threshold) / count + cost) / (gain + cost) if count else float("nan")
    at = stakes.value >= threshold
    false = int(np.count_nonzero(at & (stakes.window < 0)))
    found = len(np.unique(stakes.window[at & (stakes.window >= 0)]))
    return Changes(
        **scores,
        found=found,
        changepoints=count,
        false=false,
        false_per_file=false / len(files.values),
        threshold=chosen,
    )


def _windows(starts: Floats, width_s: float) -> list[tuple[float, float]]:
    """One from each changepoint on; where two overlap, the later one begins at the end of the earlier."""
    windows: list[tuple[float, float]] = []
    for start in starts:
        begins = max(float(start), windows[-1][1]) if windows else float(start)
        windows.append((begins, float(start) + width_s * 1000))
    return windows


def _declining(position: Floats) -> Floats:
    """1 at the left edge of a window, 0 at the right one; position: 0 to 1."""
    entry = np.minimum((position * STEPS).astype(np.int64), STEPS - 1) / (STEPS - 1)
    worth: Floats = 0.5 - 0.5 * np.tanh(np.pi * (entry - 0.5)) / np.tanh(np.pi / 2)
    return worth


def _rates(true: NDArray[np.int64], positive: NDArray[np.int64], anomalous: Bools) -> tuple[Floats, Floats, Floats]:
    anomalies = np.count_nonzero(anomalous)
    normal = len(anomalous) - anomalies
    nothing = np.full(len(true), np.nan)
    f1 = np.divide(2.0 * true, positive + anomalies, out=nothing.copy(), where=positive + anomalies > 0)
    far = 100.0 * (positive - true) / normal if normal else nothing
    mar = 100.0 * (anomalies - true) / anomalies if anomalies else nothing
    return f1, far, mar


def _pooled(files: Sequence[NDArray[np.generic]]) -> NDArray[np.generic]:
    return np.concatenate([np.asarray(file) for file in files]) if len(files) else np.empty(0)
