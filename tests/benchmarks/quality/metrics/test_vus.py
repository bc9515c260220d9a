"""VUS-PR against a slow writing of its definition."""

from math import isnan, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.quality.metrics.vus import Bools, Floats, vus_pr


def runs(on: Bools) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], on.astype(int), [0]))))
    return [(int(first), int(end) - 1) for first, end in edges.reshape(-1, 2)]


def plain_area(score: Floats, labels: Bools, buffer: int, thresholds: int) -> float:
    """Every threshold, every row."""
    n, half = len(score), buffer // 2
    weight = labels.astype(float)
    for first, last in runs(labels):
        for distance in range(1, half + 1):
            for row in (first - distance, last + distance):
                if 0 <= row < n:
                    weight[row] += sqrt(1 - distance / buffer)
    weight = np.minimum(weight, 1.0)
    wide: list[tuple[int, int]] = []  # events with their buffers, one where they share a row
    for first, last in runs(labels):
        joins = wide and first - half <= wide[-1][1]
        wide.append((wide.pop()[0] if joins else first - half, last + half))
    falling, area, before = sorted(score, reverse=True), 0.0, 0.0
    for rank in np.linspace(0, n - 1, thresholds).astype(int):
        found = score >= falling[rank]
        there = labels.sum() + (weight * found)[~labels].sum() / 2
        events = [found[max(first, 0) : last + 1].any() for first, last in wide]
        recall = min((weight * found).sum() / there, 1.0) * np.mean(events)
        area += (recall - before) * (weight * found).sum() / found.sum()
        before = recall
    return area


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.4, 0.4001, 0.9]), st.booleans()), min_size=1, max_size=24),
    st.integers(0, 12),
    st.sampled_from([1, 2, 5]),
    st.sampled_from([2, 7, 50]),
)
def test_the_volume_is_the_mean_of_the_plain_areas(
    rows: list[tuple[float, bool]], buffer: int, stride: int, thresholds: int
) -> None:
    score, labels = np.array([s for s, _ in rows]), np.array([label for _, label in rows])
    if not labels.any():
        assert isnan(vus_pr(score, labels))
        return
    areas = [plain_area(score, labels, each, thresholds) for each in range(0, buffer + 1, stride)]
    assert vus_pr(score, labels, buffer, stride, thresholds) == pytest.approx(float(np.mean(areas)))


def noise(rows: int = 3000) -> tuple[Floats, Bools]:
    labels = np.zeros(rows, bool)
    labels[1000:1060] = labels[2000:2020] = True
    return np.random.default_rng(5).random(rows), labels


def test_a_score_that_separates_scores_1_without_a_buffer_and_noise_about_the_share_of_labels() -> None:
    score, labels = noise()
    assert vus_pr(score + 2 * labels, labels, buffer=0, thresholds=len(labels)) == pytest.approx(1.0)
    assert vus_pr(score, labels, buffer=0) == pytest.approx(labels.mean(), abs=0.02)


def test_a_constant_score_is_worth_its_share_of_labels() -> None:
    _, labels = noise()
    assert vus_pr(np.zeros(len(labels)), labels, buffer=0) == pytest.approx(labels.mean())


def test_only_the_order_of_scores_matters() -> None:
    score, labels = noise()
    assert vus_pr(np.exp(5 * score), labels, stride=20) == vus_pr(score, labels, stride=20)


def test_a_score_that_is_late_by_some_rows_is_forgiven_by_a_buffer_only() -> None:
    score, labels = noise()
    late = score + 2 * np.roll(labels, 20)
    assert vus_pr(late, labels, buffer=0) < 0.6
    assert vus_pr(late, labels, buffer=100, stride=10) > vus_pr(late, labels, buffer=0) + 0.1
