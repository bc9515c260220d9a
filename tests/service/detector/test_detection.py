"""What the shipped models find on simulated devices they were not trained on, and what they must leave alone."""

from pathlib import Path

import numpy as np
import pytest

from service.bundle import Bundles
from service.detector import Detector
from service.detector.rules import AlertsSettings, DetectorSettings
from service.fleet import CLASSES, history
from service.records import AlertRecord, Readings, Scores

MODELS = Path(__file__).resolve().parents[3] / "models"
HOURS = 3
DEVICES = 8
SEED = 77  # of no shipped model's history
CLASS = "pump"
SENSORS = tuple(sensor.name for sensor in CLASSES[CLASS].sensors)


@pytest.fixture(scope="module")
def bundles() -> Bundles:
    return Bundles(MODELS, CLASS)


def healthy() -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names, times (rows, devices) in Unix ms and values (rows, devices, sensors)."""
    histories = history(CLASS, DEVICES, HOURS * 3600, SEED)
    rows = min(len(times) for _, times, _ in histories)
    times = np.stack([times[:rows] for _, times, _ in histories], axis=1)
    return [name for name, _, _ in histories], times, np.stack([values[:rows] for *_, values in histories], axis=1)


def observe(
    bundles: Bundles, names: list[str], times: np.ndarray, values: np.ndarray, class_name: str | None = CLASS
) -> tuple[list[AlertRecord], list[Scores], dict[str, int]]:
    detector = Detector(bundles, DetectorSettings(), AlertsSettings(), {}, scores=True)
    detector.open(0)
    alerts: list[AlertRecord] = []
    scores: list[Scores] = []
    counts: dict[str, int] = {}
    for first in range(0, len(times), 400):
        at, rows = times[first : first + 400].ravel(), values[first : first + 400].reshape(-1, values.shape[2])
        n = np.arange(len(at))
        readings = Readings(
            partition=0,
            offsets=first * len(names) + n,
            arrivals=np.maximum.accumulate(at),
            record=n.astype(np.int32),
            devices=names * (len(at) // len(names)),
            times=at,
            classes=[class_name] * len(at),
            sensors=SENSORS,
            values=np.ascontiguousarray(rows),
        )
        outcome = detector.step(readings)
        detector.fold(outcome)
        assert outcome.scores is not None
        alerts += outcome.alerts
        scores.append(outcome.scores)
        for name, count in outcome.counts.items():
            counts[name] = counts.get(name, 0) + count
    return alerts, scores, counts


def residuals(scores: list[Scores], values: np.ndarray, sensor: int) -> np.ndarray:
    """(rows, devices) distance of every reading from its forecast."""
    flat = np.full(values.shape[:2], np.nan).ravel()
    first = 0
    for part in scores:
        at = first + part.reading
        flat[at] = np.abs(part.stepped.values[part.reading, sensor] - part.expected[:, sensor])
        first += len(part.stepped.devices)
    return flat.reshape(values.shape[:2])


def test_a_sustained_rise_is_found_that_no_single_reading_betrays(bundles: Bundles) -> None:
    names, times, values = healthy()
    speed, start = SENSORS.index("speed"), 2 * len(times) // 3
    values = values.copy()
    rise = np.clip((np.arange(len(times)) - start) / 360, 0, 1)  # over half an hour
    values[:, 0, speed] += 3 * CLASSES[CLASS].sensors[speed].spread * rise.astype(np.float32)
    alerts, scores, _ = observe(bundles, names, times, values)
    assert names[0] in {a.device for a in alerts if a.kind == "process" and a.offset >= start * len(names)}
    # The memoryless detector: a threshold on one reading's distance from its forecast, as high as health ever goes.
    distance = residuals(scores, values, speed)
    assert np.nanmax(distance[start:, 0]) < max(np.nanmax(distance[100:, 1:]), np.nanmax(distance[100:start, 0]))


def test_healthy_devices_stay_within_what_the_budget_makes_likely(bundles: Bundles) -> None:
    alerts, *_ = observe(bundles, *healthy())
    opened = [alert for alert in alerts if alert.event == "opened" and alert.severity != "info"]
    assert len(opened) <= 3  # 0.5 a device-day make 0.5 here; more than 3 is one in five hundred


def test_a_newborn_device_says_that_it_is_warming_up_and_scores_nothing(bundles: Bundles) -> None:
    names, times, values = healthy()
    _, scores, _ = observe(bundles, names, times[:40], values[:40])
    assert all((part.score < 1e-6).all() for part in scores)
    detector = Detector(bundles, DetectorSettings(), AlertsSettings(), {})
    detector.open(0)
    assert detector.summary(0).get("devices", 0) == 0


def test_a_sensor_that_goes_missing_is_told_once_and_blinds_nobody(bundles: Bundles) -> None:
    names, times, values = healthy()
    values = values.copy()
    start = len(times) // 2
    values[start:, 0, SENSORS.index("flow")] = np.nan
    alerts, scores, _ = observe(bundles, names, times, values)
    told = [a for a in alerts if a.device == names[0]]
    assert [(a.event, a.kind, b'"type":"missing"' in a.value) for a in told] == [("opened", "data_quality", True)]
    assert all(np.isfinite(part.evidence).all() for part in scores)


def test_a_sensor_that_ceases_to_vary_is_stuck_and_no_process_alarm_follows_from_it(bundles: Bundles) -> None:
    names, times, values = healthy()
    values = values.copy()
    start, vibration = len(times) // 2, SENSORS.index("vibration")
    values[start:, 0, vibration] = values[start, 0, vibration]
    alerts, *_ = observe(bundles, names, times, values)
    told = [a for a in alerts if a.device == names[0] and a.event == "opened"]
    assert [b'"type":"stuck"' in a.value for a in told if a.kind == "data_quality"] == [True]
    assert len(told) <= 2


def test_a_device_of_an_unknown_class_is_served_by_the_default_and_counted(bundles: Bundles) -> None:
    names, times, values = healthy()
    _, _, counts = observe(bundles, names, times[:20], values[:20], class_name="compressor")
    assert counts["unknown_class"] == counts["stepped"] == 20 * len(names)


def test_the_leading_sensor_is_the_one_that_was_touched(bundles: Bundles) -> None:
    names, times, values = healthy()
    start = 2 * len(times) // 3
    values = values.copy()
    for device, sensor in enumerate(SENSORS):
        values[start : start + 120, device, SENSORS.index(sensor)] += 5 * CLASSES[CLASS].sensors[device].spread
    alerts, *_ = observe(bundles, names, times, values)
    first = {a.device: a.value for a in alerts if a.event == "opened" and a.offset >= start * len(names)}
    right = [
        f'"contributions":[{{"sensor":"{s}"'.encode() in first.get(n, b"") for n, s in zip(names, SENSORS, strict=False)
    ]
    assert sum(right) >= 6
