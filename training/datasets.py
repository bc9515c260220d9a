"""Histories: what training learns from, whether a stranger's files or the simulated fleet.

Comes in as files (through the very reader that backtests use) or as arrays; goes out as one `Dataset` of devices, each
in time order, with the sensors' names, units and declared ranges. Nothing is shuffled or resampled here.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.errors import InputError
from service.manifest import Sensor

FEWEST_ROWS = 120  # of one device: two blocks of readings


class History(NamedTuple):
    device: str
    times: NDArray[np.int64]  # (n,) Unix ms, ascending
    values: NDArray[np.float32]  # (n, sensors) NaN = missing

    def since(self, row: int) -> "History":
        return History(self.device, self.times[row:], self.values[row:])


@dataclass(frozen=True)
class Dataset:
    histories: tuple[History, ...]
    sensors: tuple[Sensor, ...]
    period_s: float
    times_known: bool = True  # False: times are row x period, so there is no time of day
    described: tuple[str, ...] = ()  # what was inferred, to be shown

    @property
    def rows(self) -> int:
        return sum(len(history.times) for history in self.histories)

    @property
    def span_days(self) -> float:
        return max(float(h.times[-1] - h.times[0]) for h in self.histories) / 86_400_000

    @property
    def digest(self) -> str:
        state = hashlib.sha256(repr([sensor.name for sensor in self.sensors]).encode())
        for history in self.histories:
            state.update(history.device.encode() + b"\0" + np.ascontiguousarray(history.times, "<i8").tobytes())
            state.update(np.ascontiguousarray(history.values, "<f4").tobytes())
        return state.hexdigest()


def dataset(
    histories: Iterable[tuple[str, NDArray[np.int64], NDArray[np.float32]]],
    sensors: Sequence[Sensor],
    period_s: float | None = None,
    times_known: bool = True,
) -> Dataset:
    """Check and gather histories; devices with too few rows are left out, and said so."""
    given = [History(device, np.asarray(t, np.int64), np.asarray(v, np.float32)) for device, t, v in histories]
    kept = tuple(_in_order(history) for history in given if len(history.times) >= FEWEST_ROWS)
    if not kept:
        longest = max((len(history.times) for history in given), default=0)
        raise InputError(
            f"the longest history has {longest} readings, expected {FEWEST_ROWS} or more of one device: "
            "give more rows, or --device COLUMN if a file holds many devices"
        )
    left_out = len(given) - len(kept)
    described = (f"{left_out} devices left out: fewer than {FEWEST_ROWS} readings",) if left_out else ()
    period = period_s or _period(kept)
    return Dataset(kept, tuple(sensors), period, times_known, described)


def from_files(inputs: Sequence[str], options: Any) -> Dataset:
    """options: service.streams.files.Options."""
    from service.streams import files

    frames = files.read(inputs, options)
    found = list(frames)
    if not found:
        raise InputError(f"{', '.join(inputs)}: no reading found, expected rows with numbers")
    names = tuple(dict.fromkeys(name for frame in found for name in frame.sensors))
    histories = [(frame.device, frame.times, _columns(frame, names)) for frame in found]
    known = all(frame.time_known for frame in found)
    made = dataset(histories, [Sensor(name=name) for name in names], options.period_s, known)
    return replace(made, described=(*frames.described, *made.described))


def from_fleet(class_name: str, devices: int, duration_s: float, seed: int) -> Dataset:
    """Healthy simulated history of one device class."""
    from service import fleet

    kind = fleet.CLASSES[class_name]
    sensors = [Sensor(name=s.name, unit=s.unit, low=s.low, high=s.high) for s in kind.sensors]
    return dataset(fleet.history(class_name, devices, duration_s, seed), sensors, kind.period_s)


def in_order_of(data: Dataset, names: Sequence[str]) -> Dataset:
    """The same readings with these sensors, in this order; one that is absent is missing throughout."""
    have = [sensor.name for sensor in data.sensors]
    column = [have.index(name) if name in have else len(have) for name in names]
    padded = [np.pad(h.values, ((0, 0), (0, 1)), constant_values=np.nan)[:, column] for h in data.histories]
    histories = tuple(h._replace(values=values) for h, values in zip(data.histories, padded, strict=True))
    return replace(data, histories=histories, sensors=tuple(Sensor(name=name) for name in names))


def _columns(frame: Any, names: Sequence[str]) -> NDArray[np.float32]:
    values = np.full((len(frame.times), len(names)), np.nan, np.float32)
    for column, name in enumerate(frame.sensors):
        values[:, names.index(name)] = frame.values[:, column]
    return values


def _in_order(history: History) -> History:
    """Rows in time order, each time once (the first row wins, as a duplicate does in the service)."""
    if (np.diff(history.times) > 0).all():
        return history
    _, first = np.unique(history.times, return_index=True)
    return History(history.device, history.times[first], history.values[first])


def _period(histories: Sequence[History]) -> float:
    pauses = np.concatenate([np.diff(history.times) for history in histories])
    return float(np.median(pauses)) / 1000
