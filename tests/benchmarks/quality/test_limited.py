"""Strengths judged apart from the detector are judged as the detector judges them."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.quality.limited import Judged, judge_stream, smoothed
from service.bundle import Bundles
from service.detector import Detector
from service.detector.alerts import STAYS
from service.detector.devices import ALERTING
from service.detector.limits import per_ten_thousand
from service.detector.scored import Scored
from service.detector.scoring import NOTHING, Plan, largest_quarter
from service.fleet import CLASSES, history
from service.manifest import Manifest
from service.records import Readings
from service.settings import Settings

MODELS = Path(__file__).parents[3] / "models"
DEVICES, ROWS = 4, 1200
BUDGETS = (0.5, 14.0)  # a device-day: what ships, and 8 in 10,000 readings of a pump
PENALTIES = st.floats(0, 2, allow_subnormal=False)


class Heard(NamedTuple):
    """One device's stream in the live detector."""

    strength: np.ndarray
    judged: Judged


class Listening(Detector):
    """Keeps what the detector's own collectors are told."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given, scores=True)
        self.rows: list[tuple[str | None, np.ndarray, np.float32, bool, bool]] = []

    def _collectors(self, *given: Any) -> list[Callable[[Scored], None]]:
        return [*super()._collectors(*given), self._hear]

    def _hear(self, scored: Scored) -> None:
        work = scored.group.work
        for i, row in enumerate(scored.rows.tolist()):
            alert = bool(work.columns["flags"][row] & ALERTING)
            told = scored.judged.evidence[i], alert, bool(scored.event[i])
            self.rows.append((work.ids[row], scored.strength[i].copy(), *told))


def disturbed() -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Pumps in need of alerts: steps that return and one that stays, single bad readings, a drift."""
    devices = history("pump", DEVICES, ROWS * CLASSES["pump"].period_s, 7)
    times = devices[0][1]
    values = np.stack([own for _, _, own in devices])  # (devices, rows, sensors)
    spread = np.array([sensor.spread for sensor in CLASSES["pump"].sensors], np.float32)
    random = np.random.default_rng(3)
    for device in range(DEVICES):
        for begin in range(150 + 17 * device, ROWS, 260):
            sensor, rows = random.integers(len(spread)), slice(begin, begin + int(random.integers(1, 120)))
            values[device, rows, sensor] += random.choice([-4, 2, 6]) * spread[sensor]
    values[0, 600:, 1] -= 5 * spread[1]
    values[1, 400:, 2] += np.linspace(0, 8, ROWS - 400, dtype=np.float32) * spread[2]
    return tuple(name for name, _, _ in devices), times, values


@cache
def live(model: str, budget: float) -> tuple[dict[str, Heard], Manifest]:
    names, times, values = disturbed()
    configured = Settings.model_validate({"detector": {"false_alarms_per_device_day": budget}})
    bundles = Bundles(MODELS, model)
    detector = Listening(bundles, configured.detector, configured.alerts, {})
    detector.open(0)
    count = len(times) * len(names)
    readings = Readings(
        partition=0, offsets=np.arange(count), arrivals=np.repeat(times, len(names)),
        record=np.arange(count, dtype=np.int32), devices=list(names) * len(times), times=np.repeat(times, len(names)),
        classes=[None] * count, sensors=tuple(sensor.name for sensor in CLASSES["pump"].sensors),
        values=values.transpose(1, 0, 2).reshape(count, -1),
    )  # fmt: skip
    detector.fold(detector.step(readings))
    found = {}
    for name in names:
        strength, evidence, alert, event = zip(*(row[1:] for row in detector.rows if row[0] == name), strict=True)
        found[name] = Heard(np.array(strength), Judged(np.array(evidence), np.array(alert), np.array(event)))
    return found, bundles.default.manifest


def apart(heard: Heard, manifest: Manifest, budget: float) -> Judged:
    """The same strengths judged by the benchmark."""
    plan, period = Plan(manifest), CLASSES["pump"].period_s
    penalty = plan.penalty * np.log(largest_quarter(np.array([7])).astype(np.float32))
    penalty[plan.change] = np.inf
    seeds = [manifest.limit_seeds[name] for name in plan.names]
    k = float(per_ten_thousand(budget, np.array([period]))[0])
    max_open = 7 * 86_400 / period
    return judge_stream(heard.strength, seeds, k, penalty, manifest.warm_up, max_open=max_open)


@pytest.mark.parametrize("budget", BUDGETS)
def test_it_judges_the_strengths_of_the_live_detector_as_the_live_detector_does(budget: float) -> None:
    found, manifest = live("pump", budget)
    for heard in found.values():
        for own, expected in zip(apart(heard, manifest, budget), heard.judged, strict=True):
            np.testing.assert_array_equal(own, expected)


def test_the_stream_that_shows_it_opens_and_closes_alerts_and_keeps_one_beyond_its_events() -> None:
    found, _ = live("pump", BUDGETS[1])
    alerts = np.stack([heard.judged.alert for heard in found.values()])
    changes = np.diff(alerts.astype(int), axis=1)
    assert (changes > 0).sum() > 10
    assert (changes < 0).sum() > 8
    events = np.stack([heard.judged.event for heard in found.values()])
    assert events.sum() > (changes > 0).sum(), "an event in an open alert opens no other"
    evidence = np.stack([heard.judged.evidence for heard in found.values()])
    assert (alerts & (evidence < STAYS)).any(), "the limit at opening has kept an alert that today's limit had ended"


def noise(rows: int, strengths: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.abs(random.standard_normal((rows, strengths))).astype(np.float32)


@given(
    rows=st.integers(0, 500), seed=st.integers(0, 99), k=st.floats(0.1, 16, allow_subnormal=False), penalty=PENALTIES
)
def test_what_is_judged_of_a_prefix_is_the_prefix_of_what_is_judged(
    rows: int, seed: int, k: float, penalty: float
) -> None:
    strengths = noise(500, 2, seed)
    whole, part = (judge_stream(s, None, k, (0.0, penalty), 60) for s in (strengths, strengths[:rows]))
    for own, expected in zip(part, whole, strict=True):
        np.testing.assert_array_equal(own, expected[:rows])


@given(power=st.integers(-8, 8))
def test_strengths_in_another_unit_are_judged_alike(power: int) -> None:
    strengths = noise(900, 2)
    strengths[700:730] *= 8
    one, other = (judge_stream(s, None, 8, (0, 0), 60) for s in (strengths, strengths * np.float32(2.0**power)))
    np.testing.assert_allclose(one.evidence, other.evidence, atol=2e-3)  # block maxima are kept in half precision
    np.testing.assert_array_equal(one.event, other.event)


def test_nothing_is_said_in_the_warm_up_nor_without_seeds_before_a_whole_block_after_it() -> None:
    strengths = noise(200, 1)
    unseeded, seeded = (judge_stream(strengths, seeds, 8, (0,), 20) for seeds in (None, [[2.0] * 30]))
    assert (unseeded.evidence[:120] == NOTHING).all()
    assert (unseeded.evidence[120:] > NOTHING).all()
    assert (seeded.evidence[:20] == NOTHING).all()
    assert (seeded.evidence[20:] > NOTHING).all()


def test_a_strength_of_infinite_penalty_says_nothing() -> None:
    strengths = noise(600, 2)
    strengths[300:, 1] *= 100
    both, first = judge_stream(strengths, None, 8, (0, np.inf), 60), judge_stream(strengths[:, :1], None, 8, (0,), 60)
    np.testing.assert_array_equal(both.evidence, first.evidence)


def test_an_alert_is_given_up_after_so_many_readings() -> None:
    strengths = np.ones((2000, 1), np.float32)
    strengths[600:] = 1e4
    lasting, given_up = (judge_stream(strengths, None, 8, (0,), 60, max_open=n) for n in (1e9, 300))
    assert lasting.alert[600:1500].all()
    begins = int(np.flatnonzero(given_up.alert)[0])
    assert np.flatnonzero(~given_up.alert[begins:])[0] == 301


def test_smoothing_is_that_of_the_product() -> None:
    raw = noise(300, 2)
    manifest = live("pump", BUDGETS[0])[1]
    plan = Plan(manifest.model_copy(update={"witnesses": manifest.witnesses[:2]}))
    state = np.zeros((1, 4), np.float32)
    expected = [
        plan.strengths(row[None, :, None], state, np.array([n], np.uint32), np.array([1]))[0]
        for n, row in enumerate(raw)
    ]
    np.testing.assert_array_equal(smoothed(raw), expected)
