"""Dead zones, weights, units and limit seeds, against their definitions written out slowly."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from service.manifest import Witness
from tests.training.machines import SENSORS, fitted, machines
from training import calibrate, replay
from training.calibrate import Rules

WITNESSES = (
    Witness(name="surprise", reduce="mean", smooth=(4, 15)),
    Witness(name="level_4", reduce="top", penalty=0.5),
)
amounts = st.floats(0, 10, width=32, allow_subnormal=False)  # an ONNX session flushes the others in this process
terms = arrays(np.float32, st.tuples(st.integers(1, 80), st.just(2), st.just(7)), elements=amounts)


@given(terms=terms)
@settings(max_examples=40, deadline=None)
def test_strengths_are_those_of_the_written_rules(terms: np.ndarray) -> None:
    scored = np.array([True] * 6 + [False])
    found = calibrate.strengths(terms, Rules(WITNESSES, scored))
    average = 0.0
    for row, values in enumerate(terms[:, 0, :6].mean(axis=1)):
        gain = 1 / (row + 1) if row + 1 < 4 else 1 - math.exp(-1 / 4)
        average += gain * (float(values) - average)
        assert found["surprise/4"][row] == pytest.approx(average, abs=1e-5)
    largest = np.sort(terms[:, 1, :6], axis=1)[:, -2:]  # a quarter of six sensors, rounded up
    np.testing.assert_allclose(found["level_4"], largest.mean(axis=1), rtol=1e-5)


def test_about_one_healthy_residual_in_twenty_leaves_the_band() -> None:
    """On machines that were neither trained nor calibrated on."""
    unseen = machines(6, 600, seed=123)
    traces = replay.trace(fitted().graph, fitted().step.forecaster.cell.size, unseen)
    inside = np.concatenate([np.abs(t.values - t.mean)[60:] <= t.scale[60:] for t in traces]).mean(axis=0)
    assert (np.abs(inside - 0.95) < 0.04).all()


def test_a_sensor_that_surprises_itself_weighs_less() -> None:
    residual = np.abs(np.random.default_rng(0).standard_normal((500, 3)) * [0.1, 1.0, 3.0]).astype(np.float32)
    weights = calibrate._weights(residual, np.ones(3, bool))
    assert 1 >= weights[0] > weights[1] > weights[2] > 0
    v = np.minimum(residual, np.quantile(residual, 0.99, axis=0)).astype(np.float64) ** 2
    np.testing.assert_allclose(weights, v.mean() / (v.mean() + v.mean(axis=0)), rtol=1e-4)


def test_a_level_that_wanders_gets_a_larger_unit() -> None:
    random = np.random.default_rng(0)
    calm = random.standard_normal((1, 400, 2, 1)).astype(np.float32)
    averages, level = list(calm), np.abs(calm)
    still = calibrate._level_units(averages, list(level * 0.1))
    wandering = calibrate._level_units(averages, list(level * 3))
    u = np.sqrt(calm[0].var(axis=0) + calibrate.UNIT_FLOOR)
    np.testing.assert_allclose(still, u * 0.3**0.75, rtol=1e-3)
    assert (wandering > 2 * still).all()


def test_a_sensor_is_stuck_after_far_more_than_its_healthy_stillness() -> None:
    history = machines(1, 2000).histories[0]
    assert calibrate.stuck_after([history], 0) == 20
    values = history.values.copy()
    values[100:130, 1] = 3.25
    assert calibrate.stuck_after([history._replace(values=values)], 1) == 120
    values[:, 2] = 1.0
    assert calibrate.stuck_after([history._replace(values=values)], 2) is None


def test_rows_of_terms_name_what_the_step_gives() -> None:
    names = [witness.name for witness in fitted().manifest.witnesses]
    assert names == ["surprise", "weighted", "level_4", "level_15", "change"]
    assert len(SENSORS) == len(fitted().manifest.sensors)
