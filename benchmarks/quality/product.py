"""The product on one series: training fits a bundle on its history, the live detector steps every row of it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.quality.marks import Marks, marks
from benchmarks.quality.series import Series
from service.bundle import Bundles
from service.detector import Detector
from service.detector.scoring import NOTHING
from service.manifest import Sensor
from service.records import Readings, Scores
from service.settings import Settings
from training import datasets, recipe
from training.datasets import Dataset
from training.settings import Settings as TrainingSettings

CHUNK = 8192
NAME = "series"


def history(series: Series) -> Dataset:
    """Rows of this device that may be learnt from.

    Not what is known to be healthy of another day (`Series.healthy`): the rig stood elsewhere then, and units that
    cover both days hide what goes wrong on this one.
    """
    own = (series.name, series.time_ms[: series.history], series.values[: series.history])
    sensors = [Sensor(name=name) for name in series.sensors]
    return datasets.dataset([own], sensors, series.period_s, series.calendar)


def fit(series: Series, seed: int, folder: Path) -> Bundles:
    """Bundles that hold only the one fitted on the history of this series."""
    settings = TrainingSettings(seed=seed)
    recipe.fit_histories(history(series), recipe.Spec(NAME, folder, "1", settings, runs=None))
    return Bundles(folder, NAME)


def per_day(budget: float, period_s: float) -> float:
    """A budget in false alarms per 10,000 readings, as the setting has it: per device-day."""
    return budget / 10_000 * 86_400 / period_s


def judge(series: Series, bundles: Bundles, per_device_day: float) -> Marks:
    """Every row of the series through the live detector with the shipped defaults."""
    settings = Settings.model_validate({"detector": {"false_alarms_per_device_day": per_device_day}})
    detector = Detector(bundles, settings.detector, settings.alerts, {}, scores=True)
    detector.open(0)
    rows = len(series.time_ms)
    evidence, alert = np.full(rows, NOTHING, np.float32), np.zeros(rows, np.bool_)
    stepped = np.zeros(rows, np.bool_)
    for start, readings in _readings(series):
        outcome = detector.step(readings)
        scores = outcome.scores
        assert isinstance(scores, Scores)
        at = start + scores.reading
        evidence[at], alert[at], stepped[at] = scores.evidence, scores.alert, True
        detector.fold(outcome)
    return marks(evidence, alert, stepped, settings.alerts.hold_off_readings)


def _readings(series: Series) -> Iterator[tuple[int, Readings]]:
    for start in range(0, len(series.time_ms), CHUNK):
        times = series.time_ms[start : start + CHUNK]
        count = len(times)
        yield (
            start,
            Readings(
                partition=0,
                offsets=np.arange(start, start + count, dtype=np.int64),
                arrivals=np.maximum.accumulate(np.maximum(times, series.time_ms[:start].max(initial=times[0]))),
                record=np.arange(count, dtype=np.int32),
                devices=[series.name] * count,
                times=times,
                classes=[None] * count,
                sensors=series.sensors,
                values=series.values[start : start + CHUNK],
            ),
        )
