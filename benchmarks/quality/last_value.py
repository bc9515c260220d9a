"""This detector without its network: the same witnesses, units, limits and seeds on a last-value forecast.

The terms are those of `training.step.Step` where the forecast change is 0, so only the forecast differs; they are
worked out in numpy here, calibrated by training's own functions, and judged by the product's limits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.limited import FOR_EVER, HOLD_OFF, Judge, Judged
from service.detector.quality import MOVING_AFTER
from service.detector.scoring import Plan, largest_quarter
from service.manifest import Manifest, Witness
from training import windows
from training.calibrate import BEGINNING, Calibrated, Rules, calibrate, described
from training.datasets import Dataset
from training.network import DAY_MS, DEVIATION_CLIP, GAP_CLIP
from training.replay import Trace, born_at, elapsed_s, side_by_side
from training.seeds import limit_seeds
from training.settings import Settings
from training.step import BINS, REFERENCE_GAIN, SEASON_GAIN, TAUS, Z_CLIP, witnesses

Floats = NDArray[np.float32]
Times = NDArray[np.int64]

GAINS = (1 - np.exp(-1 / np.array(TAUS, np.float32)))[:, None]
ONE = np.float32(1)


class Strengths(NamedTuple):
    """What `judge_stream` needs, and what it says."""

    names: tuple[str, ...]  # (J,)
    strengths: Floats  # (n, J) smoothed
    seeds: list[tuple[float, ...]]
    penalties: Floats  # (J,) infinite for the change event, which is no evidence
    judged: Judged


@dataclass(frozen=True)
class Fitted:
    """What a bundle holds beside its network."""

    normal: windows.Normal
    plan: Plan
    period_s: float
    season: bool
    calibrated: Calibrated
    stuck_after: Floats  # (sensors,) readings, infinite where nothing is known
    seeds: list[tuple[float, ...]]

    @property
    def scored(self) -> NDArray[np.intp]:
        """(1,) how many sensors are."""
        return np.array([self.normal.scored.sum()], np.intp)


def without_network(
    data: Dataset, values: Floats, times: Times, k: float, max_open: float = FOR_EVER, hold_off: int = HOLD_OFF
) -> Strengths:
    """The detector fitted on `data`, less its network, on one device's stream from its birth.

    values: (n, sensors) rows that the detector would step, times: (n,) ascending Unix ms. k: false alarms per 10,000
    readings; it matters here, for a level's reference learns slowly inside an alert. max_open: readings.
    """
    fitted = fit(data)
    judge = Judge(fitted.seeds, k, _penalties(fitted), BEGINNING, hold_off, max_open)
    step = Step(fitted.normal, fitted.period_s, fitted.season)
    stuck, smoothing = _Stuck(fitted.stuck_after), _Smoothing(fitted.plan)
    elapsed, parts = elapsed_s(times), []
    found = np.empty((len(values), len(fitted.plan.names)), np.float32)
    for row in range(len(values)):
        alerting = np.array([judge.alerting], np.float32)
        raw = step.step(values[row : row + 1], elapsed[row : row + 1], times[row : row + 1], alerting)
        terms = _terms(raw, fitted.calibrated, fitted.plan.witnesses)[0]
        terms[:, stuck.now] = 0
        stuck.note(step.held[0])
        found[row] = smoothing.add(_reduced(terms, fitted.plan.witnesses, fitted.scored))
        parts.append(judge.advance(found[row : row + 1]))
    judged = Judged(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    return Strengths(fitted.plan.names, found, fitted.seeds, _penalties(fitted), judged)


def fit(data: Dataset) -> Fitted:
    """As `training.recipe.make` does it, with nothing to train."""
    settings = Settings()
    splits = [windows.split(history, settings) for history in data.histories]
    parts = [history.values[: part.fit] for history, part in zip(data.histories, splits, strict=True)]
    normal = windows.normal(parts, data.sensors, settings.spread_floor)
    season = windows.shape(data, settings).season
    rules = Rules(witnesses(len(data.sensors), int(normal.scored.sum()), season), normal.scored)
    raw, young = (_traces(each, normal, season) for each in (data, born_at(data, [part.stop for part in splits])))
    neutral = _neutral(len(data.sensors))
    found = calibrate(_calibrated(raw, neutral, rules), splits, rules)
    traces = [_calibrated(each, found, rules) for each in (raw, young)]
    plan = Plan(Manifest.model_construct(witnesses=rules.witnesses))
    limits_of = limit_seeds(*traces, splits, rules)[0]
    stuck = [np.inf if s.stuck_after is None else s.stuck_after for s in described(data, normal.scored)]
    return Fitted(
        normal, plan, data.period_s, season, found, np.float32(stuck), [limits_of[name] for name in plan.names]
    )


def _penalties(fitted: Fitted) -> Floats:
    penalties = fitted.plan.penalty * np.log(largest_quarter(fitted.scored).astype(np.float32))
    penalties[fitted.plan.change] = np.inf
    return penalties


def _traces(data: Dataset, normal: windows.Normal, season: bool) -> list[Trace]:
    """Raw terms of every history, each from birth."""
    devices = len(data.histories)
    step = Step(normal, data.period_s, season, devices)
    inputs = side_by_side(data.histories, devices)
    rows = zip(inputs.values, inputs.elapsed, inputs.time, inputs.alerting, strict=True)
    kept = [(step.step(*row), step.averages[:, :2]) for row in rows]
    terms, averages = (np.stack(part, axis=1) for part in zip(*kept, strict=True))
    return [
        Trace(history.values, history.values, history.values, own[: len(history.times)], slow[: len(history.times)])
        for history, own, slow in zip(data.histories, terms, averages, strict=True)
    ]


def _calibrated(traces: Sequence[Trace], found: Calibrated, rules: Rules) -> list[Trace]:
    return [replace(trace, terms=_terms(trace.terms, found, rules.witnesses)) for trace in traces]


def _neutral(sensors: int) -> Calibrated:
    one = np.ones(sensors, np.float32)
    return Calibrated(0 * one, one, np.stack([one, one]), one)


def _terms(raw: Floats, found: Calibrated, rows: Sequence[Witness]) -> Floats:
    """(rows, witnesses, sensors) of the terms of `Step.step`, in the units found."""
    surprise = np.maximum(raw[:, :1] - found.dead_zone, 0)
    weighted = [surprise * found.weight] if any(witness.name == "weighted" for witness in rows) else []
    level, season, change = raw[:, 1:3] / found.level_unit, raw[:, 3:-1], raw[:, -1:] / found.change_unit
    return np.concatenate([surprise, *weighted, level, season, change], axis=1)


def _reduced(terms: Floats, rows: Sequence[Witness], scored: NDArray[np.intp]) -> Floats:
    """(witnesses,) over sensors, summed one after the other as the product does."""
    largest = int(largest_quarter(scored)[0])
    mean = np.cumsum(terms, axis=1)[:, -1] / np.float32(max(scored[0], 1))
    top = np.cumsum(np.sort(terms, axis=1)[:, ::-1][:, :largest], axis=1)[:, -1] / np.float32(largest)
    return np.where([witness.reduce == "mean" for witness in rows], mean, top)


class _Smoothing:
    """From the witnesses of each reading to the strengths of a plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self._count = plan, 0
        self._state = np.zeros(len(plan.smoothed), np.float32)

    def add(self, reduced: Floats) -> Floats:
        self._count += 1
        found: Floats = reduced[self._plan.witness_of]
        gains = np.maximum(self._plan.gains, ONE / np.float32(self._count))
        self._state += gains * (found[self._plan.smoothed] - self._state)
        found[self._plan.smoothed] = self._state
        return found


class _Stuck:
    """Sensors that have not changed for longer than in the history: the product's data-quality rule."""

    def __init__(self, after: Floats) -> None:
        self._after = after
        self.now = np.zeros(len(after), np.bool_)
        self._moved = np.zeros(len(after), np.int64)

    def note(self, held: Floats) -> None:
        long = held >= self._after
        self._moved = np.where(self.now & ~long, np.where(held == 1, self._moved + 1, 0), self._moved)
        stuck = long | (self.now & (self._moved < MOVING_AFTER))
        self._moved[~self.now] = 0
        self.now = stuck


@dataclass
class Step:
    """The filter step over devices side by side, with neutral units; its state after the readings so far."""

    normal: windows.Normal
    period_s: float
    season: bool
    devices: int = 1

    def __post_init__(self) -> None:
        sensors = len(self.normal.mu)
        self.last, self.reference, self.held, self.seen = np.zeros((4, self.devices, sensors), np.float32)
        self.averages = np.zeros((self.devices, 3, sensors), np.float32)
        self.counted = np.float32(self.normal.scored)
        if self.season:
            self.day = _Day(self.devices, sensors)

    def step(self, values: Floats, elapsed: Floats, time: Times, alerting: Floats) -> Floats:
        """(devices, witnesses, sensors) terms of one reading a device: surprise, 2 levels, 2 seasons, change.

        values: (devices, sensors); elapsed: (devices,) seconds since the reading before; time: (devices,) Unix ms.
        """
        normal, missing = self.normal, np.isnan(values)
        present, known = ~missing, (self.seen > 0).astype(np.float32)
        counted = present * self.counted
        pauses = np.where(elapsed > 0, elapsed / np.float32(self.period_s), ONE).clip(0, GAP_CLIP)[:, None]
        doubt = np.sqrt(np.maximum(pauses, ONE) + (-self.held).clip(0, GAP_CLIP))
        forecast = self.last.clip(-Z_CLIP, Z_CLIP)

        z = ((np.where(missing, normal.mu, values) - normal.mu) / normal.spread).clip(-Z_CLIP, Z_CLIP)
        surprise = np.abs(z - forecast) / doubt * counted * known
        slow = self.averages[:, 2]
        near = np.minimum(np.maximum(forecast, slow - np.float32(DEVIATION_CLIP)), slow + np.float32(DEVIATION_CLIP))
        filled = np.where(missing, near * known, z)

        young = np.maximum(ONE / (self.seen + ONE), np.float32(REFERENCE_GAIN))
        gain = np.where(alerting[:, None] > 0, np.float32(REFERENCE_GAIN), young)
        gain = np.where(self.seen > 0, gain, ONE) * present
        self.reference = self.reference + gain * (filled - self.reference)
        self.seen = self.seen + present
        count = np.maximum(self.seen, ONE)[:, None]
        gains = np.where(count < np.array(TAUS, np.float32)[:, None], ONE / count, GAINS) * present[:, None]
        self.averages = self.averages + gains * (filled[:, None] - self.averages)
        unchanged = (z == self.last) * np.maximum(self.held, 0)
        self.held = np.where(missing, np.minimum(self.held, 0) - ONE, unchanged + ONE)
        self.last = filled

        level = np.abs(self.averages[:, :2] - self.reference[:, None]) * counted[:, None]
        terms = [surprise[:, None], level]
        if self.season:
            terms.append(np.abs(self.day.deviation(filled, gains[:, :2], time)) * counted[:, None])
        terms.append((np.abs(self.averages[:, 1] - self.averages[:, 2]) * counted)[:, None])
        return np.concatenate(terms, axis=1)


class _Day:
    """How far the smoothed readings are from this hour of earlier days, for the season witness."""

    def __init__(self, devices: int, sensors: int) -> None:
        self._deviation = np.zeros((devices, 2, sensors), np.float32)
        self._visit = np.zeros((devices, sensors), np.float32)
        self._day = np.zeros((devices, BINS, sensors), np.float32)
        self._hour, self._readings, self._hours = np.zeros((3, devices), np.float32)

    def deviation(self, filled: Floats, gains: Floats, time: Times) -> Floats:
        hour = (time % DAY_MS // (DAY_MS // BINS)).astype(np.float32)
        turned = (hour != self._hour).astype(np.float32)
        for device in np.flatnonzero(turned * (self._readings > 0)).tolist():
            curve = self._day[device, int(self._hour[device])]
            gain = max(ONE / (np.floor(self._hours[device] / BINS) + ONE), np.float32(SEASON_GAIN))
            curve += np.where(curve == 0, ONE, gain) * (self._visit[device] - curve)
            self._hours[device] += 1
        self._readings = self._readings * (1 - turned) + ONE
        visit = self._visit * (1 - turned)[:, None]
        self._visit = visit + ONE / self._readings[:, None] * (filled - visit)
        usual = self._day[np.arange(len(hour)), hour.astype(np.intp)]
        apart = ((filled - usual) * (usual != 0)).clip(-Z_CLIP, Z_CLIP)
        self._deviation = self._deviation + gains * (apart[:, None] - self._deviation)
        self._hour = hour
        return self._deviation
