"""A fleet's readings arrive in order, carry true labels, and are the same whenever they are asked for."""

import json
import math
import tracemalloc
from collections import Counter, defaultdict
from datetime import datetime
from itertools import islice, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import UsageError
from service.fleet import CLASSES, START_MS, Fleet, Sample, history, message, readings_per_second

HOUR_S = 3600.0


def measured(fleet: Fleet) -> dict[tuple[str, int], Sample]:
    """Readings by device and event time, without what line and clocks did to them."""
    return {(s.device, s.time_ms): s for s in fleet.readings() if s.clock != "duplicate"}


@settings(max_examples=5, deadline=None)
@given(devices=st.integers(1, 9), seed=st.integers(0, 2**31), clean=st.booleans())
def test_the_same_fleet_gives_the_same_bytes_each_time(devices: int, seed: int, clean: bool) -> None:
    fleet = Fleet(devices, seed, clean=clean, duration_s=1500)
    first = [(message(sample), sample.arrival_ms) for sample in fleet.readings()]
    again = Fleet(devices, seed, clean=clean, duration_s=1500)
    assert first == [(message(sample), sample.arrival_ms) for sample in again.readings()]
    assert first == [(message(sample), sample.arrival_ms) for sample in fleet.readings()]


def test_a_device_is_the_same_in_a_small_fleet_and_in_a_large_one() -> None:
    small = list(Fleet(5, 3, faults=0, duration_s=HOUR_S).readings())
    names = {sample.device for sample in small}
    large = Fleet(23, 3, faults=0, duration_s=HOUR_S).readings()
    assert sorted(small) == sorted(sample for sample in large if sample.device in names)


def test_a_short_run_begins_a_long_one() -> None:
    short, long = (set(measured(Fleet(4, 3, faults=0, duration_s=s))) for s in (2000, 4000))
    assert short == {(device, time) for device, time in long if time < START_MS + 2_000_000} or short < long


@pytest.mark.parametrize("seed", range(4))
def test_labels_are_true(seed: int) -> None:
    """Readings differ from the healthy twin's inside the labelled intervals, in the labelled sensors, nowhere else."""
    fleet = Fleet(12, seed, faults=12, duration_s=2 * HOUR_S)
    faulty, healthy = measured(fleet), measured(Fleet(12, seed, faults=0, duration_s=2 * HOUR_S))
    assert faulty.keys() == healthy.keys()
    seen = set()
    for key, sample in faulty.items():
        twin = healthy[key]
        differ = {name for name, value in sample.values.items() if value != twin.values[name]}
        at = sample.time_ms if sample.clock != "ahead" else None
        if not differ or at is None:
            continue
        blamed = [f for f in fleet.faults if f.device == sample.device and f.start_ms <= at < f.end_ms]
        assert len(blamed) == 1
        assert differ <= set(blamed[0].sensors)
        seen |= {(blamed[0], name) for name in differ}
    assert seen == {(fault, name) for fault in fleet.faults for name in fault.sensors}


@pytest.mark.parametrize("devices", [1, 4, 13])
def test_arrivals_never_go_back_and_come_after_what_was_measured(devices: int) -> None:
    samples = list(Fleet(devices, 5, duration_s=3 * HOUR_S).readings())
    assert all(one.arrival_ms <= other.arrival_ms for one, other in pairwise(samples))
    assert all(sample.arrival_ms > sample.time_ms for sample in samples if sample.clock != "ahead")


def test_a_devices_readings_are_in_order_but_for_those_that_are_marked() -> None:
    last: dict[str, int] = defaultdict(int)
    for sample in Fleet(16, 5, duration_s=6 * HOUR_S).readings():
        if sample.clock is None:
            assert sample.time_ms > last[sample.device]
            last[sample.device] = sample.time_ms


def test_clock_faults_are_few_and_of_every_kind() -> None:
    samples = list(Fleet(16, 5, duration_s=12 * HOUR_S).readings())
    clocks = Counter(sample.clock for sample in samples)
    assert set(clocks) == {None, "duplicate", "late", "ahead"}
    assert 0.001 < 1 - clocks[None] / len(samples) < 0.005
    for sample in samples:
        if sample.clock == "ahead":
            assert sample.time_ms - sample.arrival_ms > 300_000


def test_a_duplicate_repeats_a_reading_word_for_word() -> None:
    samples = list(Fleet(8, 5, duration_s=6 * HOUR_S).readings())
    originals = {(s.device, s.time_ms): message(s) for s in samples if s.clock != "duplicate"}
    duplicates = [s for s in samples if s.clock == "duplicate"]
    assert duplicates
    assert all(originals[s.device, s.time_ms] == message(s) for s in duplicates)


def test_a_clean_fleet_misses_nothing_and_its_clocks_are_right() -> None:
    for sample in Fleet(8, 5, faults=0, clean=True, duration_s=HOUR_S).readings():
        assert sample.clock is None
        assert None not in sample.values.values()


def test_a_clean_fleet_still_has_its_faults() -> None:
    fleet = Fleet(16, 5, faults=16, clean=True, duration_s=2 * HOUR_S)
    gone = {(s.device, name) for s in fleet.readings() for name, value in s.values.items() if value is None}
    assert gone == {(f.device, name) for f in fleet.faults if f.kind == "dropout" for name in f.sensors}


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_history_is_what_a_healthy_fleet_reports(name: str) -> None:
    device, times, values = history(name, 1, HOUR_S, seed=6)[0]
    samples = [s for s in Fleet(4, 6, faults=0, duration_s=HOUR_S).readings() if s.device == device]
    reported = {s.time_ms: list(s.values.values()) for s in samples if s.clock in (None, "late")}
    assert set(reported) <= set(times.tolist())
    for time, row in zip(times.tolist(), values, strict=True):
        if time in reported:
            np.testing.assert_array_equal(row, np.array(reported[time], np.float32))


def test_a_fleet_has_one_fault_for_every_two_devices_in_every_two_hours() -> None:
    fleet = Fleet(20, 7)
    assert len(fleet.faults) == 10
    assert len(list(islice(fleet.readings(), 30_000))) == 30_000
    assert len(fleet.faults) == 20
    assert len({fault.kind for fault in fleet.faults[10:]}) == 8
    assert len(Fleet(20, 7, duration_s=7200).faults) == 10


def test_a_fleet_plays_on_in_health_after_its_planned_end() -> None:
    fleet = Fleet(4, 7, faults=4, duration_s=2 * HOUR_S)
    planned = list(fleet.readings())
    longer = list(islice(fleet.readings(math.inf), len(planned) + 5000))
    assert longer[: len(planned) - 8] == planned[:-8]
    assert len(fleet.faults) == 4


def test_reading_an_endless_fleet_twice_tells_the_same_faults() -> None:
    fleet = Fleet(8, 7)
    for _ in range(2):
        for sample in fleet.readings():
            if sample.time_ms > START_MS + 15_000_000:
                break
    assert len(fleet.faults) == len(set(fleet.faults)) == 12


def test_fleets_without_an_end_run_in_the_same_memory() -> None:
    readings = Fleet(8, 7).readings()
    for _ in islice(readings, 10_000):
        pass
    tracemalloc.start()
    for _ in islice(readings, 10_000):
        pass
    first = tracemalloc.get_traced_memory()[0]
    for _ in islice(readings, 20_000):
        pass
    grown = tracemalloc.get_traced_memory()[0] - first
    tracemalloc.stop()
    assert grown < 500_000  # a block more or less at hand; twenty thousand readings would be tens of megabytes


def test_readings_come_at_the_rate_that_is_told() -> None:
    count = sum(1 for _ in Fleet(10, 7, faults=0, clean=True, duration_s=HOUR_S).readings())
    assert count == pytest.approx(HOUR_S * readings_per_second(10), rel=0.01)


def test_devices_take_the_classes_in_turn_and_carry_a_site() -> None:
    samples = {s.device: s for s in Fleet(9, 7, duration_s=60).readings()}
    assert Counter(s.class_name for s in samples.values()) == {"pump": 3, "fan": 2, "server": 2, "meter": 2}
    assert {"pump-001", "pump-003", "meter-002"} <= set(samples)
    assert len({s.labels["site"] for s in samples.values()}) > 1
    for sample in samples.values():
        assert list(sample.values) == [sensor.name for sensor in CLASSES[sample.class_name].sensors]


def test_a_message_is_the_reading_as_published() -> None:
    for sample in islice(Fleet(4, 7).readings(), 2000):
        key, value = message(sample)
        reading = json.loads(value)
        assert key.decode() == reading["device"] == sample.device
        assert reading["time"].endswith("Z")
        assert round(datetime.fromisoformat(reading["time"]).timestamp() * 1000) == sample.time_ms
        assert reading["class"] == sample.class_name
        assert reading["values"] == sample.values
        assert reading["labels"] == sample.labels


@pytest.mark.parametrize(("field", "value"), [("devices", 0), ("seed", -1), ("faults", -3)])
def test_an_impossible_wish_is_told_in_one_line(field: str, value: int) -> None:
    with pytest.raises(UsageError, match=rf"^{field} is {value}: give \d or more$"):
        Fleet(**{"devices": 4, "seed": 1, field: value})
