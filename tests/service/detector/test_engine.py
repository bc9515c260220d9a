"""The detector's promises over whole rows and alerts, each against an oracle: itself, fed another way."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.bundle import Bundles
from service.detector.rules import DetectorSettings
from tests.service.detector.inputs import cut, detector, log, play, published, totals, toy_bundles

RULES = {
    "plain": DetectorSettings(false_alarms_per_device_day=50),
    "merging": DetectorSettings(false_alarms_per_device_day=50, merge_window_s=8),
    "forgetting": DetectorSettings(false_alarms_per_device_day=50, time_to_live_s=90, max_devices=4),
}


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Bundles:
    return toy_bundles(Path(tmp_path_factory.mktemp("models")))


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("seed", range(3))
def test_one_by_one_gives_the_same_rows_and_alerts_bit_for_bit(bundles: Bundles, rules: str, seed: int) -> None:
    readings = log(seed)
    whole, single = (detector(bundles, RULES[rules]) for _ in range(2))
    at_once = play(whole, [readings])
    one_by_one = play(single, cut(readings, range(1, len(readings.arrivals))))
    assert published(at_once) == published(one_by_one)
    assert totals(at_once) == totals(one_by_one)
    assert whole.rows(0) == single.rows(0)
    assert whole.open_alerts(0) == single.open_alerts(0)
    assert len(published(at_once)) >= 10


@given(seed=st.integers(0, 50), bounds=st.lists(st.integers(1, 599), max_size=12), rules=st.sampled_from(sorted(RULES)))
@settings(deadline=None, max_examples=15)
def test_any_split_of_the_input_into_polls_gives_the_same_alerts(
    bundles: Bundles, seed: int, bounds: list[int], rules: str
) -> None:
    readings = log(seed)
    whole, split = (detector(bundles, RULES[rules]) for _ in range(2))
    assert published(play(whole, [readings])) == published(play(split, cut(readings, bounds)))
    assert whole.rows(0) == split.rows(0)


@given(seed=st.integers(0, 50), end=st.integers(1, 599))
@settings(deadline=None, max_examples=15)
def test_a_prefix_of_the_input_gives_a_prefix_of_the_alerts(bundles: Bundles, seed: int, end: int) -> None:
    readings = log(seed)
    prefix = published(play(detector(bundles, RULES["plain"]), cut(readings, [end])[:1]))
    assert published(play(detector(bundles, RULES["plain"]), [readings]))[: len(prefix)] == prefix


def test_an_outcome_that_is_dropped_leaves_no_trace(bundles: Bundles) -> None:
    polls = cut(log(3), range(50, 600, 50))
    sure, shaky = (detector(bundles, RULES["plain"]) for _ in range(2))
    expected = published(play(sure, polls))
    found = []
    for poll in polls:
        shaky.step(poll)  # committed by nobody
        outcome = shaky.step(poll)
        shaky.fold(outcome)
        found += published([outcome])
    assert found == expected
    assert shaky.rows(0) == sure.rows(0)


@pytest.mark.parametrize("rules", RULES)
def test_a_snapshot_steps_on_bit_for_bit_as_if_it_had_never_left(bundles: Bundles, rules: str) -> None:
    polls = cut(log(5), range(40, 600, 40))
    through, resumed = (detector(bundles, RULES[rules]) for _ in range(2))
    expected = published(play(through, polls))
    kept: dict[str, bytes] = {}
    found = []
    for poll in polls:
        outcome = resumed.step(poll)
        for key, value in resumed.pages(0, after=outcome):
            kept.pop(key, None)
            if value is not None:
                kept[key] = value
        resumed.fold(outcome)
        resumed.snapshot_committed(0)
        found += published([outcome])
        resumed.load(0, kept.items())
    assert found == expected
    assert resumed.rows(0) == through.rows(0)
    assert resumed.open_alerts(0) == through.open_alerts(0)


def test_every_reading_is_counted_once_whatever_became_of_it(bundles: Bundles) -> None:
    readings = log(6, records=1500)
    counts = totals(play(detector(bundles, RULES["plain"]), [readings]))
    outcomes = ("stepped", "duplicate", "conflict", "late", "future", "all_missing", "refused", "no_model")
    assert sum(counts.get(name, 0) for name in outcomes) == len(readings.devices)
    assert all(counts.get(name, 0) > 0 for name in ("stepped", "duplicate", "late", "future", "all_missing"))


def test_a_log_delivered_twice_adds_no_alert(bundles: Bundles) -> None:
    readings = log(2)
    once, twice = (detector(bundles, RULES["plain"]) for _ in range(2))
    first = play(once, [readings])
    play(twice, [readings])
    again = log(2)
    again.arrivals[:] = readings.arrivals[-1]
    assert [a for a in published(play(twice, [again])) if b'"process"' in a] == []
    assert published(first)
