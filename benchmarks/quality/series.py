"""Labelled public series as the product would meet them: rows in order, and how many of the first may be learnt from.

Labels are kept apart from what is fed; a set without label files or columns is read all the same.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.quality.metrics.nab import probation, windows_of
from service.errors import InputError
from service.streams.files import Frame, Options, read

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
Windows = tuple[tuple[int, int], ...]

SKAB_HISTORY = 400
LABELS = ("anomaly", "changepoint")  # columns of SKAB
PERIOD_MS = {"smd": 60_000, "asd": 300_000}  # sets without times


@dataclass(frozen=True)
class Series:
    group: str
    name: str
    times: tuple[str, ...]  # as in the input, else row numbers
    time_ms: NDArray[np.int64]
    values: Floats  # (rows, sensors) NaN = missing
    sensors: tuple[str, ...]
    history: int  # rows from the first on that may be learnt from
    shown: int = 0  # first row that is written and judged
    calendar: bool = True  # times are real
    healthy: tuple[tuple[NDArray[np.int64], Floats], ...] = ()  # further histories to learn from
    anomaly: Flags | None = None  # (rows,)
    changepoint: Flags | None = None  # (rows,)
    windows: Windows | None = None  # first and last row of each

    @property
    def period_s(self) -> float:
        return float(np.median(np.diff(self.time_ms))) / 1000

    def thinned(self, step: int) -> "Series":
        """Every so-manieth row: the same device at a lower sampling rate."""
        at = slice(None, None, step)
        flags = [None if part is None else _any_of(part, step) for part in (self.anomaly, self.changepoint)]
        return replace(
            self, times=self.times[at], time_ms=self.time_ms[at], values=self.values[at], anomaly=flags[0],
            changepoint=flags[1], history=self.history // step, shown=-(-self.shown // step),
            windows=None if self.windows is None else tuple((a // step, b // step) for a, b in self.windows),
        )  # fmt: skip

    def with_sensors(self, columns: NDArray[np.intp]) -> "Series":
        """The same device with these of its sensors only."""
        names = tuple(self.sensors[column] for column in columns)
        healthy = tuple((times, values[:, columns]) for times, values in self.healthy)
        return replace(self, values=self.values[:, columns], sensors=names, healthy=healthy)


def _any_of(flags: Flags, step: int) -> Flags:
    found: Flags = np.logical_or.reduceat(flags, np.arange(0, len(flags), step))
    return found


def nab(folder: Path) -> Iterator[Series]:
    labels = folder / "labels" / "combined_windows.json"
    windows = json.loads(labels.read_text(encoding="utf-8")) if labels.exists() else None
    for path in _files(folder / "data", "*.csv*"):
        group, name = path.parent.name, path.name.partition(".csv")[0]
        frame = _frame(path, Options(time="timestamp", sensors=("value",)))
        own = None if windows is None else windows.get(f"{group}/{name}.csv", [])
        yield Series(
            group, name, _texts(path, "timestamp", ","), frame.times, frame.values, frame.sensors,
            history=probation(len(frame)),
            windows=None if own is None else windows_of(frame.times.astype("datetime64[ms]"), own),
        )  # fmt: skip


def skab(folder: Path) -> Iterator[Series]:
    every = _files(folder, "*.csv*")
    options = Options(time="datetime", ignore=LABELS)
    healthy = tuple((f.times, f.values) for p in every if p.parent.name == "anomaly-free" for f in [_frame(p, options)])
    for path in every:
        if path.parent.name == "anomaly-free":
            continue
        frame, flags = _frame(path, options), _flags(path)
        yield Series(
            path.parent.name, path.name.partition(".csv")[0], _texts(path, "datetime", ";"), frame.times, frame.values,
            frame.sensors, history=SKAB_HISTORY, healthy=healthy,
            anomaly=flags.get("anomaly"), changepoint=flags.get("changepoint"),
        )  # fmt: skip


def _flags(path: Path) -> dict[str, Flags]:
    table = pl.read_csv(path, separator=";", n_rows=0)
    wanted = [name for name in LABELS if name in table.columns]
    if not wanted:
        return {}
    found = pl.read_csv(path, separator=";", columns=wanted)
    return {name: found[name].to_numpy() > 0 for name in wanted}


def arrays(name: str) -> Callable[[Path], Iterator[Series]]:
    """Machines as arrays without times: `train` may be learnt from, `test` is judged."""

    def machines(folder: Path) -> Iterator[Series]:
        for path in _files(folder, "*.npz"):
            with np.load(path) as file:
                train, test = file["train"].astype(np.float32), file["test"].astype(np.float32)
                labels = file["labels"] > 0 if "labels" in file else None
            values = np.concatenate([train, test])
            rows, history = len(values), len(train)
            anomaly = None if labels is None else np.concatenate([np.zeros(history, bool), labels])
            yield Series(
                name, path.stem, tuple(map(str, range(-history, rows - history))),
                np.arange(rows, dtype=np.int64) * PERIOD_MS[name], values,
                tuple(f"sensor_{column}" for column in range(values.shape[1])),
                history=history, shown=history, calendar=False, anomaly=anomaly,
            )  # fmt: skip

    return machines


SETS: dict[str, Callable[[Path], Iterator[Series]]] = {
    "nab": nab,
    "skab": skab,
    "smd": arrays("smd"),
    "asd": arrays("asd"),
}


def series_of(name: str, folder: Path) -> list[Series]:
    """Every series of a set. Raises InputError."""
    if not folder.is_dir():
        raise InputError(f"--data {folder}: no such folder; give one with the layout of the set {name}")
    found = list(SETS[name](folder))
    if not found:
        raise InputError(f"--data {folder}: no series of the set {name} below it")
    return found


def _files(folder: Path, pattern: str) -> list[Path]:
    return sorted(path for path in folder.rglob(pattern) if path.is_file())


def _frame(path: Path, options: Options) -> Frame:
    (frame,) = read([str(path)], options)
    return frame


def _texts(path: Path, column: str, separator: str) -> tuple[str, ...]:
    table = pl.read_csv(path, columns=[column], separator=separator, infer_schema=False)
    return tuple(table[column].to_list())
