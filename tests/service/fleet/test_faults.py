"""Plans keep their promises, and each kind of fault does what its name says, where its label says, and nowhere else."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.fleet import CLASSES, KINDS, START_MS, Fault
from service.fleet.faults import LARGEST, SMALLEST, Injection, plan
from service.fleet.machine import Block, Machine

KIND_LIST = list(CLASSES.values())
PUMP = CLASSES["pump"]


def members(count: int) -> list[tuple[str, object]]:
    return [(f"{KIND_LIST[i % 4].name}-{i // 4 + 1:03d}", KIND_LIST[i % 4]) for i in range(count)]


plans = st.tuples(
    st.integers(1, 40), st.integers(0, 100), st.integers(0, 2**31), st.integers(0, 6 * 3600)
)  # devices, faults, seed, seconds


def draw(devices: int, count: int, seed: int, seconds: float = 7200) -> list[Fault]:
    return plan(members(devices), START_MS, START_MS + int(seconds * 1000), count, seed)  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(plans)
def test_a_plan_keeps_its_promises_whatever_is_asked(asked: tuple[int, int, int, int]) -> None:
    devices, count, seed, seconds = asked
    faults = draw(devices, count, seed, seconds)
    assert len(faults) <= count
    assert all(number <= 2 for number in Counter(fault.device for fault in faults).values())
    for fault in faults:
        kind = CLASSES[fault.device.split("-")[0]]
        fast = kind.name in ("pump", "fan")
        assert START_MS + 720_000 <= fault.start_ms < fault.end_ms < START_MS + seconds * 1000
        assert (300 if fast else 600) <= (fault.end_ms - fault.start_ms) / 1000 <= (1200 if fast else 1800)
        assert fault.sensors
        assert set(fault.sensors) <= {sensor.name for sensor in kind.sensors}
        assert (fault.size is None) == (fault.kind in ("stuck", "dropout"))
        assert fault.size is None or SMALLEST <= fault.size <= LARGEST


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31))
def test_faults_of_one_device_never_overlap(seed: int) -> None:
    faults = draw(8, 16, seed, 4 * 3600)
    for device in {fault.device for fault in faults}:
        own = [fault for fault in faults if fault.device == device]
        assert all(first.end_ms < second.start_ms for first, second in pairwise(own))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31))
def test_two_hours_of_twenty_devices_hold_all_faults_asked_for_in_all_kinds(seed: int) -> None:
    faults = draw(20, 10, seed)
    assert len(faults) == 10
    assert {fault.kind for fault in faults} == set(KINDS)
    assert len({fault.device for fault in faults}) == 10


def test_sizes_fill_the_span_they_are_drawn_from() -> None:
    sizes = [fault.size for seed in range(40) for fault in draw(20, 20, seed) if fault.size is not None]
    assert min(sizes) < 2.3
    assert max(sizes) > 7.7
    assert np.mean(sizes) == pytest.approx((SMALLEST + LARGEST) / 2, abs=0.3)


def injected(kind: str, sensors: tuple[str, ...], size: float | None, seed: int = 1) -> tuple[list[Block], list[Block]]:
    """Three blocks of a pump, healthy and with one fault that reaches from the first into the second."""
    fault = Fault("pump-001", kind, START_MS + 900_000, START_MS + 1_800_000, sensors, size)
    injection = Injection(fault, PUMP, seed)
    healthy, faulty = Machine(PUMP, 1, 9, START_MS), Machine(PUMP, 1, 9, START_MS)
    twins = [healthy.block() for _ in range(3)]
    blocks, last = [], np.zeros(len(PUMP.sensors))
    for _ in range(3):
        block = faulty.block()
        injection.apply(block, last)
        last = block.observed[-1]
        blocks.append(block)
    return twins, blocks


def deviation(kind: str, sensors: tuple[str, ...], size: float | None, seed: int = 1) -> np.ndarray:
    """(readings inside the fault, named sensors), in spreads."""
    twins, blocks = injected(kind, sensors, size, seed)
    columns = [i for i, sensor in enumerate(PUMP.sensors) if sensor.name in sensors]
    times = np.concatenate([block.times for block in blocks])
    inside = (times >= START_MS + 900_000) & (times < START_MS + 1_800_000)
    moved = np.concatenate([b.observed - t.observed for b, t in zip(blocks, twins, strict=True)])
    return (moved / np.array([sensor.spread for sensor in PUMP.sensors]))[inside][:, columns]


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_touches_its_own_sensors_inside_its_interval_and_nothing_else(kind: str) -> None:
    twins, blocks = injected(kind, ("flow", "vibration"), None if kind in ("stuck", "dropout") else 4.0)
    for twin, block in zip(twins, blocks, strict=True):
        changed = (twin.observed != block.observed) | (twin.lost != block.lost)
        inside = (block.times >= START_MS + 900_000) & (block.times < START_MS + 1_800_000)
        assert not changed[~inside].any()
        assert not changed[:, [0, 2, 3, 4, 5]].any()
        assert (twin.times == block.times).all()
    assert any((t.observed != b.observed).any() or (t.lost != b.lost).any() for t, b in zip(twins, blocks, strict=True))


@given(size=st.floats(SMALLEST, LARGEST, allow_subnormal=False), seed=st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_a_shift_is_of_its_size_from_first_to_last_reading(size: float, seed: int) -> None:
    np.testing.assert_allclose(np.abs(deviation("shift", ("flow", "power"), size, seed)), size, rtol=1e-6)


def test_a_drift_starts_from_nothing_grows_slowly_and_stays_at_its_size() -> None:
    path = np.abs(deviation("drift", ("flow",), 5.0))[:, 0]
    assert path[0] < 0.1
    assert np.diff(path).max() < 0.1
    np.testing.assert_allclose(path[-len(path) // 3 :], 5.0, rtol=1e-6)


def test_a_spike_is_short_of_its_size_and_comes_back() -> None:
    path = np.abs(deviation("spike", ("flow",), 6.0))[:, 0]
    bursts = "".join("x" if value else " " for value in np.where(path > 1e-9, path, 0)).split()
    assert 3 <= len(bursts) <= 15
    assert set(map(len, bursts)) <= {1, 2, 3}
    np.testing.assert_allclose(path[path > 1e-9], 6.0, rtol=1e-6)


def test_a_noise_burst_deviates_by_its_size() -> None:
    assert deviation("noise", ("flow", "power"), 3.0).std() == pytest.approx(3.0, rel=0.15)


def test_an_oscillation_swings_to_its_size_on_both_sides() -> None:
    path = deviation("oscillation", ("flow",), 4.0)[:, 0]
    assert path.max() == pytest.approx(4.0, rel=0.05)
    assert path.min() == pytest.approx(-4.0, rel=0.05)
    assert len(path) / 12 <= np.count_nonzero(np.diff(np.sign(path)) > 0) + 1 <= len(path) / 5 + 1


def test_a_decoupled_sensor_no_longer_follows_its_driver() -> None:
    for seed in range(5):
        twins, blocks = injected("decoupled", ("flow",), 3.0, seed)
        inside = (blocks[1].times < START_MS + 1_800_000) & (blocks[1].times > START_MS)
        speed = blocks[1].truth[inside, 0]
        healthy = np.corrcoef(np.diff(twins[1].truth[inside, 1]), np.diff(speed))[0, 1]
        broken = np.corrcoef(np.diff(blocks[1].observed[inside, 1]), np.diff(speed))[0, 1]
        assert abs(broken) < 0.5 < healthy


def test_a_stuck_sensor_repeats_its_last_healthy_value() -> None:
    twins, blocks = injected("stuck", ("flow",), None)
    inside = blocks[0].times >= START_MS + 900_000
    before = twins[0].observed[~inside, 1][-1]
    assert (blocks[0].observed[inside, 1] == before).all()
    assert (blocks[1].observed[blocks[1].times < START_MS + 1_800_000, 1] == before).all()


def test_a_dropped_out_sensor_gives_nothing() -> None:
    _, blocks = injected("dropout", ("flow",), None)
    assert blocks[1].lost[blocks[1].times < START_MS + 1_800_000, 1].all()
