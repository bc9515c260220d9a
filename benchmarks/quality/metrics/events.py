"""Events and false episodes: what an operator sees of a detector, without credit for rows.

An event is a maximal run of labelled rows, found if the alarm is on at any of its rows. A false episode is a maximal
run of alarmed rows, none of which is labelled; it counts once, however long it is. Rates are per 10,000 unlabelled
rows, over all series together.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PER = 10_000
# An alarm that is on half of the healthy time is no detector. Without this bound a threshold below every score would
# win: all rows are then one run, which holds a labelled row, so that no episode is false.
MOST_ALARMED = 0.5

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Recall:
    """alarmed: share of the unlabelled rows in an episode, gaps included; recall is nan without an event."""

    recall: float
    found: int
    events: int
    false: int
    false_per_10_000: float
    alarmed: float
    threshold: float


@dataclass(frozen=True)
class Alerts:
    """delay: median of the rows from the first row of a found event to its first alarmed row; precision: share of
    the episodes that hold a labelled row. Either is nan if there is nothing to take it of."""

    recall: float
    found: int
    events: int
    false: int
    false_per_10_000: float
    false_interval: tuple[float, float]  # 95 % of the rate
    delay: float
    precision: float


def recall_at(scores: Sequence[Floats], labels: Sequence[Bools], per_10_000: float, apart: int = 1) -> Recall:
    """The largest recall of one threshold for all series with at most this rate of false episodes.

    scores, labels: (n,) a series, scores not nan. The threshold is chosen with hindsight; of several it is the
    highest. apart: alarmed runs with fewer rows than this between them are one episode; a wide one flatters an alarm
    that flickers, whose runs join up to the events, so state it and look at `alarmed`.
    """
    scores = [np.asarray(score, np.float64) for score in scores]
    labels = [np.asarray(label, bool) for label in labels]
    thresholds = np.unique(np.concatenate([np.array([np.inf]), *scores]))[::-1]
    peaks, healthy, false = [np.empty(0)], [np.empty(0)], np.zeros(len(thresholds), np.int64)
    for score, label in zip(scores, labels, strict=True):
        peaks.append(np.array([score[first : last + 1].max() for first, last in _runs(label)]))
        level = _closed(score, apart)
        healthy.append(level[~label])
        false += _false(level, score, label, thresholds)
    top, rest = np.concatenate(peaks), np.concatenate(healthy)
    found, alarmed = _reaching(top, thresholds), _reaching(rest, thresholds) / max(len(rest), 1)
    rate = false * PER / max(len(rest), 1)
    best = int(np.argmax(np.where((rate <= per_10_000) & (alarmed <= MOST_ALARMED), found, -1)))
    return Recall(
        recall=int(found[best]) / len(top) if len(top) else math.nan,
        found=int(found[best]),
        events=len(top),
        false=int(false[best]),
        false_per_10_000=float(rate[best]),
        alarmed=float(alarmed[best]),
        threshold=float(thresholds[best]),
    )


def of_alerts(alerts: Sequence[Bools], labels: Sequence[Bools], apart: int = 1) -> Alerts:
    """What was raised, judged as it was raised; alerts, labels: (n,) a series, true where on; apart as above."""
    events, false, episodes, healthy = 0, 0, 0, 0
    delays: list[int] = []
    for alert, label in zip(alerts, labels, strict=True):
        on, label = np.asarray(alert, bool), np.asarray(label, bool)
        for first, last in _runs(label):
            events += 1
            rows = np.flatnonzero(on[first : last + 1])
            delays.extend(rows[:1].tolist())
        raised = _joined(_runs(on), apart)
        episodes += len(raised)
        false += sum(not (on & label)[first : last + 1].any() for first, last in raised)
        healthy += int(np.count_nonzero(~label))
    found, per_row = len(delays), PER / max(healthy, 1)
    low, high = poisson_interval(false)
    return Alerts(
        recall=found / events if events else math.nan,
        found=found,
        events=events,
        false=false,
        false_per_10_000=false * per_row,
        false_interval=(low * per_row, high * per_row),
        delay=float(np.median(delays)) if delays else math.nan,
        precision=1 - false / episodes if episodes else math.nan,
    )


def poisson_interval(count: int, level: float = 0.95) -> tuple[float, float]:
    """The means that a count allows: Garwood's exact interval (Biometrika, 1936)."""
    tail = (1 - level) / 2
    high = _mean_at(count, tail)
    return (_mean_at(count - 1, 1 - tail) if count else 0.0), high


def _mean_at(count: int, chance: float) -> float:
    """The mean of the Poisson law under which `count` or fewer have this chance, by bisection."""
    log_factorials = np.array([math.lgamma(k + 1) for k in range(count + 1)])
    low, high = 0.0, count + 10 * math.sqrt(count + 1) + 10
    for _ in range(60):
        mean = (low + high) / 2
        if np.exp(np.arange(count + 1) * math.log(mean) - mean - log_factorials).sum() > chance:
            low = mean
        else:
            high = mean
    return (low + high) / 2


def _false(level: Floats, score: Floats, label: Bools, thresholds: Floats) -> Ints:
    """How many false episodes there are at each threshold: of the rows in one, less the neighbours in one.

    A row is in an episode at thresholds up to its level in the closed series, and that episode is false at those
    above the row's link, the highest threshold at which the way to an alarmed labelled row is still alarmed.
    """
    link = np.maximum(_linked(level, score, label), _linked(level[::-1], score[::-1], label[::-1])[::-1])
    beside = np.minimum(level[:-1], level[1:]), np.maximum(link[:-1], link[1:])
    rows, neighbours = (
        _reaching(top[top > bottom], thresholds) - _reaching(bottom[top > bottom], thresholds)
        for top, bottom in ((level, link), beside)
    )
    return rows - neighbours


def _closed(score: Floats, apart: int) -> Floats:
    """The highest threshold at which a row is alarmed, or lies in a gap of fewer than `apart` rows between two."""
    after = [score]  # the largest of the row and the k rows that follow
    for k in range(1, apart + 1):
        after.append(np.maximum(after[-1], _moved(score, -k)))
    before, closed = score, np.minimum(score, after[apart])
    for k in range(1, apart + 1):
        before = np.maximum(before, _moved(score, k))
        closed = np.maximum(closed, np.minimum(before, after[apart - k]))
    return closed


def _moved(score: Floats, rows: int) -> Floats:
    moved = np.full(len(score), -np.inf)
    if rows > 0:
        moved[rows:] = score[:-rows]
    else:
        moved[:rows] = score[-rows:]
    return moved


def _linked(level: Floats, score: Floats, label: Bools) -> Floats:
    """The highest threshold at which all rows back to some alarmed labelled one are alarmed; -inf if there is none."""
    linked, links = -math.inf, []
    for height, value, labelled in zip(level.tolist(), score.tolist(), label.tolist(), strict=True):
        linked = min(linked, height)
        if labelled:
            linked = max(linked, value)
        links.append(linked)
    return np.array(links)


def _reaching(values: Floats, thresholds: Floats) -> Ints:
    """How many values are at or above each threshold."""
    return len(values) - np.searchsorted(np.sort(values), thresholds, side="left")


def _runs(on: Bools) -> Ints:
    """(first row, last row) of the maximal runs of rows that are on."""
    change = np.diff(np.concatenate(([0], on.astype(np.int8), [0])))
    return np.stack([np.flatnonzero(change == 1), np.flatnonzero(change == -1) - 1], axis=1)


def _joined(runs: Ints, apart: int) -> Ints:
    """The same with runs joined that have fewer than `apart` rows between them."""
    parted = np.flatnonzero(runs[1:, 0] - runs[:-1, 1] - 1 >= apart)
    firsts, lasts = np.concatenate((runs[:1, 0], runs[parted + 1, 0])), np.concatenate((runs[parted, 1], runs[-1:, 1]))
    return np.stack([firsts, lasts], axis=1)
