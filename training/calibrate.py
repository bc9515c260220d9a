"""From healthy readings that the network was not trained on: dead zones and weights; from all history: units.

The exported graph itself is stepped over every history from birth, once with neutral buffers to see its raw terms and
once with the calibrated ones to see its strengths; strengths follow the detector's rules exactly.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.manifest import Sensor, Witness
from training.datasets import Dataset, History
from training.replay import Trace
from training.windows import Split, pooled

BLOCK = 60  # readings whose largest strength is one entry of a limit
BEGINNING = 60  # readings of a newborn device that say nothing of a settled one; also its warm-up
FEWEST_ROWS = 200  # fewer in the hold-out, and the part that chose the epoch helps with the dead zones
TAIL_POWER, TAIL_FLOOR = 0.75, 0.3  # a level that wanders on healthy days gets a larger unit
UNIT_FLOOR = 0.01  # variance: a level within a tenth of a spread is no news

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Rules:
    """What makes strengths of terms."""

    witnesses: tuple[Witness, ...]
    scored: NDArray[np.bool_]  # (sensors,)


@dataclass(frozen=True)
class Calibrated:
    dead_zone: Floats
    weight: Floats
    level_unit: Floats
    change_unit: Floats


def calibrate(raw: Sequence[Trace], splits: Sequence[Split], rules: Rules) -> Calibrated:
    """raw: traces of the graph with dead zone 0 and every unit 1."""
    names = [witness.name for witness in rules.witnesses]
    residual = _held_out(raw, splits, names.index("surprise"))
    settled = [trace for trace in raw if len(trace.values) > BEGINNING] or list(raw)
    level = [_beyond(t.terms[:, names.index("level_4") :][:, :2], t.values) for t in settled]
    units = _level_units([_beyond(t.averages, t.values) for t in settled], level)
    moved = [_beyond(t.terms[:, names.index("change"), None], t.values)[:, 0] for t in settled]
    change_unit = np.sqrt(pooled([_mean(part**2) for part in moved]) + UNIT_FLOOR)
    dead_zone = _quantile(residual, 0.95)
    return Calibrated(
        np.float32(np.maximum(dead_zone, 1e-3)),
        _weights(residual, rules.scored),
        np.float32(units),
        np.float32(change_unit),
    )


def _held_out(traces: Sequence[Trace], splits: Sequence[Split], witness: int) -> Floats:
    """Residuals of rows that trained nothing, missing ones NaN: (rows, sensors)."""
    unseen = sum(split.rows - split.stop for split in splits)
    begins = [split.stop if unseen >= FEWEST_ROWS else split.fit for split in splits]
    parts = [
        np.where(np.isnan(t.values[first:]), np.nan, t.terms[first:, witness])
        for t, first in zip(traces, begins, strict=True)
    ]
    return np.concatenate(parts)


def _beyond(per_row: Floats, values: Floats) -> Floats:
    """Rows after the beginning, NaN where the sensor was missing. per_row: (rows, scales, sensors)."""
    return np.where(np.isnan(values[BEGINNING:, None]), np.nan, per_row[BEGINNING:])


def _level_units(averages: Sequence[Floats], level: Sequence[Floats]) -> NDArray[np.float64]:
    """u' of each time scale and sensor, from how averages spread within devices and how far they wander."""
    variance = pooled([_mean((part - _mean(part)) ** 2) for part in averages])
    unit = np.sqrt(variance + UNIT_FLOOR)
    tail = pooled([_quantile(part / unit, 0.9) for part in level], most=2.0)
    return unit * np.maximum(tail, TAIL_FLOOR) ** TAIL_POWER


def _weights(residual: Floats, scored: NDArray[np.bool_]) -> Floats:
    """A sensor that surprises itself on healthy days says less."""
    own = _mean(np.minimum(residual, _quantile(residual, 0.99)) ** 2)
    typical = own[scored].mean() if scored.any() else 1.0
    return np.float32(typical / np.maximum(typical + own, 1e-12))


def _mean(array: Floats) -> NDArray[np.float64]:
    """Over rows, missing ones left out; 0 for a sensor that is never there."""
    count = (~np.isnan(array)).sum(axis=0)
    return np.nansum(array, axis=0, dtype=np.float64) / np.maximum(count, 1)


def _quantile(array: Floats, share: float) -> NDArray[np.float64]:
    everywhere = np.where(np.isnan(array).all(axis=0), 0.0, array)
    return np.nanquantile(everywhere, share, axis=0)


def strengths(terms: Floats, rules: Rules) -> dict[str, Floats]:
    """Strength of each row of one device, by the detector's rules: (rows,) by name."""
    found: dict[str, Floats] = {}
    for number, witness in enumerate(rules.witnesses):
        own = terms[:, number, rules.scored]
        if not own.shape[1]:
            own = np.zeros((len(terms), 1), np.float32)
        if witness.reduce == "top":
            strength = np.sort(own, axis=1)[:, -math.ceil(own.shape[1] / 4) :].mean(axis=1)
        else:
            strength = own.mean(axis=1)
        found |= {f"{witness.name}/{tau}": _smooth(strength, tau) for tau in witness.smooth} or {witness.name: strength}
    return found


def _smooth(strength: Floats, tau: int) -> Floats:
    settled, average, smoothed = 1 - math.exp(-1 / tau), 0.0, np.empty_like(strength)
    for row, value in enumerate(strength.tolist()):
        average += (1 / (row + 1) if row + 1 < tau else settled) * (value - average)
        smoothed[row] = average
    return smoothed


def stuck_after(histories: Sequence[History], sensor: int) -> int | None:
    """Four times the longest healthy run of one value, if that is short beside the history; else None."""
    longest = max(_longest_run(history.values[:, sensor]) for history in histories)
    limit = max(20, 4 * longest)
    return limit if limit <= sum(len(history.times) for history in histories) // 4 else None


def _longest_run(values: Floats) -> int:
    values = values[~np.isnan(values)]
    if not len(values):
        return 0
    breaks = np.flatnonzero(np.diff(values) != 0)
    return int(np.diff([-1, *breaks, len(values) - 1]).max())


def described(data: Dataset, scored: NDArray[np.bool_]) -> tuple[Sensor, ...]:
    """The manifest's sensors: as declared, with what history says of them."""
    found = []
    for column, sensor in enumerate(data.sensors):
        stuck = stuck_after(data.histories, column) if scored[column] else None
        found.append(sensor.model_copy(update={"scored": bool(scored[column]), "stuck_after": stuck}))
    return tuple(found)
