"""Every baseline is causal, fitted on its history, at home in any unit, and finds what anybody would find."""

import importlib.util
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.quality.baselines import BASELINES, WINDOW, Baseline, gaussian, judge, surprisal

HISTORY, ROWS, SENSORS = 400, 700, 5
SHIFT = 560  # row
K = 8.0

no_forest = pytest.mark.skipif(
    importlib.util.find_spec("sklearn") is None,
    reason="the extra `benchmarks` is not installed: pip install 'gruard[benchmarks]'",
)


def parameter(baseline: Baseline) -> object:
    marks = [no_forest] if baseline.name == "isolation forest" else []
    return pytest.param(baseline, id=baseline.name.replace(" ", "-"), marks=marks)


every_baseline = pytest.mark.parametrize("baseline", [parameter(each) for each in BASELINES])
every_detector = pytest.mark.parametrize("baseline", [parameter(each) for each in BASELINES if each.limited])


def machine(seed: int = 0, rows: int = ROWS, sensors: int = SENSORS) -> np.ndarray:
    """Two factors that the sensors share, and noise of their own."""
    random = np.random.default_rng(seed)
    factors = np.sin(2 * np.pi * np.arange(rows)[:, None] / np.array([37, 11])) + random.normal(0, 0.2, (rows, 2))
    own = random.normal(0, 0.3, (rows, sensors))
    return (20 + factors @ random.normal(0, 1, (2, sensors)) + own).astype(np.float32)


def shifted(values: np.ndarray, by: float = 12.0) -> np.ndarray:
    """Half of the sensors at another level from one row on, and restless."""
    moved = values.copy()
    half = moved[SHIFT:, ::2]
    half += by + np.random.default_rng(1).normal(0, by / 3, half.shape)
    return moved


@every_baseline
def test_of_a_prefix_it_says_what_it_says_of_the_whole(baseline: Baseline) -> None:
    values = shifted(machine())
    whole = baseline.strengths(values, HISTORY)
    for rows in (HISTORY, HISTORY + 1, SHIFT + 3):
        np.testing.assert_allclose(baseline.strengths(values[:rows], HISTORY), whole[:rows], rtol=1e-6)


@every_baseline
def test_what_lies_behind_the_history_teaches_it_nothing_of_the_history(baseline: Baseline) -> None:
    values = machine()
    one, other = (baseline.strengths(each, HISTORY) for each in (values, np.concatenate([values[:HISTORY], -values])))
    np.testing.assert_allclose(one[:HISTORY], other[:HISTORY], rtol=1e-6)


@every_baseline
def test_the_unit_of_a_sensor_changes_nothing(baseline: Baseline) -> None:
    values = shifted(machine())
    scale, offset = np.float32([0.25, 1.8, 100, 3, 0.01]), np.float32([-5, 32, 0, 273.15, 1])
    one, other = (baseline.strengths(each, HISTORY) for each in (values, values * scale + offset))
    # Rounding in another unit may send a reading down another branch of a tree.
    np.testing.assert_allclose(one, other, rtol=0.02 if baseline.name == "isolation forest" else 2e-3, atol=1e-3)


@every_baseline
@settings(max_examples=20)
@given(data=st.data())
def test_missing_and_infinite_values_and_constant_sensors_leave_it_finite(baseline: Baseline, data: st.DataObject):
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    values = machine(rows=HISTORY // 2, sensors=3)
    values[random.random(values.shape) < data.draw(st.sampled_from([0.0, 0.3, 0.99]))] = np.nan
    values[random.integers(len(values)), 0] = data.draw(st.sampled_from([np.inf, -np.inf, 3e38]))
    for column, kind in enumerate(data.draw(st.lists(st.sampled_from(["as it is", "constant", "absent"]), max_size=3))):
        if kind != "as it is":
            values[:, column] = 7 if kind == "constant" else np.nan
    found = baseline.strengths(values, 100)
    assert found.shape[0] == len(values)
    assert np.isfinite(found).all()
    assert (found >= 0).all()


@every_detector
def test_sensors_without_a_unit_say_nothing(baseline: Baseline) -> None:
    values = machine()
    more = np.full((ROWS, 2), np.nan, np.float32)
    more[:, 0] = 4
    more[HISTORY:, 1] = 5
    np.testing.assert_allclose(
        baseline.strengths(np.concatenate([values, more], axis=1), HISTORY), baseline.strengths(values, HISTORY)
    )


@every_detector
def test_it_finds_an_obvious_shift_soon_and_nothing_before_it(baseline: Baseline) -> None:
    found = judge(baseline, shifted(machine()), HISTORY, K)
    events = np.flatnonzero(found.event)
    assert len(events), "not found"
    assert SHIFT <= events[0] < SHIFT + 15
    assert not found.alert[:SHIFT].any()


@every_detector
def test_it_finds_it_in_a_single_sensor_too(baseline: Baseline) -> None:
    events = np.flatnonzero(judge(baseline, shifted(machine(sensors=1)), HISTORY, K).event)
    assert len(events), "not found"
    assert SHIFT <= events[0] < SHIFT + 15


def test_always_is_always_on_and_the_clock_from_the_end_of_the_history_on() -> None:
    always, clock = (judge(each, machine(), HISTORY, K) for each in BASELINES[:2])
    assert not always.alert[:60].any()
    assert always.alert[60:].all()
    assert (np.diff(np.flatnonzero(always.event)) == 122).all(), "a blind alarm as often as the hold-off lets it"
    assert not clock.alert[:HISTORY].any()
    assert clock.alert[HISTORY:].all()
    assert (np.diff(clock.evidence[60:]) > 0).all()


def test_surprisal_is_that_of_the_normal_tail() -> None:
    sigmas = np.linspace(0, 37, 400)
    expected = [-math.log(math.erfc(sigma / math.sqrt(2))) for sigma in sigmas.tolist()]
    np.testing.assert_allclose(surprisal(sigmas), expected, rtol=1e-5, atol=1e-12)
    assert (np.diff(surprisal(np.linspace(7.9, 8.1, 100))) > 0).all()


def test_the_gaussian_forgets_what_its_window_has_left() -> None:
    values = machine(rows=WINDOW + 900, sensors=1)
    other = values.copy()
    other[450:800] += 3
    one, two = gaussian(values, HISTORY), gaussian(other, HISTORY)
    assert (one[900:-101] != two[900:-101]).mean() > 0.9
    np.testing.assert_allclose(one[WINDOW + 800 :], two[WINDOW + 800 :], rtol=1e-5)
