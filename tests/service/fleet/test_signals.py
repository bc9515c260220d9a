"""Filters give what their recursion gives, one row at a time, however the rows are cut into blocks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.fleet.signals import Regimes, Schedule, Signals, follow

REGIMES = Regimes((0.0, 0.5, 1.0), ((0.0, 0.7, 0.3), (0.5, 0.0, 0.5), (0.3, 0.7, 0.0)), 420, 150, 75)


@given(
    pole=st.complex_numbers(max_magnitude=0.999, allow_subnormal=False),
    before=st.floats(-10, 10, allow_subnormal=False),
    rows=st.integers(1, 300),
    seed=st.integers(0, 2**32 - 1),
)
def test_following_columns_at_once_equals_following_row_by_row(
    pole: complex, before: float, rows: int, seed: int
) -> None:
    drive = np.random.default_rng(seed).standard_normal(rows).astype(complex)
    x, expected = complex(before), []
    for kick in drive:
        x = pole * x + kick
        expected.append(x)
    np.testing.assert_allclose(follow(pole, drive, before), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("make", [lambda s: s.duty(), lambda s: s.lag(s.duty(), 40.0), lambda s: s.day()])
def test_a_column_does_not_depend_on_how_it_is_cut_into_blocks(make: object) -> None:
    assert callable(make)

    def run(*sizes: int) -> np.ndarray:
        signals = Signals(REGIMES, 5.0, np.random.default_rng(3))
        seconds, parts = 5.0 * np.arange(sum(sizes)), []
        for stop, size in zip(np.cumsum(sizes), sizes, strict=True):
            signals.begin(seconds[stop - size : stop])
            parts.append(make(signals))
        return np.concatenate(parts)

    np.testing.assert_allclose(run(600), run(200, 7, 393), rtol=1e-9)


def test_duty_ramps_and_never_jumps() -> None:
    duty = Schedule(REGIMES, np.random.default_rng(1)).duty(np.arange(200_000.0))
    assert np.abs(np.diff(duty)).max() <= 1 / REGIMES.ramp_s + 1e-9


def test_every_level_is_visited_and_held() -> None:
    duty = Schedule(REGIMES, np.random.default_rng(1)).duty(np.arange(200_000.0))
    for level in REGIMES.levels:
        assert np.mean(duty == level) > 0.1


def test_loops_and_surroundings_have_about_unit_variance() -> None:
    signals = Signals(REGIMES, 5.0, np.random.default_rng(2))
    loop, air = [], []
    for block in range(400):
        signals.begin(5.0 * (240 * block + np.arange(240)))
        loop.append(signals.hunting(80))
        air.append(signals.wander(300))
    assert np.std(np.concatenate(loop)[5000:]) == pytest.approx(0.9, abs=0.1)  # end stops take a little
    assert np.std(np.concatenate(air)) == pytest.approx(1, abs=0.1)
