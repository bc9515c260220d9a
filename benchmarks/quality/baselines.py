"""What the detector has to beat: trivial alarms and plain detectors, judged by its own limits and budget.

Each is fitted on the history alone and strictly causal: what it says of a row rests on the history and on rows up to
it. A sensor that never varies in the history has no unit and is left out, as in the product; a missing value says
nothing. All work in units of each sensor's spread in the history, so the unit of a sensor changes nothing.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.limited import FOR_EVER, HOLD_OFF, Judged, judge_stream, smoothed
from service.detector.limits import BLOCK, SPAN
from service.detector.scoring import NOTHING
from training.calibrate import BEGINNING
from training.seeds import block_maxima, representative

Floats = NDArray[np.float32]
Units = NDArray[np.float64]  # (rows, scored sensors) deviations from the history's mean in its spreads; NaN = missing

CLIP = 1e3  # spreads: any finite reading stays finite
SPREAD_FLOOR = 0.05  # of the range seen: smallest spread of a sensor, as in the product's training
SLOW = 60.0  # readings: time constant of moving statistics, the product's slow average
WINDOW = SPAN * BLOCK  # readings: as far back as the product's limits look
EXPLAINED = 0.9  # share of the variance that the components keep
TREES, TREE_ROWS = 100, 256  # of the isolation forest: those of the paper


class Baseline(NamedTuple):
    """strengths: of values (n, sensors) and how many first rows may be learnt from, (n, J), not negative."""

    name: str
    strengths: Callable[[Floats, int], Floats]
    limited: bool = True  # False: 1 is the alarm, there is no limit to learn


def judge(
    baseline: Baseline,
    values: Floats,
    history: int,
    k: float,
    max_open: float = FOR_EVER,
    warm_up: int = BEGINNING,
    hold_off: int = HOLD_OFF,
) -> Judged:
    """The baseline on a stream from its first row on, with the product's smoothing, limits and life of alerts.

    Its limits begin with the block maxima of the history, as those of a fitted bundle do. values: rows that the
    detector would step. k: false alarms per 10,000 readings. max_open: readings.
    """
    raw = baseline.strengths(values, history)
    if not baseline.limited:
        return _unlimited(raw[:, 0], warm_up, hold_off)
    strengths = smoothed(raw)
    penalties = np.zeros(strengths.shape[1], np.float32)
    return judge_stream(strengths, seeds(strengths[warm_up:history]), k, penalties, warm_up, hold_off, max_open)


def seeds(strengths: Floats) -> list[tuple[float, ...]] | None:
    """What each strength's limits begin with, by the rule of training; None where there is no whole block."""
    if len(strengths) < BLOCK:
        return None
    return [representative([block_maxima(column)]) for column in strengths.T]


def _unlimited(strength: Floats, warm_up: int, hold_off: int) -> Judged:
    evidence = np.log(np.maximum(strength, np.float32(1e-9)))
    evidence[:warm_up] = NOTHING
    alert, event = evidence >= 0, np.zeros(len(evidence), np.bool_)
    last = -hold_off - 2
    for row in np.flatnonzero(alert).tolist():
        if row - 1 - last > hold_off:
            event[row], last = True, row
    return Judged(evidence, alert, event)


def in_spreads(values: Floats, history: int) -> Units:
    """The sensors that vary in the history, in its spreads."""
    z = np.where(np.isfinite(values), values, np.nan).astype(np.float64)
    z = z[:, np.isfinite(z[:history]).any(axis=0)]
    span = np.nanmax(z[:history], axis=0, initial=-np.inf) - np.nanmin(z[:history], axis=0, initial=np.inf)
    z, span = z[:, span > 0], span[span > 0]
    if not len(span):
        return z
    spread = np.maximum(np.nanstd(z[:history], axis=0), SPREAD_FLOOR * span)
    found: Units = np.clip((z - np.nanmean(z[:history], axis=0)) / spread, -CLIP, CLIP)
    return found


def _mean(terms: Units) -> Floats:
    """(n, 1) over sensors; a missing one counts as 0."""
    return _column(np.nan_to_num(terms).sum(axis=1) / max(terms.shape[1], 1))


def _top(terms: Units) -> Floats:
    """(n, 1) mean over the quarter of the sensors that went farthest."""
    largest = max(math.ceil(terms.shape[1] / 4), 1)
    return _column(np.sort(np.nan_to_num(terms), axis=1)[:, -largest:].sum(axis=1) / largest)


def _column(strength: NDArray[np.float64]) -> Floats:
    return strength[:, None].astype(np.float32)


def always(values: Floats, history: int) -> Floats:
    """The alarm that is always on."""
    return np.ones((len(values), 1), np.float32)


def clock(values: Floats, history: int) -> Floats:
    """Knows nothing but how long the stream has run: alarm from the end of the history on, ever louder."""
    return _column((1 + np.arange(len(values))) / max(history + 1, 1))


def difference(values: Floats, history: int) -> Floats:
    """How far each sensor went since it was last seen."""
    z = in_spreads(values, history)
    moved = np.zeros_like(z)
    moved[1:] = np.abs(z[1:] - _last_seen(z)[:-1])
    return _mean(moved)


def _last_seen(z: Units) -> Units:
    newest = np.maximum.accumulate(np.where(np.isnan(z), 0, np.arange(len(z))[:, None]), axis=0)
    return np.take_along_axis(z, newest, axis=0)


def ewma(values: Floats, history: int) -> Floats:
    """Control chart: each reading against exponentially weighted mean and variance of those before it."""
    z = in_spreads(values, history)
    mean, variance, seen = np.zeros(z.shape[1]), np.zeros(z.shape[1]), np.zeros(z.shape[1])
    terms = np.zeros_like(z)
    settled = 1 - math.exp(-1 / SLOW)
    for row, term in zip(z, terms, strict=True):
        present = ~np.isnan(row)
        apart = np.where(present, row - mean, 0.0)
        term[:] = np.abs(apart) / np.sqrt(variance + SPREAD_FLOOR**2) * (seen > 0)
        seen += present
        gain = np.maximum(1 / np.maximum(seen, 1), settled) * present
        variance = (1 - gain) * (variance + gain * apart**2)
        mean = mean + gain * apart
    return _top(terms)


def gaussian(values: Floats, history: int) -> Floats:
    """Windowed Gaussian: -ln of the probability to be so far from the mean of the readings before, or farther.

    As the detector of that name in NAB (Lavin and Ahmad, 2015), over the window of the product's limits.
    """
    z = in_spreads(values, history)
    known = np.isfinite(z)
    count, total, square = (
        _sum_before(part) for part in (known.astype(float), np.nan_to_num(z), np.nan_to_num(z) ** 2)
    )
    count = np.maximum(count, 1)
    mean = total / count
    spread = np.sqrt(np.maximum(square / count - mean**2, 0) + SPREAD_FLOOR**2)
    apart = np.where(known, np.abs(z - mean) / spread, 0.0)
    return _top(surprisal(apart))


def _sum_before(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Over the rows of the window that ends before each row."""
    sums = np.concatenate([np.zeros((1, columns.shape[1])), np.cumsum(columns, axis=0)])
    row = np.arange(len(columns))
    found: NDArray[np.float64] = sums[row] - sums[np.maximum(row - WINDOW, 0)]
    return found


def surprisal(sigmas: NDArray[np.float64]) -> NDArray[np.float64]:
    """-ln P(|N(0, 1)| >= sigmas); beyond 8 by the tail's asymptotic series, good to 1e-5 there."""
    x = np.maximum(sigmas, 8.0)
    tail = x**2 / 2 + np.log(x * math.sqrt(math.pi / 2)) - np.log1p(-(x**-2.0) + 3 * x**-4.0)
    near: NDArray[np.float64] = np.vectorize(math.erfc, otypes=[float])(np.minimum(sigmas, 8.0) / math.sqrt(2))
    return np.where(sigmas < 8.0, -np.log(near), tail)


def pca(values: Floats, history: int) -> Floats:
    """Root mean square of what the main components of the history do not explain; one sensor has none."""
    z = np.nan_to_num(in_spreads(values, history))
    if not z.shape[1]:
        return np.zeros((len(z), 1), np.float32)
    _, size, directions = np.linalg.svd(z[:history], full_matrices=False)
    share = np.cumsum(size**2) / (size**2).sum()
    kept = directions[: min(int(np.searchsorted(share, EXPLAINED)) + 1, z.shape[1] - 1)]
    return _column(np.sqrt(np.mean((z - z @ kept.T @ kept) ** 2, axis=1)))


def isolation_forest(values: Floats, history: int) -> Floats:
    """Isolation forest (Liu, Ting and Zhou, 2008): how short the paths to a reading are, 1 = as in random data.

    Needs the extra `benchmarks`.
    """
    from sklearn.ensemble import IsolationForest

    z = np.nan_to_num(in_spreads(values, history))
    if not z.shape[1]:
        return np.zeros((len(z), 1), np.float32)
    forest = IsolationForest(n_estimators=TREES, max_samples=min(TREE_ROWS, history), random_state=0).fit(z[:history])
    # The score is 2 to the minus of the path's length; lengths keep the ratios that evidence is made of.
    return _column(-1 / np.log2(-forest.score_samples(z)))


BASELINES = (
    Baseline("always", always, limited=False),
    Baseline("clock", clock, limited=False),
    Baseline("difference", difference),
    Baseline("ewma", ewma),
    Baseline("gaussian", gaussian),
    Baseline("pca", pca),
    Baseline("isolation forest", isolation_forest),
)
