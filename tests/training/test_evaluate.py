"""Forecast errors are honest: every forecast is of a reading it has not seen, baselines included."""

from pathlib import Path

import numpy as np
import pytest

from service import bundle
from tests.training.machines import fitted, machines
from training import bundles, evaluate


def test_baselines_see_only_what_came_before() -> None:
    values = np.random.default_rng(0).standard_normal((200, 2)).astype(np.float32).cumsum(axis=0)
    values[50, 0] = np.nan
    found = evaluate.forecast_errors([values], [np.zeros_like(values)], [60], np.ones(2, np.float32))
    np.testing.assert_allclose(found["last_value"], np.abs(np.diff(values[59:], axis=0)).mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found["model"], np.abs(values[60:]).mean(axis=0), rtol=1e-5)
    assert (found["ewma"] > 0.95 * found["last_value"]).all()  # of a random walk nothing beats the last value by much


def test_a_missing_value_is_followed_by_the_last_one_seen() -> None:
    values = np.float32([[1], [2], [np.nan], [np.nan], [5], [6]])
    found = evaluate.forecast_errors([values], [values], [1], np.ones(1, np.float32))
    assert found["last_value"][0] == pytest.approx((1 + 3 + 1) / 3)


def test_a_bundle_is_judged_on_data_it_never_saw(tmp_path: Path) -> None:
    made = bundle.load(bundles.write(fitted(), tmp_path))
    errors = evaluate.of_bundle(made, machines(3, 400, seed=9))
    lines = evaluate.table(errors, made.manifest.sensors)
    assert len(lines) == 1 + 3 + 1
    assert errors["model"].mean() < errors["last_value"].mean()


def test_metrics_name_skill_and_every_scored_sensor() -> None:
    found = fitted().manifest.metrics
    assert found["skill_over_last_value"] == pytest.approx(
        1 - found["error_model"] / found["error_last_value"], abs=1e-3
    )
    assert {"error/flow", "error/pressure", "error/level"} <= set(found)
