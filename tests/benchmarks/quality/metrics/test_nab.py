"""The NAB score against a second, slow writing of its rules, and against its fixed points."""

from collections.abc import Sequence
from math import exp, inf, isnan, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.quality.metrics.nab import Floats, Labelled, probation, score, sweep, windows_of

PROFILES = {
    "standard": {"CostMatrix": {"tpWeight": 1.0, "fnWeight": 1.0, "fpWeight": 0.11, "tnWeight": 1.0}},
    "low_fp": {"CostMatrix": {"tpWeight": 1.0, "fnWeight": 1.0, "fpWeight": 0.22, "tnWeight": 1.0}},
    "low_fn": {"CostMatrix": {"tpWeight": 1.0, "fnWeight": 2.0, "fpWeight": 0.11, "tnWeight": 1.0}},
}
STANDARD = PROFILES["standard"]
ONE = Labelled(1000, ((400, 449),))  # its warm-up is 150 rows


def detected(labelled: Labelled, *rows: int) -> Floats:
    found = np.zeros(labelled.rows)
    found[list(rows)] = 1.0
    return found


def plain_total(labelled: Labelled, found: Floats, cost: dict[str, float]) -> float:
    """One pass over the rows, as the rules are told."""

    def sigmoid(position: float) -> float:
        return -1.0 if position >= 3 else 2 / (1 + exp(5 * position)) - 1

    total, seen = 0.0, set()
    for row in range(probation(labelled.rows), labelled.rows):
        if not found[row]:
            continue
        inside = [window for window in labelled.windows if window[0] <= row <= window[1]]
        before = [window for window in labelled.windows if window[1] < row]
        if inside:
            first, last = inside[0]
            if inside[0] not in seen:
                total += cost["tpWeight"] * sigmoid(-(last - row + 1) / (last - first + 1)) / sigmoid(-1)
                seen.add(inside[0])
        elif before and before[-1][1] > before[-1][0]:
            first, last = before[-1]
            total += cost["fpWeight"] * sigmoid((row - last) / (last - first))
        else:
            total -= cost["fpWeight"]
    missable = [window for window in labelled.windows if window[1] >= probation(labelled.rows)]
    return total - cost["fnWeight"] * len([window for window in missable if window not in seen])


@st.composite
def corpora(draw: st.DrawFn) -> tuple[list[Labelled], list[Floats]]:
    corpus, values = [], []
    for _ in range(draw(st.integers(1, 2))):
        rows = draw(st.integers(1, 24))
        edges = sorted(draw(st.sets(st.integers(0, rows - 1), max_size=6)))
        corpus.append(Labelled(rows, tuple(zip(edges[::2], edges[1::2], strict=False))))
        levels = draw(st.lists(st.sampled_from([0.0, 0.1, 0.5, 0.9, inf, nan]), min_size=rows, max_size=rows))
        values.append(np.array(levels))
    return corpus, values


@pytest.mark.parametrize("profile", PROFILES)
def test_a_detection_at_the_first_row_of_each_window_scores_100_and_silence_0(profile: str) -> None:
    corpus = [ONE, Labelled(500, ((100, 119), (300, 300)))]
    perfect = [detected(ONE, 400), detected(corpus[1], 100, 300)]
    assert score(corpus, perfect, 1.0, PROFILES[profile]) == pytest.approx(100.0)
    assert score(corpus, [np.zeros(1000), np.zeros(500)], 1.0, PROFILES[profile]) == pytest.approx(0.0)


def test_only_the_first_detection_in_a_window_counts() -> None:
    late, both = detected(ONE, 430), detected(ONE, 401, 430)
    assert score([ONE], [both], 1.0, STANDARD) == score([ONE], [detected(ONE, 401)], 1.0, STANDARD)
    assert score([ONE], [late], 1.0, STANDARD) < score([ONE], [both], 1.0, STANDARD)


def test_the_last_row_of_a_window_still_earns() -> None:
    assert score([ONE], [detected(ONE, 449)], 1.0, STANDARD) > 50.0  # 50 is a window found for nothing


def test_a_false_positive_costs_little_beside_a_window_and_all_of_its_weight_three_widths_on() -> None:
    costs = [-2 * score([ONE], [detected(ONE, row)], 1.0, STANDARD) / 100 for row in (450, 460, 600, 999, 200)]
    assert costs == sorted(costs)
    assert costs[0] < 0.01
    assert costs[-2:] == pytest.approx([0.11, 0.11])


def test_each_row_above_the_threshold_outside_windows_is_a_false_positive() -> None:
    assert score([ONE], [detected(ONE, *range(160, 170))], 1.0, STANDARD) == pytest.approx(-100 * 10 * 0.11 / 2)


@pytest.mark.parametrize(("rows", "warm"), [(100, 15), (1000, 150), (5000, 750), (50_000, 750), (7, 1)])
def test_the_warm_up_is_15_per_cent_of_at_most_5000_rows_and_costs_nothing(rows: int, warm: int) -> None:
    labelled = Labelled(rows, ((rows - 1, rows - 1),))
    assert probation(rows) == warm
    assert score([labelled], [detected(labelled, *range(warm))], 1.0, STANDARD) == 0.0
    assert score([labelled], [detected(labelled, warm)], 1.0, STANDARD) < 0.0


def test_the_score_of_a_corpus_without_a_window_is_not_a_number() -> None:
    assert isnan(score([Labelled(10, ())], [np.zeros(10)], 1.0, STANDARD))


def test_a_series_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="9 scores for a series of 10 rows"):
        score([Labelled(10, ())], [np.zeros(9)], 1.0, STANDARD)


@settings(max_examples=40)
@given(corpora(), st.sampled_from(sorted(PROFILES)), st.sampled_from([0.0, 0.05, 0.1, 0.7, 2.0]))
def test_the_score_is_that_of_one_pass_over_the_rows(
    drawn: tuple[list[Labelled], list[Floats]], profile: str, threshold: float
) -> None:
    corpus, values = drawn
    cost = PROFILES[profile]["CostMatrix"]
    total = sum(plain_total(labelled, value >= threshold, cost) for labelled, value in zip(corpus, values, strict=True))
    null = sum(plain_total(labelled, np.zeros(labelled.rows), cost) for labelled in corpus)
    perfect = sum(len(labelled.windows) for labelled in corpus)
    if perfect:
        expected = 100 * (total - null) / (perfect - null)
        assert score(corpus, values, threshold, PROFILES[profile]) == pytest.approx(expected)


@settings(max_examples=40)
@given(corpora(), st.sampled_from(sorted(PROFILES)))
def test_a_sweep_finds_the_best_of_all_thresholds(drawn: tuple[list[Labelled], list[Floats]], profile: str) -> None:
    corpus, values = drawn
    if not any(labelled.windows for labelled in corpus):
        return
    thresholds = [inf, *{float(level) for value in values for level in value if not isnan(level)}]
    best, at = sweep(corpus, values, PROFILES[profile])
    assert best == pytest.approx(score(corpus, values, at, PROFILES[profile]))
    assert best == pytest.approx(max(score(corpus, values, each, PROFILES[profile]) for each in thresholds))


def moments(*minutes: int) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    return np.datetime64("2014-04-10T00:00", "s") + 60 * np.array(minutes)


@pytest.mark.parametrize(
    ("minutes", "window", "rows"),
    [
        ([0, 5, 10, 15, 20], (5, 15), [(1, 3)]),
        ([0, 5, 10, 15, 20], (4, 16), [(1, 3)]),
        ([0, 5, 5, 10, 10, 20], (5, 10), [(1, 3)]),  # repeated times: the first row of each
        ([0, 5, 10, 15, 5, 10, 15, 20], (5, 15), [(1, 3)]),  # the clock goes back
        ([0, 5, 10], (5, 60), [(1, 2)]),
        ([0, 5, 10], (6, 9), []),
        ([0, 5, 10], (20, 30), []),
    ],
    ids=["exact", "between", "repeated", "back", "beyond", "empty", "after"],
)
def test_a_window_of_time_is_its_rows(minutes: list[int], window: tuple[int, int], rows: Sequence[object]) -> None:
    times = moments(*minutes)
    assert windows_of(times, [tuple(moments(*window))]) == tuple(rows)


def test_windows_may_be_written_as_the_benchmark_writes_them() -> None:
    written = [("2014-04-10 00:05:00.000000", "2014-04-10 00:10:00.000000")]
    assert windows_of(moments(0, 5, 10, 15), written) == ((1, 2),)
    assert windows_of(moments(0, 5), []) == ()
