"""Healthy devices are what their class says: in range, coupled, individual, and more predictable than they look."""

from functools import cache

import numpy as np
import pytest

from service.fleet import CLASSES, history

NAMES = sorted(CLASSES)
DAY_S = 86400.0


@cache
def values(name: str) -> list[np.ndarray]:
    """(readings, sensors) of eight healthy devices over a day, gaps filled with what came before."""
    return [_filled(column.astype(float)) for _, _, column in history(name, 8, DAY_S, seed=4321)]


def _filled(rows: np.ndarray) -> np.ndarray:
    index = np.where(np.isnan(rows), 0, np.arange(len(rows))[:, None])
    return np.nan_to_num(rows[np.maximum.accumulate(index, axis=0), np.arange(rows.shape[1])], nan=0.0)[20:]


def spread(name: str) -> np.ndarray:
    return np.array([sensor.spread for sensor in CLASSES[name].sensors])


@pytest.mark.parametrize("name", NAMES)
def test_spreads_are_the_deviations_within_healthy_devices(name: str) -> None:
    measured = np.sqrt(np.mean([rows.var(axis=0) for rows in values(name)], axis=0))
    np.testing.assert_allclose(measured, spread(name), rtol=0.15)


@pytest.mark.parametrize("name", NAMES)
def test_healthy_sensors_stay_inside_their_physical_range(name: str) -> None:
    rows = np.concatenate(values(name))
    low, high = np.array([(sensor.low, sensor.high) for sensor in CLASSES[name].sensors]).T
    assert (rows.min(axis=0) > low + 0.4 * spread(name)).all()
    assert (rows.max(axis=0) < high - 0.4 * spread(name)).all()


@pytest.mark.parametrize("name", NAMES)
def test_ranges_are_narrow_enough_that_a_share_of_them_is_no_larger_than_a_spread(name: str) -> None:
    widths = np.array([sensor.high - sensor.low for sensor in CLASSES[name].sensors])
    assert (0.05 * widths <= spread(name)).all()


@pytest.mark.parametrize("name", NAMES)
def test_healthy_sensors_hardly_ever_repeat_a_value(name: str) -> None:
    for _, _, rows in history(name, 2, DAY_S / 2, seed=5):
        assert (np.diff(rows, axis=0) == 0).mean(axis=0).max() < 0.002


@pytest.mark.parametrize(
    ("name", "driver", "driven"),
    [
        ("pump", "speed", "flow"),
        ("pump", "speed", "pressure"),
        ("pump", "flow", "power"),
        ("pump", "power", "bearing_temperature"),
        ("fan", "speed", "airflow"),
        ("fan", "airflow", "power"),
        ("fan", "power", "motor_temperature"),
        ("server", "request_rate", "cpu"),
        ("server", "cpu", "latency"),
        ("server", "cpu", "power"),
        ("server", "power", "cpu_temperature"),
        ("meter", "power", "current"),
        ("meter", "power", "reactive_power"),
        ("meter", "power", "transformer_temperature"),
    ],
)
def test_a_driven_sensor_follows_its_driver(name: str, driver: str, driven: str) -> None:
    names = [sensor.name for sensor in CLASSES[name].sensors]
    for rows in values(name):
        assert np.corrcoef(rows[:, names.index(driver)], rows[:, names.index(driven)])[0, 1] > 0.4


def test_a_pump_at_more_speed_draws_more_power_than_in_proportion() -> None:
    rows = np.concatenate(values("pump"))
    fast, slow = rows[:, 0] > 1350, rows[:, 0] < 950
    speeds, powers = rows[fast, 0].mean() / rows[slow, 0].mean(), rows[fast, 4].mean() / rows[slow, 4].mean()
    assert powers > speeds**1.3


@pytest.mark.parametrize("name", NAMES)
def test_devices_of_a_class_are_individuals(name: str) -> None:
    means = np.array([rows.mean(axis=0) for rows in values(name)])
    assert (means.std(axis=0) > 0.1 * spread(name)).all()


@pytest.mark.parametrize("name", NAMES)
def test_afternoons_are_busier_than_nights(name: str) -> None:
    days = history(name, 4, 4 * DAY_S, seed=17)
    column = [sensor.name for sensor in CLASSES[name].sensors].index(CLASSES[name].driver)
    hours = np.concatenate([times // 3_600_000 % 24 for _, times, _ in days])
    rows = np.concatenate([column_values[:, column] for _, _, column_values in days])
    assert np.nanmean(rows[(hours >= 12) & (hours < 18)]) > np.nanmean(rows[hours < 6])


def _errors(name: str) -> tuple[float, float, float]:
    """Mean absolute one-step error over spread, on unseen devices: last value, best EWMA, linear AR(2) over sensors."""
    scaled = [(rows - rows.mean(axis=0)) / spread(name) for rows in values(name)]
    inputs = [np.hstack([z[1:-1], z[:-2], np.ones((len(z) - 2, 1))]) for z in scaled]
    x, y = np.concatenate(inputs[:5]), np.concatenate([z[2:] for z in scaled[:5]])
    weights = np.linalg.lstsq(x, y, rcond=None)[0]
    linear = np.mean([np.abs(z[2:] - own @ weights).mean() for z, own in zip(scaled[5:], inputs[5:], strict=True)])
    last = np.mean([np.abs(np.diff(z[1:], axis=0)).mean() for z in scaled[5:]])
    ewma = min(
        np.mean([np.abs(z[2:] - _ewma(z, gain)[1:-1]).mean() for z in scaled[5:]]) for gain in (0.2, 0.4, 0.6, 0.8)
    )
    return float(last), float(ewma), float(linear)


def _ewma(z: np.ndarray, gain: float) -> np.ndarray:
    averages, average = np.empty_like(z), z[0]
    for t, row in enumerate(z):
        averages[t] = average = average + gain * (row - average)
    return averages


@pytest.mark.parametrize("name", NAMES)
def test_the_past_foretells_more_than_the_last_value_or_any_ewma(name: str) -> None:
    last, ewma, linear = _errors(name)
    assert linear < 0.7 * min(last, ewma)
