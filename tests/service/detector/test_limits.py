"""Limits: the order statistic of block maxima, against sorting all of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.detector.limits import KEPT, SPAN, close_block, limits, per_ten_thousand, seeded


def maxima(count: int, seed: int = 0) -> list[float]:
    return np.random.default_rng(seed).gumbel(5, 1, count).astype(np.float16).astype(float).tolist()


@given(count=st.integers(1, SPAN), k=st.floats(0.1, 12, allow_subnormal=False), seed=st.integers(0, 99))
def test_the_limit_is_the_order_statistic_of_all_block_maxima(count: int, k: float, seed: int) -> None:
    seeds = maxima(count, seed)
    top, _, blocks = seeded([seeds])
    limit, _ = limits(top[None], np.array([blocks], np.uint8), np.zeros((1, 1), np.float32), np.array([k]))
    rank = int(np.clip(np.ceil((count + 1) * (1 - 60 * k / 10_000)), 1, count))
    expected = sorted(seeds)[max(rank, count - KEPT + 1) - 1]
    assert limit[0, 0] == np.float32(expected)


@pytest.mark.parametrize("k", [1.0, 4.0, 8.0, 12.0, 14.0, 16.0])
def test_a_block_of_a_steady_strength_exceeds_its_limit_as_often_as_the_budget_allows(k: float) -> None:
    random, streams = np.random.default_rng(7), 400
    top, age, blocks = seeded([maxima(SPAN)])
    top, age = (np.repeat(array[None], streams, axis=0) for array in (top, age))
    full, floor = np.full(streams, blocks, np.uint8), np.zeros((streams, 1), np.float32)
    exceeded = 0
    for turn in range(3 * SPAN):
        limit, _ = limits(top, full, floor, np.array([k]))
        block = random.gumbel(5, 1, (streams, 1)).astype(np.float16)
        exceeded += int((block > limit).sum()) * (turn >= SPAN)
        top, age = close_block(top, age, block, np.full_like(limit, np.inf), np.zeros(streams, np.bool_))
    share = exceeded / (2 * SPAN * streams)
    assert share == pytest.approx(60 * k / 10_000, rel=0.12)


def test_a_budget_that_the_blocks_seen_cannot_resolve_is_extrapolated() -> None:
    top, _, _ = seeded([maxima(10)])
    for blocks, extrapolated in ((10, True), (166, False)):
        _, correction = limits(top[None], np.array([blocks], np.uint8), np.zeros((1, 1), np.float32), np.array([1.0]))
        assert (correction[0] > 0) == extrapolated


def test_a_stricter_budget_never_has_a_lower_limit() -> None:
    top, _, blocks = seeded([maxima(SPAN)])
    found = [
        limits(top[None], np.array([blocks], np.uint8), np.zeros((1, 1), np.float32), np.array([k]))
        for k in (16.0, 8.0, 2.0, 0.5, 0.01)
    ]
    reach = [float(np.log(limit[0, 0]) + correction[0]) for limit, correction in found]
    assert reach == sorted(reach)


def fill(values: list[float], alerting: bool) -> np.ndarray:
    top, age, _ = seeded([maxima(60)])
    top, age = top[None], age[None]
    for value in values:
        limit = top[:, :, 0].astype(np.float32)
        top, age = close_block(top, age, np.array([[value]], np.float16), limit, np.array([alerting]))
    return top


def test_an_unreported_excess_raises_the_limit_by_a_twentieth_and_a_reported_one_at_once() -> None:
    before = float(fill([], False)[0, 0, 0])
    assert fill([100.0], False)[0, 0, 0] == pytest.approx(1.05 * before, rel=1e-3)
    assert fill([100.0], True)[0, 0, 0] == 100


def test_a_maximum_is_forgotten_after_its_span_of_blocks() -> None:
    assert fill([100.0] + [0.0] * (SPAN - 1), True)[0, 0, 0] == 100
    assert fill([100.0] + [0.0] * SPAN, True)[0, 0, 0] < 100


def test_the_budget_is_spent_by_readings_and_no_finer_than_the_kept_maxima_resolve() -> None:
    assert per_ten_thousand(1.0, np.array([8.64]))[0] == pytest.approx(1.0)
    assert per_ten_thousand(1e9, np.array([8.64]))[0] == 16
