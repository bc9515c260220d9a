"""Time is never shuffled, normal is what the fit part says, and features are those that the step leaves behind."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from service.manifest import Sensor
from tests.training.machines import PERIOD_S, TINY, changed, machine, machines
from training import windows
from training.datasets import dataset
from training.fit import chunks
from training.network import Forecaster, pause, pause_input
from training.settings import Settings
from training.step import Step


def normal_of(data: windows.Dataset) -> windows.Normal:
    parts = [h.values[: windows.split(h, TINY).fit] for h in data.histories]
    return windows.normal(parts, data.sensors, TINY.spread_floor)


def test_parts_follow_each_other_in_time_and_cover_the_history() -> None:
    part = windows.split(machine(0), TINY)
    assert 0 < part.fit < part.stop < part.rows == 900
    assert part.rows - part.stop == 270


@given(device=st.integers(0, 2), add=st.integers(-(10**6), 10**6), at=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_later_readings_change_nothing_of_what_is_normal(device: int, add: int, at: int) -> None:
    data = machines()
    fit = windows.split(data.histories[device], TINY).fit
    first = fit + at * (899 - fit) // 100
    one, two = normal_of(data), normal_of(changed(data, device, slice(first, None), add))
    np.testing.assert_array_equal(one.mu, two.mu)
    np.testing.assert_array_equal(one.spread, two.spread)


def test_spread_is_that_within_devices_but_never_below_a_share_of_the_range() -> None:
    flat = np.random.default_rng(0).standard_normal((400, 1)).astype(np.float32) * 0.01
    parts = [flat, flat + 100]
    assert windows.normal(parts, [Sensor(name="a")], 0.0).spread[0] == pytest.approx(0.01, rel=0.1)
    assert windows.normal([flat], [Sensor(name="a")], 0.5).spread[0] == pytest.approx(0.5 * np.ptp(flat), rel=0.01)
    assert windows.normal(parts, [Sensor(name="a")], 0.5).spread[0] == pytest.approx(0.5 * np.ptp(flat), rel=0.01)
    apart = [np.full_like(flat, 3), np.full_like(flat, 5)]
    assert windows.normal(apart, [Sensor(name="a")], 0.05).spread[0] == pytest.approx(0.1)
    declared = [Sensor(name="a", low=0, high=1000)]
    assert windows.normal(parts, declared, 0.05).spread[0] == pytest.approx(50)


def test_a_sensor_that_never_varies_is_scored_only_with_a_declared_range() -> None:
    parts = [np.full((100, 3), 7, np.float32)]
    parts[0][:, 2] = np.nan
    found = windows.normal(parts, [Sensor(name="a"), Sensor(name="b", low=0, high=10), Sensor(name="c")], 0.05)
    assert found.scored.tolist() == [False, True, False]
    assert np.isfinite(found.mu).all()
    assert (found.spread > 0).all()


@given(
    lengths=st.lists(st.integers(1, 300), min_size=1, max_size=6),
    streams=st.integers(1, 40),
)
@settings(max_examples=60, deadline=None)
def test_lanes_run_forward_in_time_and_start_anew_where_a_history_does(lengths: list[int], streams: int) -> None:
    ends = np.cumsum(lengths)
    ranges = [(int(end - length), int(end)) for end, length in zip(ends, lengths, strict=True)]
    lanes = windows.lanes(ranges, streams)
    index, keep, room = lanes.index.numpy(), lanes.keep.numpy(), lanes.room.numpy()
    assert (np.diff(index, axis=0) == 1).all()  # these ranges touch, so rows of a lane follow each other
    firsts = {first for first, _ in ranges}
    anew = np.isin(index, list(firsts))
    anew[0] = True
    np.testing.assert_array_equal(keep == 0, anew)
    for first, end in ranges:
        inside = (index >= first) & (index < end)
        np.testing.assert_array_equal(room[inside], end - index[inside])
    assert len(np.unique(index)) == index.size > sum(lengths) - max(1, lanes.index.shape[1])


def test_a_target_never_looks_beyond_its_range() -> None:
    data = machines()
    rows = windows.rows(data, normal_of(data), windows.shape(data, TINY))
    fit = windows.split(data.histories[0], TINY).fit
    later = changed(data, 0, slice(fit, None), 1000.0)
    rows_later = windows.rows(later, normal_of(later), windows.shape(later, TINY))
    lanes = windows.lanes([(0, fit)], 4)
    for one, two in zip(chunks(rows, lanes, TINY, 0.0), chunks(rows_later, lanes, TINY, 0.0), strict=True):
        torch.testing.assert_close(one.targets, two.targets, equal_nan=True)
        torch.testing.assert_close(one.inputs, two.inputs)


@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn", "cnn-gru"])
def test_training_sees_what_the_step_sees(cell: str) -> None:
    """Changes forecast over a whole history at once are those of stepping it reading by reading."""
    data = machines(1, 200)
    gaps = data.histories[0].times + np.arange(200) // 20 * 90_000  # a longer pause now and then
    data = replace(data, histories=(data.histories[0]._replace(times=gaps),))
    found, shape = normal_of(data), windows.shape(data, TINY.model_copy(update={"cell": cell}))
    torch.manual_seed(1)
    forecaster = Forecaster(shape).eval()
    with torch.no_grad():
        for parameter in forecaster.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    rows, lanes = windows.rows(data, found, shape), windows.lanes([(0, 200)], 1)
    whole = Settings(unroll=1000, cell=cell)
    (chunk,) = chunks(rows, lanes, whole, 0.0)
    with torch.no_grad():
        changes, _ = forecaster(chunk.inputs, torch.zeros(1, forecaster.cell.size), chunk.keep)
    expected = (rows.last[lanes.index[:, 0]] + changes[:, 0, 0]).numpy()

    step = Step(forecaster, PERIOD_S, weighted=True).eval()
    step.mu.copy_(torch.from_numpy(found.mu))
    step.spread.copy_(torch.from_numpy(found.spread))
    state, history = torch.zeros(1, step.size), data.histories[0]
    elapsed = torch.from_numpy(windows.elapsed_s(history.times))
    for row in range(200):
        values, time = torch.from_numpy(history.values[row : row + 1]), torch.from_numpy(history.times[row : row + 1])
        with torch.no_grad():
            mean, *_, state = step(values, elapsed[row : row + 1], time, torch.ones(1), torch.zeros(1), state)
        np.testing.assert_allclose((mean[0].numpy() - found.mu) / found.spread, expected[row], atol=2e-4)


def test_a_regular_pause_says_nothing_and_a_gap_does() -> None:
    said = pause_input(pause(torch.tensor([0.0, 60.0, 600.0, 1e7]), 60.0))
    assert said[:2].abs().max() < 1e-6
    assert said[3] > said[2] > 1


def test_the_calendar_is_there_only_when_history_can_tell_a_day() -> None:
    day = machines(1, 1440)
    three = machines(1, 3 * 1440)
    assert windows.shape(day, Settings()).calendar == 0
    assert windows.shape(three, Settings()).calendar == 4
    assert windows.shape(three, Settings()).season
    assert not windows.shape(three, Settings(season=False)).season
    assert windows.shape(replace(three, times_known=False), Settings(calendar=True)).calendar == 0
    fortnight = dataset([(h.device, h.times * 14 - h.times[0] * 13, h.values) for h in day.histories], day.sensors)
    assert windows.shape(fortnight, Settings()).calendar == 6


def test_missing_values_stand_still_until_the_sensor_is_back() -> None:
    data = machines(1, 200)
    values = data.histories[0].values.copy()
    values[50:60, 0] = np.nan
    data = replace(data, histories=(data.histories[0]._replace(values=values),))
    rows = windows.rows(data, normal_of(data), windows.shape(data, TINY))
    assert (rows.last[51:61, 0] == rows.last[51, 0]).all()
    assert (rows.absent[51:61, 0] == 1).all()
    assert rows.absent[:, 0].sum() == 10
    assert (rows.change[51:61, 0] == 0).all()
