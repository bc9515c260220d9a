"""The universal bundle serves any sensors: what is true of one sensor is true whatever stands beside it."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from service import bundle
from service.bundle.inference import session
from service.manifest import WIDTHS
from training import online, universal
from training.replay import BATCHES, Inputs

Floats = NDArray[np.float32]
Outputs = dict[str, Floats]
NAMES = ("mean", "scale", "reference", "reference_scale", "held", "terms", "next_state")
SURPRISE, LEVEL = 0, 2
FLAT = ("mean", "scale", "reference", "reference_scale", "held")


@cache
def engine() -> object:
    return session(universal.graph())


def feed(values: Floats, learn: float = 1.0, alerting: float = 0.0) -> Inputs:
    """values: (steps, rows, sensors)."""
    each = np.ones(values.shape[:2], np.float32)
    time = np.zeros(values.shape[:2], np.int64)
    return Inputs(np.ascontiguousarray(values, np.float32), each, time, each * learn, each * alerting)


def free_run(inputs: Inputs, state: Floats | None = None) -> list[Outputs]:
    """The graph from birth, or from a state."""
    _, rows, width = inputs.values.shape
    state = np.zeros((rows, online.PER_SENSOR * width), np.float32) if state is None else state
    found = []
    for step in zip(*inputs, strict=True):
        feeds = {**dict(zip(Inputs._fields, step, strict=True)), "state": state}
        outputs = dict(zip(NAMES, engine().run(NAMES, feeds), strict=True))  # type: ignore[attr-defined]
        state = outputs["next_state"]
        found.append(outputs)
    return found


def signals(seed: int, steps: int, rows: int, sensors: int, absent: float = 0.0) -> Floats:
    """Healthy noise of several colours and sizes."""
    random = np.random.default_rng(seed)
    white = random.normal(0, 1, (steps, rows, sensors))
    slow = np.cumsum(random.normal(0, 0.1, (steps, rows, sensors)), axis=0)
    values = (white + slow) * 10.0 ** random.uniform(-2, 3, sensors) + random.uniform(-5, 5, sensors)
    values[random.random(values.shape) < absent] = np.nan
    return values.astype(np.float32)


def per_sensor(state: Floats, width: int) -> Floats:
    return state.reshape(len(state), online.PER_SENSOR, width)


def test_numpy_and_onnxruntime_agree_to_the_last_bit_over_a_long_free_run() -> None:
    values = signals(1, 1800, 16, 4, absent=0.05)
    values[700:720, :, 0] = 1e6
    values[1500:, :, 1] += 40 * np.nanstd(values[:1500, :, 1])
    inputs = feed(values)
    random = np.random.default_rng(2)
    inputs.learn[random.random(inputs.learn.shape) < 0.02] = 0
    inputs.alerting[random.random(inputs.alerting.shape) < 0.1] = 1
    for ours, theirs in zip(universal.run(inputs), free_run(inputs), strict=True):
        for name in NAMES:
            np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("rows", BATCHES)
def test_a_row_has_the_same_bits_in_any_batch_at_any_place(rows: int, width: int) -> None:
    values = signals(width, 25, 16, width, absent=0.1)
    alone = free_run(feed(values))
    random = np.random.default_rng(rows)
    place = random.permutation(rows)[:16]
    among = signals(99, 25, rows, width, absent=0.3)
    among[:, place] = values
    for one, many in zip(alone, free_run(feed(among)), strict=True):
        for name in NAMES:
            np.testing.assert_array_equal(one[name], many[name][place], err_msg=name)


@pytest.mark.parametrize("wider", [4, 8, 16, 128])
def test_padding_with_absent_sensors_changes_nothing_and_keeps_their_state_zero(wider: int) -> None:
    values = signals(3, 200, 16, 3, absent=0.05)
    padded = np.full((200, 16, wider), np.nan, np.float32)
    padded[..., :3] = values
    for narrow, wide in zip(free_run(feed(values)), free_run(feed(padded)), strict=True):
        for name in FLAT:
            np.testing.assert_array_equal(narrow[name], wide[name][:, :3], err_msg=name)
        np.testing.assert_array_equal(narrow["terms"], wide["terms"][..., :3])
        state = per_sensor(wide["next_state"], wider)
        np.testing.assert_array_equal(per_sensor(narrow["next_state"], 3), state[..., :3])
        assert not state[..., 3:].any()
        assert not wide["terms"][..., 3:].any()


def test_a_row_moved_to_a_wider_graph_goes_on_as_if_it_had_always_been_there() -> None:
    values = signals(4, 300, 16, 3)
    padded = np.full((300, 16, 8), np.nan, np.float32)
    padded[..., :3] = values
    moved = np.zeros((16, online.PER_SENSOR, 8), np.float32)
    moved[..., :3] = per_sensor(free_run(feed(values[:150]))[-1]["next_state"], 3)
    wide = free_run(feed(padded))
    for expected, found in zip(wide[150:], free_run(feed(padded[150:]), moved.reshape(16, -1)), strict=True):
        np.testing.assert_array_equal(expected["next_state"], found["next_state"])


def test_a_forecast_is_made_without_the_reading() -> None:
    values = signals(5, 100, 16, 4)
    other = values.copy()
    other[-1] *= -7
    one, two = free_run(feed(values))[-1], free_run(feed(other))[-1]
    for name in ("mean", "scale", "reference", "reference_scale"):
        np.testing.assert_array_equal(one[name], two[name], err_msg=name)
    assert (one["terms"] != two["terms"]).any()


def test_a_missing_sensor_says_nothing_and_learns_nothing() -> None:
    values = signals(6, 60, 16, 4)
    values[40:50, :, 2] = np.nan
    run = free_run(feed(values))
    before = per_sensor(run[39]["next_state"], 4)[..., 2]
    for nth, outputs in enumerate(run[40:50], start=1):
        assert not outputs["terms"][:, :, 2].any()
        assert (outputs["held"][:, 2] == -nth).all()
        after = per_sensor(outputs["next_state"], 4)[..., 2]
        np.testing.assert_array_equal(np.delete(after, 1, axis=1), np.delete(before, 1, axis=1))
    assert (run[50]["held"][:, 2] == 1).all()


def test_held_counts_readings_with_exactly_one_value() -> None:
    values = signals(7, 40, 16, 1)
    values[10:30] = values[10]
    held = [outputs["held"][0, 0] for outputs in free_run(feed(values))]
    assert held[9:31] == [1, *range(1, 21), 1]


def test_maintenance_stops_learning_but_not_scoring() -> None:
    values = signals(8, 80, 16, 2)
    state = free_run(feed(values))[-1]["next_state"]
    outputs = free_run(feed(values[-1:] + 1e4, learn=0.0), state)[-1]
    before, after = (online.Memory(*part) for part in (per_sensor(s, 2)[0] for s in (state, outputs["next_state"])))
    for name in ("reference", "mean", "variance", "low", "high", "dead_last", "dead_four", "strayed", "surprised"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name), err_msg=name)
    assert (outputs["terms"][:, SURPRISE] > 0).all()


def test_a_young_reference_is_slow_while_an_alert_is_open() -> None:
    values = signals(9, 40, 16, 2)
    state = free_run(feed(values))[-1]["next_state"]
    step = values[-1:] + 5
    quick, slow = (free_run(feed(step, alerting=flag), state)[0]["next_state"] for flag in (0.0, 1.0))
    index = online.Memory._fields.index("reference")
    was = per_sensor(state, 2)[:, index]
    assert (abs(per_sensor(slow, 2)[:, index] - was) < abs(per_sensor(quick, 2)[:, index] - was) / 5).all()


@pytest.mark.parametrize("flags", [(1.0, 0.0), (0.0, 0.0), (1.0, 1.0), (0.0, 1.0)])
def test_a_sensor_that_first_appears_begins_at_its_own_value_whatever_the_device_is_in(
    flags: tuple[float, float],
) -> None:
    values = signals(10, 3, 16, 2) + 1000
    memory = online.Memory(*per_sensor(free_run(feed(values[:1], *flags))[0]["next_state"], 2)[0])
    for name in ("last", "four", "ten", "sixty", "reference", "mean", "low", "high"):
        np.testing.assert_allclose(getattr(memory, name), values[0, 0], rtol=1e-6, err_msg=name)


def test_fifty_absurd_readings_are_seen_but_do_not_blind_a_sensor() -> None:
    random = np.random.default_rng(11)
    values = random.normal(20, 1, (1500, 16, 1)).astype(np.float32)
    clean = values.copy()
    values[600:650] = 1e6
    for part in (values, clean):
        part[1300] += 12
    run, undisturbed = free_run(feed(values)), free_run(feed(clean))
    surprises = np.array([outputs["terms"][:, SURPRISE, 0] for outputs in run])
    assert (surprises[600:650] > 100).all()
    healthy = np.array([outputs["terms"][:, SURPRISE, 0] for outputs in undisturbed])[1300]
    assert (surprises[1300] > 0.7 * healthy).all()
    assert (surprises[1300] > 3 * np.quantile(surprises[1000:1300], 0.99)).all()


@pytest.mark.parametrize("jump", [3.0, 100.0])
def test_a_lasting_shift_is_news_at_first_and_learnt_in_time(jump: float) -> None:
    values = np.random.default_rng(12).normal(0, 1, (9000, 16, 1)).astype(np.float32)
    values[2000:] += jump
    level = np.array([outputs["terms"][:, LEVEL, 0] for outputs in free_run(feed(values))])
    calm = np.quantile(level[1000:2000], 0.99)
    assert (level[2020:2040] > calm).all()
    assert np.median(level[-1000:]) < level[2030].min()


@given(st.lists(st.integers(0, 2**32 - 1), min_size=4, max_size=60), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_every_output_is_finite_for_any_finite_reading(bits: list[int], seed: int) -> None:
    """Floats drawn as bits: the session flushes denormals, and hypothesis's own floats need them."""
    drawn = np.array(bits, np.uint32).view(np.float32)
    drawn[np.isinf(drawn)] = np.nan
    values = np.random.default_rng(seed).choice(drawn, (40, 16, 4))
    for outputs in free_run(feed(values)):
        for name in NAMES:
            assert np.isfinite(outputs[name]).all(), name
        assert (outputs["terms"] >= 0).all()
        assert (outputs["scale"] >= 0).all()


@pytest.mark.parametrize("size", [1e30, -3e38, 1e-38, 0.0])
def test_constants_and_extremes_stay_finite_and_quiet(size: float) -> None:
    values = np.full((300, 16, 1), size, np.float32)
    run = free_run(feed(values))
    assert not np.array([outputs["terms"] for outputs in run]).any()
    for last in (run[-1], free_run(feed(-values[:50] + 1), run[-1]["next_state"])[-1]):
        assert all(np.isfinite(last[name]).all() for name in NAMES)


@pytest.mark.parametrize("power", [-20, -3, 1, 10, 30])
def test_a_sensors_unit_changes_nothing_in_its_terms(power: int) -> None:
    values = signals(13, 600, 16, 2, absent=0.02)
    values[300] += 20
    unit = np.float32(2.0**power)
    pairs = zip(free_run(feed(values)), free_run(feed(values * unit)), strict=True)
    for step, (one, two) in enumerate(pairs):
        np.testing.assert_array_equal(one["terms"], two["terms"])
        for name in ("mean", "scale", "reference", "reference_scale") if step > 10 else ("mean",):
            np.testing.assert_array_equal(one[name] * unit, two[name], err_msg=name)


@pytest.mark.parametrize("factor", [1.8, 0.0254, 1000.0])
def test_a_unit_that_is_no_power_of_two_changes_terms_by_rounding_only(factor: float) -> None:
    values = signals(14, 300, 16, 2)
    pairs = zip(free_run(feed(values)), free_run(feed(values * np.float32(factor))), strict=True)
    differences = [np.abs(one["terms"] - two["terms"]) / (1 + one["terms"]) for one, two in pairs]
    assert np.quantile(differences, 0.99) < 1e-3


def test_about_95_percent_of_healthy_readings_lie_in_the_band() -> None:
    values = np.random.default_rng(15).normal(0, 1, (3000, 16, 4)).astype(np.float32)
    run = free_run(feed(values))
    inside = [np.abs(v - o["mean"]) <= o["scale"] for v, o in zip(values[500:], run[500:], strict=True)]
    assert 0.92 < np.mean(inside) < 0.98


def test_the_bundle_that_is_built_passes_the_services_checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(universal, "KINDS", (universal.noise_kind(0.5, 3),))
    monkeypatch.setattr(universal, "ROWS", 1500)
    folder = universal.build(tmp_path)
    loaded = bundle.load(folder)
    assert loaded.manifest.universal
    assert loaded.manifest.row_size(8) == 8 * online.PER_SENSOR
    assert loaded.graph == universal.graph()
    assert all(min(seeds) > 0 for seeds in loaded.manifest.limit_seeds.values())
    assert "# universal 1" in (folder / "card.md").read_text()
    assert folder == universal.build(tmp_path)  # in place of the one before


def test_the_same_seed_gives_the_same_manifest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(universal, "ROWS", 1500)
    kinds, model = (universal.noise_kind(0.9, 1),), universal.graph()
    assert universal.limit_seeds(model, 7, kinds) == universal.limit_seeds(model, 7, kinds)
    assert universal.golden(7) == universal.golden(7)
