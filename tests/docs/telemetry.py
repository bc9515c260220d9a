"""The data that pages speak of, in the layouts of their sources, made from simulated devices: none is shipped.

`DATA/skab` and `DATA/smd` look like the benchmarks of that name, a few experiments and some metrics of them; the other
files are what the README calls one's own.
"""

import csv
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.fleet import history

START = datetime(2020, 3, 9, 13, 4, tzinfo=UTC)
SKAB = {  # sensor: typical level, spread
    "Accelerometer1RMS": (0.0268, 0.0002),
    "Accelerometer2RMS": (0.0400, 0.0004),
    "Current": (0.99, 0.25),
    "Pressure": (0.06, 0.25),
    "Temperature": (74.0, 0.6),
    "Thermocouple": (25.7, 0.04),
    "Voltage": (231.0, 9.0),
    "Volume Flow RateRMS": (32.0, 0.5),
}
LABELS = ("anomaly", "changepoint")
ROWS, BEGINS, ENDS = 560, 430, 510
SIZE = 9.0  # spreads that the flow falls
METRICS = 38


def write(folder: Path) -> None:
    experiments = {name: experiment(seed) for seed, name in enumerate(("valve1", "valve2", "other"), 1)}
    for name, values in experiments.items():
        skab(folder / "skab" / name / "8.csv", values, labelled=True)
    skab(folder / "skab" / "anomaly-free" / "anomaly-free.csv", healthy(4), labelled=False)
    skab(folder / "valve.csv", experiments["valve1"], labelled=True)
    smd(folder / "smd")
    own(folder / "healthy.csv", healthy(1)[:400])
    own(folder / "run.csv", experiments["valve1"])


def healthy(seed: int) -> NDArray[np.float64]:
    """(ROWS, 8) around the levels of SKAB's sensors, coupled as those of a simulated server are."""
    ((_, _, values),) = history("server", 1, ROWS * 10.0, seed)
    filled = np.where(np.isnan(values), np.nanmean(values, axis=0), values)[:ROWS]
    levels, spreads = np.array(list(SKAB.values())).T
    units: NDArray[np.float64] = levels + spreads * (filled - filled.mean(axis=0)) / filled.std(axis=0)
    return units


def experiment(seed: int) -> NDArray[np.float64]:
    """The same with a valve half shut for a while: less flow."""
    values = healthy(seed)
    values[BEGINS:ENDS, -1] -= SIZE * SKAB["Volume Flow RateRMS"][1]
    return values


def skab(path: Path, values: NDArray[np.float64], labelled: bool) -> None:
    header = ["datetime", *SKAB, *(LABELS if labelled else ())]
    rows = []
    for second, row in enumerate(values):
        time = f"{START + timedelta(seconds=second):%Y-%m-%d %H:%M:%S}"
        inside = float(BEGINS <= second < ENDS)
        labels = (inside, float(second in (BEGINS, ENDS))) if labelled else ()
        rows.append([time, *(f"{value:.6g}" for value in row), *labels])
    _write(path, header, rows, ";")


def smd(folder: Path) -> None:
    """Both halves of machine 1-2, without header or times, and the labels of the second."""
    waves = np.random.default_rng(12).normal(size=(2 * ROWS, METRICS)).cumsum(axis=0)
    values = 0.5 + 0.4 * np.sin(waves / 20)
    labels = np.zeros(ROWS, int)
    labels[BEGINS:ENDS] = 1
    values[ROWS + BEGINS : ROWS + ENDS, :6] += 1
    halves = {"train": values[:ROWS], "test": values[ROWS:], "test_label": labels[:, None]}
    for name, half in halves.items():
        _write(folder / name / "machine-1-2.txt", None, [[f"{value:.6g}" for value in row] for row in half], ",")


def own(path: Path, values: NDArray[np.float64]) -> None:
    names = [name.lower().replace(" ", "_") for name in SKAB]
    times = [f"{START + timedelta(seconds=second):%Y-%m-%dT%H:%M:%SZ}" for second in range(len(values))]
    rows = [[time, *(f"{value:.6g}" for value in row)] for time, row in zip(times, values, strict=True)]
    _write(path, ["time", *names], rows, ",")


def _write(path: Path, header: Sequence[str] | None, rows: Sequence[Sequence[Any]], delimiter: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        writer.writerows([header, *rows] if header else rows)
