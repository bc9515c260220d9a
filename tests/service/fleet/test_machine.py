"""A device is a function of class, number, seed and start, and of nothing else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.fleet import CLASSES, START_MS, history
from service.fleet.machine import MISSING, Machine, rounded

NAMES = sorted(CLASSES)


@settings(max_examples=10, deadline=None)
@given(name=st.sampled_from(NAMES), seed=st.integers(0, 2**31), start_ms=st.integers(10**12, 3 * 10**12))
def test_the_same_seed_gives_the_same_bytes(name: str, seed: int, start_ms: int) -> None:
    first, second = (Machine(CLASSES[name], 3, seed, start_ms) for _ in range(2))
    for _ in range(2):
        one, other = first.block(), second.block()
        assert one.observed.tobytes() == other.observed.tobytes()
        assert one.times.tobytes() == other.times.tobytes()
        assert one.lost.tobytes() == other.lost.tobytes()


def test_other_seeds_and_numbers_give_other_devices() -> None:
    blocks = [Machine(CLASSES["pump"], number, seed, START_MS).block() for number, seed in [(1, 1), (2, 1), (1, 2)]]
    for i in range(3):
        for j in range(i):
            assert abs(np.corrcoef(blocks[i].observed[:, 5], blocks[j].observed[:, 5])[0, 1]) < 1
            assert not np.isin(blocks[i].observed, blocks[j].observed).any()


@pytest.mark.parametrize("name", NAMES)
def test_a_short_history_begins_a_long_one(name: str) -> None:
    (_, short_times, short), *_ = history(name, 1, 3000, seed=8)
    (_, long_times, long), *_ = history(name, 1, 9000, seed=8)
    assert len(short) == pytest.approx(3000 / CLASSES[name].period_s, abs=1)
    np.testing.assert_array_equal(long[: len(short)], short)
    np.testing.assert_array_equal(long_times[: len(short)], short_times)


@pytest.mark.parametrize("name", NAMES)
def test_times_rise_with_a_little_jitter_around_the_period(name: str) -> None:
    (_, times, _), *_ = history(name, 1, 86400, seed=8)
    steps = np.diff(times)
    period = 1000 * CLASSES[name].period_s
    assert steps.mean() == pytest.approx(period, rel=1e-3)
    assert 0.005 * period < steps.std() < 0.05 * period
    assert steps.min() > 0.9 * period


@pytest.mark.parametrize("name", NAMES)
def test_about_two_values_in_a_hundred_are_missing(name: str) -> None:
    lost = np.isnan(np.concatenate([values for _, _, values in history(name, 4, 86400, seed=8)]))
    assert lost.mean() == pytest.approx(MISSING, rel=0.1)
    assert lost.mean(axis=0).max() < 1.5 * MISSING


def test_values_are_sent_with_their_sensors_decimals() -> None:
    for kind in CLASSES.values():
        sent = rounded(kind, Machine(kind, 1, 2, START_MS).block().observed)
        for sensor, column in zip(kind.sensors, sent.T, strict=True):
            assert all(value == round(value, sensor.decimals) for value in column.tolist())
