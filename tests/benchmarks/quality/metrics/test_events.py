"""Event recall and false episodes against counting them one by one."""

from math import inf, isnan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.quality.metrics.events import Bools, Floats, of_alerts, poisson_interval, recall_at

ROWS = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.2, 0.5, 0.8]), st.booleans()), min_size=1, max_size=20)
SERIES = st.lists(ROWS, min_size=1, max_size=2)


def episodes(on: Bools, apart: int) -> list[list[int]]:
    """The alarmed rows of each episode."""
    found: list[list[int]] = []
    for row in np.flatnonzero(on):
        if found and row - found[-1][-1] - 1 < apart:
            found[-1].append(int(row))
        else:
            found.append([int(row)])
    return found


def counted(on: Bools, label: Bools, apart: int) -> tuple[int, int, int]:
    """Events found, events, false episodes."""
    events = episodes(label, 1)
    return (
        sum(any(on[row] for row in event) for event in events),
        len(events),
        sum(not any(label[row] for row in episode) for episode in episodes(on, apart)),
    )


def inside(on: Bools, label: Bools, apart: int) -> int:
    """Unlabelled rows in episodes and in the gaps that they close."""
    return sum(int((~label[episode[0] : episode[-1] + 1]).sum()) for episode in episodes(on, apart))


def split(drawn: list[list[tuple[float, bool]]]) -> tuple[list[Floats], list[Bools]]:
    return [np.array([s for s, _ in rows]) for rows in drawn], [
        np.array([label for _, label in rows]) for rows in drawn
    ]


def pulses(*on: int, rows: int = 100) -> Bools:
    found = np.zeros(rows, bool)
    found[list(on)] = True
    return found


@settings(max_examples=40)
@given(SERIES, st.sampled_from([0.0, 300.0, 1000.0, 5000.0]), st.integers(1, 5))
def test_recall_is_the_best_that_counting_finds_within_the_rate(
    drawn: list[list[tuple[float, bool]]], rate: float, apart: int
) -> None:
    scores, labels = split(drawn)
    healthy = max(sum(int((~label).sum()) for label in labels), 1)
    feasible = {}
    for threshold in (inf, 0.8, 0.5, 0.2, 0.1, 0.0):
        each = [counted(s >= threshold, label, apart) for s, label in zip(scores, labels, strict=True)]
        found, events, false = (sum(column) for column in zip(*each, strict=True))
        alarmed = sum(inside(s >= threshold, label, apart) for s, label in zip(scores, labels, strict=True)) / healthy
        if false * 10_000 / healthy <= rate and alarmed <= 0.5:
            feasible[threshold] = (found, events, false)
    chosen = recall_at(scores, labels, rate, apart)
    assert (chosen.found, chosen.events, chosen.false) == feasible[chosen.threshold]
    assert chosen.found == max(found for found, _, _ in feasible.values())
    assert chosen.false_per_10_000 <= rate


@settings(max_examples=40)
@given(SERIES, st.integers(1, 5))
def test_alerts_are_judged_as_counting_judges_them(drawn: list[list[tuple[float, bool]]], apart: int) -> None:
    scores, labels = split(drawn)
    alerts = [score >= 0.5 for score in scores]
    each = [counted(on, label, apart) for on, label in zip(alerts, labels, strict=True)]
    judged = of_alerts(alerts, labels, apart)
    assert [judged.found, judged.events, judged.false] == [sum(column) for column in zip(*each, strict=True)]
    total = sum(len(episodes(on, apart)) for on in alerts)
    assert judged.precision == pytest.approx(1 - judged.false / total) if total else isnan(judged.precision)


def test_an_alarm_that_is_always_on_finds_nothing() -> None:
    labels = [pulses(40, 41), pulses(7)]
    assert recall_at([np.ones(100), np.ones(100)], labels, per_10_000=5.0).found == 0


def test_an_episode_that_reaches_into_an_event_is_not_false_and_a_long_one_counts_once() -> None:
    labels = [pulses(50, 51, 52)]
    assert of_alerts([pulses(47, 48, 49, 50)], labels).false == 0
    assert of_alerts([pulses(53, 54)], labels).false == 1  # begun after the event
    assert of_alerts([pulses(*range(60, 90))], labels).false == 1


def test_runs_nearer_than_apart_are_one_episode() -> None:
    alerts, labels = [pulses(10, 13, 20)], [pulses(90)]
    assert [of_alerts(alerts, labels, apart).false for apart in (1, 2, 3, 7)] == [3, 3, 2, 1]


def test_the_delay_is_the_median_of_the_first_alarmed_rows_of_found_events() -> None:
    label = pulses(*range(10, 20), *range(40, 50), *range(60, 70), *range(80, 85))
    judged = of_alerts([pulses(9, 10, 42, 43, 67)], [label])
    assert (judged.delay, judged.recall) == (2.0, 0.75)
    assert isnan(of_alerts([pulses()], [label]).delay)


def test_rates_are_over_unlabelled_rows_of_all_series() -> None:
    labels = [pulses(*range(50)), pulses(*range(50, 100))]
    judged = of_alerts([pulses(70), pulses(3)], labels)
    assert judged.false_per_10_000 == 200.0
    assert judged.false_interval == pytest.approx((24.2, 722.5), abs=0.1)
    assert (
        recall_at([pulses(70) * 1.0, pulses(3) * 1.0], labels, 1000.0).false_per_10_000 == 0.0
    )  # the highest of equals


@pytest.mark.parametrize(
    ("count", "interval"),
    [(0, (0.0, 3.689)), (1, (0.0253, 5.572)), (10, (4.795, 18.39)), (100, (81.36, 121.6))],
    ids=["0", "1", "10", "100"],
)
def test_the_interval_of_a_count_is_that_of_the_tables(count: int, interval: tuple[float, float]) -> None:
    assert poisson_interval(count) == pytest.approx(interval, rel=1e-3)


@settings(max_examples=40)
@given(st.integers(0, 300))
def test_the_interval_holds_the_count_and_widens_with_the_level(count: int) -> None:
    low, high = poisson_interval(count)
    wide_low, wide_high = poisson_interval(count, level=0.99)
    assert wide_low <= low <= count < high < wide_high
