"""Counts of a backtest, and what the budget had promised for it."""

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.bundle import Bundles
from service.chance import poisson_quantile
from service.report.tally import Tally
from service.settings import Settings
from tests.service.bundles import Draft
from tests.service.report.scenes import START, alert, outcome, readings, scores


def tallied(*outcomes: object) -> Tally:
    tally = Tally(5.0)
    for each in outcomes:
        tally.add(None, each)  # type: ignore[arg-type]
    return tally


def test_an_alert_counts_once_with_the_highest_severity_it_reached() -> None:
    tally = tallied(
        outcome([alert("d", 1, "opened"), alert("e", 1, "opened", "info", "data_quality")]),
        outcome([alert("d", 1, "escalated", "critical")]),
        outcome([alert("d", 1, "resolved", "warning"), alert("d", 2, "opened")]),
    )
    assert tally.opened() == {"critical": 1, "warning": 1, "data_quality": 1}
    assert tally.devices["d"].opened == {"critical": 1, "warning": 1}


def test_devices_with_the_worst_process_alerts_come_first() -> None:
    tally = Tally(5.0)
    seen = readings(["quiet", "odd", "worse", "dumb"])
    found = scores(seen, [-1.0, 0.1, 0.5, -1.0])
    opened = [
        alert("odd", 1, "opened"),
        alert("worse", 1, "opened"),
        alert("dumb", 1, "opened", "info", "data_quality"),
    ]
    tally.add(seen, outcome(opened, found))
    assert tally.worth_showing(4) == ["worse", "odd", "dumb", "quiet"]
    assert tally.worth_showing(2) == ["worse", "odd"]


def test_device_days_and_the_budget_over_them(tmp_path: Path) -> None:
    Draft("toy").write(tmp_path)
    tally = Tally(5.0)
    tally.add(readings(["a", "b"]), outcome())
    tally.add(readings(["a", "b"], start=START + 86_400_000), outcome())
    bundles = Bundles(tmp_path, "toy")
    assert tally.device_days == 2.0
    assert tally.allowed(bundles, Settings()) == 1.0
    by_class = Settings.model_validate({"detector": {"false_alarms_per_device_day": {"default": 3.0, "pump": 9.0}}})
    assert tally.allowed(bundles, by_class) == 6.0


def test_every_score_is_somewhere_in_the_distribution() -> None:
    tally = Tally(5.0)
    seen = readings(["a"] * 5)
    tally.add(seen, outcome([], scores(seen, [-20.0, -6.0, 0.0, 3.9, 9.0])))
    assert tally.scored.sum() == tally.scores == 5


def test_the_lines_say_what_was_counted(tmp_path: Path) -> None:
    Draft("toy").write(tmp_path)
    tally = Tally(5.0)
    tally.add(readings(["a", "a"]), outcome([alert("a", 1, "opened")], None, stepped=1, late=1))
    lines = "\n".join(tally.lines(Bundles(tmp_path, "toy"), Settings()))
    assert "1 stepped of 2 (late 1)" in lines
    assert "1 of the process (0 critical)" in lines


@given(st.floats(0, 2000, allow_subnormal=False))
def test_the_quantile_leaves_at_most_a_twentieth_above(mean: float) -> None:
    quantile = poisson_quantile(mean)
    logs = [count * math.log(mean) - mean - math.lgamma(count + 1) if mean else 0.0 for count in range(quantile + 1)]
    below = sum(map(math.exp, logs)) if mean else 1.0
    last = math.exp(logs[-1]) if mean else 1.0
    assert below >= 0.95 - 0.003
    assert below - last < 0.95 + 0.003


@pytest.mark.parametrize(("mean", "quantile"), [(0.0, 0), (0.05, 0), (0.1, 1), (1.0, 3), (10.0, 15)])
def test_known_quantiles(mean: float, quantile: int) -> None:
    assert poisson_quantile(mean) == quantile
