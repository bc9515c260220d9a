"""SKAB's measures against plain counting, and its changepoint score against its fixed points."""

from math import inf, isnan, nan, pi, tanh

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.quality.metrics.skab import (
    Bools,
    Changes,
    Floats,
    Rows,
    at_far,
    best_changepoints,
    changepoints,
    confusion,
    hindsight,
)

SECONDS = np.arange(600) * 1000
SCORES = st.sampled_from([0.0, 0.2, 0.5, 0.8, inf, nan])


def rows(*on: int, of: int = 600) -> Bools:
    found = np.zeros(of, bool)
    found[list(on)] = True
    return found


@st.composite
def files(draw: st.DrawFn) -> tuple[list[Floats], list[Bools]]:
    drawn = [
        draw(st.lists(st.tuples(SCORES, st.booleans()), min_size=1, max_size=20))
        for _ in range(draw(st.integers(1, 3)))
    ]
    return [np.array([s for s, _ in file]) for file in drawn], [
        np.array([label for _, label in file]) for file in drawn
    ]


def test_rates_are_pooled_over_the_rows_of_all_files() -> None:
    alerts = [np.array([1, 1, 0, 0], bool), np.array([0, 0, 0, 0, 1], bool)]
    labels = [np.array([1, 0, 0, 0], bool), np.array([1, 1, 1, 0, 0], bool)]
    assert confusion(alerts, labels) == Rows(f1=2 / (3 + 4), far=40.0, mar=75.0)


def test_rates_of_nothing_are_not_numbers() -> None:
    assert isnan(confusion([rows()], [rows()]).mar)
    assert isnan(confusion([rows()], [~rows()]).far)


@settings(max_examples=40)
@given(files(), st.sampled_from([0.0, 20.0, 50.0, 100.0]))
def test_hindsight_is_the_best_f1_within_the_false_alarms_allowed(
    drawn: tuple[list[Floats], list[Bools]], most: float
) -> None:
    scores, labels = drawn
    if not np.concatenate(labels).any():
        return
    thresholds = [inf, *{float(each) for each in np.concatenate(scores) if not isnan(each)}]
    judged = [confusion([score >= each for score in scores], labels) for each in thresholds]
    # Silence is always allowed, but no threshold is silent where some score is infinite.
    best = max((each.f1 for each in judged if not each.far > most), default=None)
    chosen = at_far(scores, labels, most)
    if best is not None:
        assert chosen.f1 == pytest.approx(best)
        at = confusion([score >= chosen.threshold for score in scores], labels)
        assert (chosen.f1, chosen.mar) == pytest.approx((at.f1, at.mar))


def test_hindsight_without_a_limit_may_alarm_all_the_time() -> None:
    scores, labels = [np.zeros(4)], [np.array([1, 1, 1, 0], bool)]
    assert hindsight(scores, labels).threshold == 0.0
    assert at_far(scores, labels).threshold == inf


def test_an_event_at_each_changepoint_scores_100_and_none_0() -> None:
    changes = [rows(100, 300), rows(50)]
    times = [SECONDS, SECONDS]
    perfect, silent = changepoints(changes, changes, times), changepoints([rows(), rows()], changes, times)
    assert perfect == Changes(*[pytest.approx(100.0)] * 3, found=3, changepoints=3, false=0, false_per_file=0.0)
    assert (silent.standard, silent.low_fp, silent.low_fn, silent.found) == (0.0, 0.0, 0.0, 0)


@pytest.mark.parametrize("delay", [0, 10, 30, 45, 60])
def test_an_event_loses_with_its_delay_down_to_a_false_alarm_at_the_end_of_the_window(delay: int) -> None:
    judged = changepoints([rows(100 + delay)], [rows(100)], [SECONDS])
    earned = 1.11 * (0.5 - 0.5 * tanh(pi * (delay / 60 - 0.5)) / tanh(pi / 2)) - 0.11
    assert judged.standard == pytest.approx(100 * (earned + 1) / 2, abs=0.2)
    assert (judged.found, judged.false) == (1, 0)


def test_the_window_is_of_time_not_of_rows() -> None:
    sparse = [SECONDS * 10]
    assert changepoints([rows(106)], [rows(100)], sparse).found == 1
    assert changepoints([rows(107)], [rows(100)], sparse).false == 1
    assert changepoints([rows(130)], [rows(100)], sparse, width_s=300.0).found == 1


def test_events_before_and_after_the_windows_are_false_and_later_ones_inside_are_free() -> None:
    clean, noisy = changepoints([rows(110)], [rows(100)], [SECONDS]), rows(99, 110, 120, 161)
    judged = changepoints([noisy], [rows(100)], [SECONDS])
    assert judged.false == 2
    assert clean.standard - judged.standard == pytest.approx(100 * 2 * 0.11 / 2)
    assert clean.low_fp - judged.low_fp == pytest.approx(100 * 2 * 0.22 / 2)
    assert clean.low_fn - judged.low_fn == pytest.approx(100 * 2 * 0.11 / 3)


def test_of_two_windows_that_overlap_the_later_begins_at_the_end_of_the_earlier() -> None:
    near = [rows(100, 120)]
    assert changepoints([rows(130)], near, [SECONDS]).found == 1
    assert changepoints([rows(100, 160)], near, [SECONDS]).standard == pytest.approx(100.0)  # the edge is of both
    assert changepoints([rows(100, 170)], near, [SECONDS]).found == 2


def test_events_of_a_file_without_a_changepoint_are_false() -> None:
    judged = changepoints([rows(100), rows(5, 6)], [rows(100), rows()], [SECONDS, SECONDS])
    assert (judged.found, judged.false, judged.false_per_file) == (1, 2, 1.0)
    assert isnan(changepoints([rows(1)], [rows()], [SECONDS]).standard)


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 199), st.sampled_from([0.1, 0.3, 0.7, 0.9])), max_size=20),
    st.sets(st.integers(0, 199), min_size=1, max_size=4),
    st.sampled_from([0.0, 1.0, 3.0]),
)
def test_the_best_threshold_is_the_best_of_all_within_the_false_events_allowed(
    events: list[tuple[int, float]], changes: set[int], most: float
) -> None:
    values = np.zeros(200)
    for row, value in events:
        values[row] = value
    times = np.arange(200) * 1000
    labels = rows(*changes, of=200)
    chosen = best_changepoints([values], [labels], [times], most)
    judged = [changepoints([values >= each], [labels], [times]) for each in (0.1, 0.3, 0.7, 0.9, inf)]
    assert chosen.false_per_file <= most
    assert chosen.standard == pytest.approx(max(each.standard for each in judged if each.false <= most))
