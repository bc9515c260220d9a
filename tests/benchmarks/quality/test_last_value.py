"""The detector less its network: the terms of training's own step, and what the product would say of them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.quality.last_value import Step, fit, without_network
from benchmarks.quality.limited import judge_stream
from service.manifest import Sensor
from tests.training.machines import PERIOD_S, changed, machines
from training import replay, windows
from training import step as training_step
from training.calibrate import BEGINNING
from training.datasets import Dataset
from training.export import run_torch
from training.network import Forecaster, Shape
from training.recipe import excerpt
from training.settings import Settings

A_DAY = 1700  # rows: and some hours of the next, which then have a usual value


def normal_of(data: Dataset) -> windows.Normal:
    return windows.normal([history.values for history in data.histories], data.sensors, Settings().spread_floor)


@pytest.mark.parametrize("season", [False, True], ids=["without-season", "with-season"])
def test_its_terms_are_those_of_the_step_whose_forecast_is_the_last_value(season: bool) -> None:
    data = machines(4, A_DAY if season else 600)
    normal, rows = normal_of(data), 4
    inputs = excerpt(data, len(data.histories[0].times), rows)  # with missing values, gaps and alerts
    inputs.learn[:] = 1
    shape = Shape(len(data.sensors), units=2, calendar=4 if season else 0, season=season)
    theirs = training_step.Step(Forecaster(shape), PERIOD_S, weighted=False).eval()
    with torch.no_grad():
        for parameter in theirs.forecaster.next.parameters():
            parameter.zero_()
        for name, value in (("mu", normal.mu), ("spread", normal.spread), ("scored", np.float32(normal.scored))):
            theirs.get_buffer(name).copy_(torch.from_numpy(value))
    expected = run_torch(theirs, inputs)["terms"]

    ours = Step(normal, PERIOD_S, season, rows)
    found = np.stack([ours.step(v, e, t, a) for v, e, t, _, a in zip(*inputs, strict=True)])
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def stream(data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    return data.histories[0].values, data.histories[0].times


def disturbed() -> Dataset:
    return changed(changed(machines(2, 900, seed=2), 0, slice(500, 560), 30.0), 0, slice(700, 900), 12.0)


def test_judging_its_strengths_apart_gives_what_it_says_itself() -> None:
    found = without_network(machines(), *stream(disturbed()), 8.0)
    assert found.judged.alert.any()
    again = judge_stream(found.strengths, found.seeds, 8.0, found.penalties, BEGINNING)
    for own, expected in zip(again, found.judged, strict=True):
        np.testing.assert_array_equal(own, expected)


def test_it_finds_a_shift_and_under_a_strict_budget_is_quiet_before_it() -> None:
    found = without_network(machines(), *stream(disturbed()), 1.0)
    assert not found.judged.alert[:500].any()
    assert found.judged.event[500:515].any()


def test_of_a_prefix_it_says_what_it_says_of_the_whole() -> None:
    values, times = stream(disturbed())
    whole = without_network(machines(), values, times, 8.0)
    part = without_network(machines(), values[:530], times[:530], 8.0)
    np.testing.assert_array_equal(part.strengths, whole.strengths[:530])
    np.testing.assert_array_equal(part.judged.alert, whole.judged.alert[:530])


def test_the_unit_of_a_sensor_changes_nothing() -> None:
    scale, offset = np.float32([1.8, 100, 0.25]), np.float32([32, -3, 7])

    def other(data: Dataset) -> Dataset:
        return replace(data, histories=tuple(h._replace(values=h.values * scale + offset) for h in data.histories))

    one = without_network(machines(), *stream(disturbed()), 8.0)
    two = without_network(other(machines()), *stream(other(disturbed())), 8.0)
    np.testing.assert_allclose(one.strengths, two.strengths, rtol=2e-3, atol=2e-3)


def test_missing_values_and_sensors_without_a_unit_leave_it_finite() -> None:
    random = np.random.default_rng(0)

    def poorer(data: Dataset) -> Dataset:
        histories = []
        for history in data.histories:
            values = np.concatenate([history.values, np.full((len(history.values), 2), np.nan, np.float32)], axis=1)
            values[random.random(values.shape) < 0.2] = np.nan
            values[:, 3] = 5
            histories.append(history._replace(values=values))
        return replace(data, histories=tuple(histories), sensors=(*data.sensors, Sensor(name="c"), Sensor(name="n")))

    found = without_network(poorer(machines()), *stream(poorer(disturbed())), 8.0)
    assert np.isfinite(found.strengths).all()
    assert fit(poorer(machines())).normal.scored.tolist() == [True, True, True, False, False]


def test_a_sensor_that_is_stuck_is_a_matter_of_data_quality() -> None:
    data = machines(2, 900, seed=2)
    values, times = stream(data)
    stuck = values.copy()
    stuck[300:420, 0] = stuck[300, 0] + 40
    found = without_network(machines(), stuck, times, 8.0)
    after = round(float(fit(machines()).stuck_after[0]))
    names = list(found.names)
    assert found.strengths[305, names.index("level_4")] > 2
    assert found.strengths[300 + after + 1 : 420, names.index("level_4")].max() < 2
    assert replay.elapsed_s(times)[1] == PERIOD_S
