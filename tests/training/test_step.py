"""The exported step is the torch step, for every cell: over long runs, in any batch, from any saved state."""

import numpy as np
import pytest
import torch

from service.bundle.inference import session
from tests.training.machines import SENSORS, START_MS, fitted, machines
from training import export, replay
from training.cells import CELLS
from training.network import Forecaster, Shape
from training.recipe import excerpt
from training.step import INPUTS, OUTPUTS, Step

every_cell = pytest.mark.parametrize("cell", CELLS)


def stepped(graph: bytes, inputs: replay.Inputs, state: np.ndarray) -> list[dict[str, np.ndarray]]:
    engine, found = session(graph), []
    for row in zip(*inputs, strict=True):
        found.append(
            dict(zip(OUTPUTS, engine.run(OUTPUTS, dict(zip(INPUTS, (*row, state), strict=True))), strict=True))
        )
        state = found[-1]["next_state"]
    return found


def feed(values: np.ndarray, **more: np.ndarray) -> replay.Inputs:
    """values: (time, rows, sensors), a reading a minute."""
    time, rows = values.shape[:2]
    each = np.ones((time, rows), np.float32)
    minutes = np.arange(time)[:, None] * 60_000 + np.zeros((1, rows), np.int64)
    given = {"elapsed": 60 * each, "time": START_MS + minutes, "learn": each, "alerting": 0 * each} | more
    return replay.Inputs(np.float32(values), **given)


def healthy(rows: int = 16, time: int = 200) -> np.ndarray:
    return np.stack([history.values[:time] for history in machines(rows, time).histories], axis=1)


def newborn(rows: int, cell: str = "gru") -> np.ndarray:
    return np.zeros((rows, fitted(cell).step.size), np.float32)


@every_cell
def test_torch_and_onnx_agree_over_a_long_free_run_through_gaps_and_missing_values(cell: str) -> None:
    made = fitted(cell)
    assert export.assert_parity(made.step, made.graph, excerpt(machines(5, 800, seed=3), 800, 16)) <= 1


@every_cell
def test_a_run_resumed_from_a_saved_state_goes_on_bit_for_bit(cell: str) -> None:
    inputs = excerpt(machines(4, 120, seed=4), 120, 16)
    whole = stepped(fitted(cell).graph, inputs, newborn(16, cell))
    saved = whole[59]["next_state"].copy()
    resumed = stepped(fitted(cell).graph, replay.Inputs(*(part[60:] for part in inputs)), saved)
    for name in OUTPUTS:
        np.testing.assert_array_equal(whole[-1][name], resumed[-1][name])


@every_cell
def test_a_rows_bits_do_not_depend_on_its_batch_or_place(cell: str) -> None:
    inputs = excerpt(machines(16, 40, seed=5), 40, 16)
    alone = stepped(fitted(cell).graph, inputs, newborn(16, cell))[-1]
    for batch in replay.BATCHES[1:]:
        place = (np.arange(16) * 37 + 11) % batch
        crowd = excerpt(machines(3, 40, seed=6), 40, batch)
        for part, own in zip(crowd, inputs, strict=True):
            part[:, place] = own
        among = stepped(fitted(cell).graph, crowd, newborn(batch, cell))[-1]
        for name in OUTPUTS:
            np.testing.assert_array_equal(alone[name], among[name][place])


@every_cell
def test_a_forecast_never_sees_its_reading_and_the_next_one_does(cell: str) -> None:
    values = healthy(time=60)
    moved = values.copy()
    moved[40] += np.float32([3.0, 0.3, 2.0])
    before, after = (stepped(fitted(cell).graph, feed(v), newborn(16, cell)) for v in (values, moved))
    np.testing.assert_array_equal(before[40]["mean"], after[40]["mean"])
    np.testing.assert_array_equal(before[40]["scale"], after[40]["scale"])
    assert (before[41]["mean"] != after[41]["mean"]).all()


def test_the_same_reading_after_another_history_is_forecast_otherwise() -> None:
    """All of it the same for 30 readings but for the order of what came before."""
    values = healthy(time=60)
    other = values.copy()
    other[:30] = values[:30][::-1]
    one, two = (stepped(fitted().graph, feed(v), newborn(16))[31]["mean"] for v in (values, other))
    spread = fitted().step.spread.numpy()
    assert (np.abs(one - two) / spread).mean() > 0.001


@every_cell
def test_everything_is_finite_whatever_finite_readings_come(cell: str) -> None:
    wild = np.float32([0, 1e-45, 3.4e38, -3.4e38, 1e30, np.nan, 1, -1e-30])
    random = np.random.default_rng(0)
    values = random.choice(wild, (50, 16, len(SENSORS)))
    far = random.choice(np.array([-(2**63), 2**63 - 1, 0, START_MS]), (50, 16))
    elapsed = random.choice(np.float32([0, 1e-30, 1e7, 3e38]), (50, 16))
    found = stepped(fitted(cell).graph, feed(values, time=far, elapsed=elapsed), newborn(16, cell))
    assert all(np.isfinite(array).all() for outputs in found for array in outputs.values())
    assert all((outputs["terms"] >= 0).all() for outputs in found)


def test_a_missing_sensor_says_nothing_and_is_replaced_by_its_own_forecast() -> None:
    values = healthy(time=80)
    values[50:60, :, 1] = np.nan
    found = stepped(fitted().graph, feed(values), newborn(16))
    for row in range(50, 60):
        assert (found[row]["terms"][:, :, 1] == 0).all()
        np.testing.assert_array_equal(found[row]["held"][:, 1], 49.0 - row)
    size, sensors = fitted().step.forecaster.cell.size, len(SENSORS)
    last = found[52]["next_state"][:, size : size + sensors][:, 1]
    step = fitted().step
    expected = (found[52]["mean"][:, 1] - step.mu[1].item()) / step.spread[1].item()
    np.testing.assert_allclose(last, expected, atol=1e-4)
    assert (found[55]["scale"][:, 1] > found[49]["scale"][:, 1]).all()  # the longer unseen, the wider
    np.testing.assert_array_equal(found[60]["held"][:, 1], 1.0)


def test_held_counts_readings_without_any_change() -> None:
    values = healthy(time=30)
    values[10:20, :, 0] = values[10, :, 0]
    held = [outputs["held"][:, 0] for outputs in stepped(fitted().graph, feed(values), newborn(16))]
    for row, expected in {9: 1, 10: 1, 11: 2, 19: 10, 20: 1}.items():
        np.testing.assert_array_equal(held[row], expected)


def test_maintenance_leaves_the_reference_alone_and_an_open_alert_slows_it_down() -> None:
    values = healthy(time=60)
    values[40:] += 5
    base = np.ones((60, 16), np.float32)
    off, on = base.copy(), np.zeros_like(base)
    off[40:], on[40:] = 0, 1
    learnt, stood, slow = (
        np.stack([outputs["reference"] for outputs in stepped(fitted().graph, feed(values, **more), newborn(16))])
        for more in ({}, {"learn": off}, {"alerting": on})
    )
    np.testing.assert_array_equal(stood[40:], np.broadcast_to(stood[39], stood[40:].shape))
    moved, crept = learnt[-1] - learnt[39], slow[-1] - slow[39]
    assert (np.abs(crept[:, 0]) < 0.1 * np.abs(moved[:, 0])).all()
    assert (crept != 0).all()


def test_averages_begin_as_plain_means() -> None:
    values = healthy(time=4)
    state = stepped(fitted().graph, feed(values), newborn(16))[2]["next_state"]
    step, sensors = fitted().step, len(SENSORS)
    first = sum(step.widths[:3])
    averages = state[:, first : first + 3 * sensors].reshape(16, 3, sensors)
    z = (values[:3] - step.mu.numpy()) / step.spread.numpy()
    for scale in range(3):
        np.testing.assert_allclose(averages[:, scale], z.mean(axis=0), atol=1e-5)


def seasonal_step(sensors: int = 2) -> Step:
    torch.manual_seed(0)
    return Step(Forecaster(Shape(sensors, units=4, calendar=6, season=True)), 3600.0, weighted=True).eval()


def days(values: np.ndarray) -> replay.Inputs:
    hours = np.arange(len(values), dtype=np.int64)[:, None] * 3_600_000 + np.zeros((1, 16), np.int64)
    shape = (len(values), 16)
    return feed(values, time=START_MS // 86_400_000 * 86_400_000 + hours, elapsed=np.full(shape, 3600, np.float32))


def test_the_season_is_read_before_it_learns_and_never_reads_its_own_hour() -> None:
    """A level by the hour of day: unknown on the first day, known on the second, a shift shows on the third."""
    level = np.tile(np.sin(np.arange(24) / 24 * 2 * np.pi), 4)[:, None, None] + np.zeros((1, 16, 2))
    shifted = level.copy()
    shifted[54:60] += 3
    step = seasonal_step()
    calm, odd = (export.run_torch(step, days(v))["terms"][:, :, 4] for v in (level, shifted))
    assert (calm[:25] == 0).all()
    np.testing.assert_allclose(calm[30:], 0, atol=1e-3)
    np.testing.assert_array_equal(calm[:54], odd[:54])
    assert (odd[54] > 0.5).all()
    assert (odd[57] > odd[54]).all()


def test_a_seasonal_graph_is_its_torch_step() -> None:
    step = seasonal_step()
    graph = export.graph(step)
    values = np.random.default_rng(0).standard_normal((520, 16, 2)).astype(np.float32)
    assert export.assert_parity(step, graph, days(values)) <= 1
