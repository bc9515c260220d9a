"""Curves keep a device's readings in order, thin without losing the worst, and widen when sensors come."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from service.report.curves import Curves, joined
from tests.service.report.scenes import START, readings, scores


def test_each_device_gets_its_own_readings_in_order() -> None:
    curves = Curves(None)
    for start in (0, 100_000):
        seen = readings(["x", "y", "x"], start=START + start)
        curves.add(seen, scores(seen))
    x = curves.of("x")
    assert x is not None
    assert x.times.tolist() == [START + t for t in (0, 10_000, 100_000, 110_000)]
    assert curves.of("z") is None


def test_only_wanted_devices_are_kept() -> None:
    curves = Curves(["y"])
    seen = readings(["x", "y"])
    curves.add(seen, scores(seen))
    assert curves.of("x") is None
    assert curves.of("y") is not None


def test_sensors_that_come_later_are_missing_before() -> None:
    curves = Curves(None)
    for sensors in (("a",), ("b", "a")):
        seen = readings(["x"], sensors)
        curves.add(seen, scores(seen))
    curve = curves.of("x")
    assert curve is not None
    assert curve.sensors == ("a", "b")
    assert np.isnan(curve.values[0, 1])
    assert np.isfinite(curve.values[1]).all()


def test_readings_with_names_of_their_own_have_values_without_a_band() -> None:
    seen = readings(["x", "x"], ())
    seen = replace(seen, named={0: {"p": 1.5}, 1: {"q": 2.5}})
    curves = Curves(None)
    curves.add(seen, scores(seen))
    curve = curves.of("x")
    assert curve is not None
    assert curve.sensors == ("p", "q")
    np.testing.assert_array_equal(curve.values, np.array([[1.5, np.nan], [np.nan, 2.5]], np.float32))
    assert np.isnan(curve.lower).all()


@given(st.lists(st.floats(-10, 10, width=32, allow_subnormal=False), min_size=1, max_size=30))
def test_thinning_halves_and_never_loses_the_highest_evidence(evidence: list[float]) -> None:
    seen = readings(["x"] * len(evidence))
    curves = Curves(None)
    curves.add(seen, scores(seen, evidence))
    whole = curves.of("x")
    assert whole is not None
    thin = whole.thinned()
    assert len(thin) == (len(whole) + 1) // 2
    assert thin.evidence.max() == whole.evidence.max()
    assert (np.diff(thin.times) > 0).all()


def test_a_long_run_stays_small(monkeypatch: object) -> None:
    curves = Curves(None)
    for part in range(30):
        seen = readings(["x"] * 2000, start=START + part * 10_000_000, seed=part)
        curves.add(seen, scores(seen))
    curve = curves.of("x")
    assert curve is not None
    assert 20_000 <= len(curve) <= 42_000
    assert joined([curve]).times[-1] == seen.times[-1]
