"""Histories to what the network sees, always in time order: splits, normalisation, features, parallel streams.

Each history is cut in time into a part to fit, a part that chooses the epoch, and a hold-out that the network never
sees. Only the first says what is normal. A row's features are what the reading before it left behind, just as the
filter step leaves them in the state, so no row ever sees itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from service.errors import InputError
from service.manifest import Sensor
from training.datasets import Dataset, History
from training.network import Shape, calendar, pause, pause_input
from training.replay import elapsed_s
from training.settings import Settings
from training.step import TAUS, Z_CLIP

Floats = NDArray[np.float32]
CALENDAR_DAYS = 1.5  # of history before a time of day can be told from a trend
WEEK_DAYS = 10.0


@dataclass(frozen=True)
class Split:
    """Rows [0, fit) train, [fit, stop) choose the epoch, [stop, rows) calibrate."""

    fit: int
    stop: int
    rows: int


def split(history: History, settings: Settings) -> Split:
    rows = len(history.times)
    stop = int(rows * (1 - settings.holdout_share))
    return Split(int(rows * (1 - settings.holdout_share - settings.stop_share)), stop, rows)


@dataclass(frozen=True)
class Normal:
    mu: Floats
    spread: Floats
    scored: NDArray[np.bool_]


def normal(parts: Sequence[Floats], sensors: Sequence[Sensor], floor: float) -> Normal:
    """What is normal for each sensor, from the fit parts alone. Spread and range are those within a device.

    A sensor that never varies and has no declared range has no unit; deviations of it can't be scored.
    """
    everything = np.concatenate(parts).astype(np.float64)
    seen = ~np.isnan(everything).all(axis=0)
    if not seen.any():
        raise InputError("the part of the history to fit on holds no number at all: give rows with readings")
    everything[:, ~seen] = 0.0
    mu = np.nanmean(everything, axis=0)
    within = pooled([_variance(part) for part in parts])
    span = pooled([_span(part) for part in parts], most=2.0)
    span = np.where(span > 0, span, _span(everything))
    for column, sensor in enumerate(sensors):
        if sensor.low is not None and sensor.high is not None:
            span[column] = sensor.high - sensor.low
    spread = np.maximum(np.sqrt(within), floor * span)
    scored = seen & (spread > 1e-6 * (np.abs(mu) + 1e-6))
    unit_less = 0.01 * np.abs(mu) + 1e-3  # only for the picture: such a sensor is never scored
    return Normal(np.float32(mu), np.float32(np.where(scored, spread, unit_less)), scored)


def _span(part: NDArray[np.floating]) -> NDArray[np.float64]:
    """Largest less smallest; 0 for a sensor that is never there."""
    seen = np.where(np.isnan(part).all(axis=0), 0, part)
    return np.nanmax(seen, axis=0) - np.nanmin(seen, axis=0)


def _variance(part: NDArray[np.floating]) -> NDArray[np.float64]:
    seen = np.where(np.isnan(part).all(axis=0), 0, part)
    return np.nanvar(seen, axis=0, dtype=np.float64)


def pooled(devices: Sequence[NDArray[np.float64]], most: float = 4.0) -> NDArray[np.float64]:
    """The mean over devices, none counting for more than so many medians: one odd device must not set the unit of all.

    Where most devices stand still it is the plain mean.
    """
    every = np.stack(devices)
    median = np.median(every, axis=0)
    return np.where(median > 0, np.minimum(every, most * median), every).mean(axis=0)


def shape(data: Dataset, settings: Settings) -> Shape:
    wanted = settings.calendar
    has_calendar = data.times_known and (data.span_days >= CALENDAR_DAYS if wanted is None else wanted)
    features = (6 if data.span_days >= WEEK_DAYS else 4) if has_calendar else 0
    season = bool(features) and settings.season is not False
    return Shape(len(data.sensors), settings.cell, settings.units, len(settings.horizons), features, season)


@dataclass(frozen=True)
class Rows:
    """Every row of every history, one history after the other; torch tensors on one device."""

    z: Tensor  # (rows, sensors) NaN = missing
    last: Tensor  # what the row before left behind: z, its change, its deviation from the slow average ...
    change: Tensor
    deviation: Tensor
    absent: Tensor  # ... and 1 where the sensor was missing
    known: Tensor  # 1 once the sensor has been seen
    others: Tensor  # (rows, pause and calendar)
    starts: tuple[int, ...]  # first row of each history

    def to(self, device: str) -> "Rows":
        tensors = [getattr(self, name).to(device) for name in list(self.__dataclass_fields__)[:-1]]
        return Rows(*tensors, starts=self.starts)


def rows(data: Dataset, found: Normal, form: Shape) -> Rows:
    z = [_z(history.values, found) for history in data.histories]
    columns = [np.concatenate(parts) for parts in zip(*_left_behind(z), strict=True)]
    others = torch.cat([_others(history.times, data.period_s, form) for history in data.histories])
    starts = np.cumsum([0, *(len(part) for part in z)])[:-1]
    tensors = [torch.from_numpy(np.ascontiguousarray(c, np.float32)) for c in [np.concatenate(z), *columns]]
    return Rows(*tensors, others=others, starts=tuple(int(start) for start in starts))


def _z(values: Floats, found: Normal) -> Floats:
    """A sensor that is not scored stands still at 0: it may neither teach nor disturb."""
    z = np.clip((values - found.mu) / found.spread, -Z_CLIP, Z_CLIP)
    return np.where(found.scored, z, np.float32(0))


def _others(times: NDArray[np.int64], period_s: float, form: Shape) -> Tensor:
    columns = [pause_input(pause(torch.from_numpy(elapsed_s(times)), period_s)).unsqueeze(1)]
    if form.calendar:
        columns.append(calendar(torch.from_numpy(times), form.calendar))
    return torch.cat(columns, dim=1)


def _left_behind(histories: Sequence[Floats]) -> list[tuple[Floats, Floats, Floats, Floats, Floats]]:
    """last, change, deviation, absent, known of each row."""
    return [_of_one(z, slow) for z, slow in zip(histories, slow_averages(histories), strict=True)]


def _of_one(z: Floats, slow: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    missing = np.isnan(z)
    row = np.where(missing, -1, np.arange(len(z))[:, None])
    newest = np.maximum.accumulate(row, axis=0)  # row of the newest value, -1 before the first
    filled = np.where(newest >= 0, np.take_along_axis(z, np.maximum(newest, 0), axis=0), np.float32(0))
    known = newest >= 0
    change = np.zeros_like(filled)
    change[1:] = (filled[1:] - filled[:-1]) * known[:-1]
    return _before(filled), _before(change), _before(filled - slow), _before(missing), _before(known)


def _before(array: NDArray[np.generic]) -> Floats:
    return np.concatenate([np.zeros((1, array.shape[1]), np.float32), array[:-1].astype(np.float32)])


def slow_averages(histories: Sequence[Floats], tau: float = TAUS[-1]) -> list[Floats]:
    """The slow average after each row, all histories side by side: gain 1/t while t < tau, then 1 - exp(-1/tau)."""
    longest = max(len(z) for z in histories)
    padded = np.full((longest, len(histories), histories[0].shape[1]), np.nan, np.float32)
    for column, z in enumerate(histories):
        padded[: len(z), column] = z
    average, seen = np.zeros_like(padded[0]), np.zeros_like(padded[0])
    settled = np.float32(1 - np.exp(-1 / tau))
    for row in padded:  # in place: each row becomes the average after it
        present = ~np.isnan(row)
        seen += present
        gain = np.where(seen < tau, 1 / np.maximum(seen, 1), settled)
        average = np.where(present, average + gain * (row - average), average)
        row[:] = average
    return [padded[: len(z), column] for column, z in enumerate(histories)]


@dataclass(frozen=True)
class Lanes:
    """Parallel streams over ranges of rows, in time order: lane after lane goes on where the one before ends."""

    index: Tensor  # (time, streams) row
    keep: Tensor  # (time, streams) 0 where a range or a lane begins: the memory starts anew
    room: Tensor  # (time, streams) rows left in the range, this one included: what a target may look at


def lanes(ranges: Sequence[tuple[int, int]], streams: int) -> Lanes:
    ranges = [(first, end) for first, end in ranges if end > first]
    index = np.concatenate([np.arange(first, end) for first, end in ranges])
    room = np.concatenate([np.arange(end - first, 0, -1) for first, end in ranges])
    keep = np.ones(len(index), np.float32)
    keep[np.cumsum([0, *(end - first for first, end in ranges)])[:-1]] = 0
    streams = max(1, min(streams, len(index) // 64))
    length = len(index) // streams
    cut = [array[: streams * length].reshape(streams, length).T.copy() for array in (index, keep, room)]
    cut[1][0] = 0
    return Lanes(*(torch.from_numpy(array) for array in cut))
