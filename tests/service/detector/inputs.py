"""Readings for detector tests: a small fleet with everything that a stream does to readings, and ways to feed it."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from service.bundle import Bundles
from service.detector import Detector
from service.detector.rules import AlertsSettings, DetectorSettings
from service.records import Outcome, Readings
from tests.service.bundles import Draft

START = 1_780_000_000_000  # Unix ms
PERIOD = 5_000  # ms
SENSORS = ("a", "b")


def toy_bundles(folder: Path) -> Bundles:
    """A last-value model of two sensors serves everybody: cheap, and its arithmetic can be done by hand."""
    if not (folder / "toy").exists():
        Draft("toy").write(folder)
    return Bundles(folder, "toy")


def detector(bundles: Bundles, rules: DetectorSettings | None = None, alerts: AlertsSettings | None = None) -> Detector:
    made = Detector(bundles, rules or DetectorSettings(), alerts or AlertsSettings(), {}, scores=True)
    made.open(0)
    return made


def log(
    seed: int, records: int = 600, devices: int = 7, named: bool = False, sensors: Sequence[str] = SENSORS
) -> Readings:
    """One partition's log: jitter, gaps, duplicates, late and future times, missing values, level faults, silences."""
    random = np.random.default_rng(seed)
    device = random.choice(devices, records, p=weights(devices))
    arrivals = START + np.sort(random.integers(0, records * PERIOD // devices, records))
    arrivals[records // 2 :] += 400_000 * (seed % 2)  # everybody silent for a while
    times = arrivals - random.integers(0, 3_000, records)
    times += np.where(random.random(records) < 0.02, random.choice([-60_000, 900_000], records), 0)
    for at in np.flatnonzero(random.random(records) < 0.03).tolist():
        if at:
            device[at], times[at] = device[at - 1], times[at - 1]
    values = random.normal(20, 1, (records, len(sensors))) + 5 * device[:, None]
    burst = (np.arange(records) > records // 2) & (device % 3 == 0)
    values[burst] += 30 * random.random((int(burst.sum()), 1))
    values = np.where(random.random(values.shape) < 0.05, np.nan, values).astype(np.float32)
    values[random.random(records) < 0.01] = np.nan
    for at in range(1, records, 2):  # half of what has the time of the reading before has its values too
        if device[at] == device[at - 1] and times[at] == times[at - 1]:
            values[at] = values[at - 1]
    return Readings(
        partition=0,
        offsets=100 + np.cumsum(random.integers(1, 3, records)),
        arrivals=arrivals,
        record=np.arange(records, dtype=np.int32),
        devices=[f"device-{d}" for d in device.tolist()],
        times=times,
        classes=["toy" if not named else None] * records,
        sensors=tuple(sensors),
        values=values,
        labels={at: {"site": "north"} for at in range(0, records, 3)},
    )


def weights(devices: int) -> np.ndarray:
    share = 1.0 / np.arange(1, devices + 1)
    return share / share.sum()


def cut(readings: Readings, bounds: Sequence[int]) -> list[Readings]:
    """The same log in polls; `bounds` are record positions."""
    edges = [0, *sorted(bounds), len(readings.arrivals)]
    return [part(readings, begin, end) for begin, end in pairwise(edges) if begin < end]


def part(readings: Readings, begin: int, end: int) -> Readings:
    first, last = np.searchsorted(readings.record, [begin, end]).tolist()

    def moved(entries: dict[int, object]) -> dict[int, object]:
        return {at - first: value for at, value in entries.items() if first <= at < last}

    return Readings(
        partition=readings.partition,
        offsets=readings.offsets[begin:end],
        arrivals=readings.arrivals[begin:end],
        record=readings.record[first:last] - begin,
        devices=readings.devices[first:last],
        times=readings.times[first:last],
        classes=readings.classes[first:last],
        sensors=readings.sensors,
        values=readings.values[first:last],
        named=moved(readings.named),
        labels=moved(readings.labels),
    )


def play(made: Detector, polls: Sequence[Readings]) -> list[Outcome]:
    outcomes = []
    for poll in polls:
        outcomes.append(made.step(poll))
        made.fold(outcomes[-1])
    return outcomes


def published(outcomes: Sequence[Outcome]) -> list[bytes]:
    return [alert.value for outcome in outcomes for alert in outcome.alerts]


def totals(outcomes: Sequence[Outcome]) -> dict[str, int]:
    found: dict[str, int] = {}
    for outcome in outcomes:
        for name, count in outcome.counts.items():
            found[name] = found.get(name, 0) + count
    return found
