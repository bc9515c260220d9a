"""What a step shows beside its outputs, held against the scores of the same readings, and against any cut of them."""

from collections import defaultdict
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.bundle import Bundles
from service.decoding import Decoder
from service.detector import Detector
from service.detector.rules import AlertsSettings, DetectorSettings, MaintenanceWindow
from service.records import OTHER, SCORE_EDGES, Measured, Records
from tests.service.real import MODELS, fleet_messages

BUDGET = 12.0
PERIOD_S = {"server": 10.0, "meter": 10.0}


BUNDLES = Bundles(MODELS, "universal")


@cache
def records():
    messages = fleet_messages(3, devices=20, seconds=1500.0, faults=10)
    n = range(len(messages))
    return Records(0, n, [m.arrival for m in messages], [m.key for m in messages], [m.value for m in messages])


def made(alerts=None, scores=False):
    rules = DetectorSettings(false_alarms_per_device_day=BUDGET)
    return Detector(BUNDLES, rules, alerts or AlertsSettings(), {}, scores=scores)


def run(cuts, alerts=None, scores=False, detector=None):
    """What was measured, summed, and every sheet of scores."""
    detector = detector or made(alerts, scores)
    decoder = Decoder(detector.sensors(), detector.classes(), None, 1 << 20)
    detector.open(0)
    whole, sums, sheets = records(), defaultdict(Measured), []
    for first, last in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        outcome = detector.step(decoder.decode(whole.cut(first, last)))
        detector.fold(outcome)
        sheets.append(outcome.scores)
        for name, seen in outcome.measured.items():
            for field in Measured.__dataclass_fields__:
                setattr(sums[name], field, getattr(sums[name], field) + getattr(seen, field))
    return dict(sums), sheets


@cache
def whole():
    return run([], scores=True)


def test_the_distribution_is_that_of_the_scores_of_readings_that_could_be_judged():
    measured, [scores] = whole()
    classes = [scores.stepped.classes[at] for at in scores.reading.tolist()]
    for name, seen in measured.items():
        of_class = np.array([(own if own in PERIOD_S else OTHER) == name for own in classes])
        judged = scores.evidence[of_class & (scores.evidence != np.float32(-20))].astype(np.float64)
        edges = [-np.inf, *np.log(SCORE_EDGES), np.inf]
        expected = [np.sum((judged > low) & (judged <= high)) for low, high in pairwise(edges)]
        assert seen.scores.tolist() == expected
        assert seen.score_sum == pytest.approx(np.exp(judged).sum(), rel=1e-5)
    assert set(measured) == {*PERIOD_S, OTHER}
    assert sum(seen.scores[6:].sum() for seen in measured.values()) > 0


def test_the_budget_is_spent_on_the_device_time_that_was_scored():
    measured, _ = whole()
    for name, period_s in PERIOD_S.items():
        seen = measured[name]
        assert seen.device_s == pytest.approx(seen.scores.sum() * period_s)
        assert seen.allowed == pytest.approx(seen.device_s / 86400 * BUDGET)
    assert measured[OTHER].device_s > 0


def test_values_that_a_fault_takes_away_are_missing():
    measured, [scores] = whole()
    assert all(seen.present > 0 for seen in measured.values())
    sent = int(np.isfinite(scores.stepped.values).sum())
    assert measured["server"].missing > 0
    assert sum(seen.present for seen in measured.values()) >= sent


def test_limits_drift_by_as_much_as_they_are_moved():
    detector = made()
    run([], detector=detector)
    before = detector.summary(0)
    for table in detector._partitions[0].tables:
        table.columns["top"] *= 2
        table.columns["floor"] *= 2
    after = detector.summary(0)
    for name in (*PERIOD_S, OTHER):
        judged = before[f"judged/{name}"]
        assert 0 < judged <= before[f"class/{name}"]
        assert abs(before[f"drift/{name}"] / judged) < np.log(3)  # a fleet of the kind that the models were trained on
        assert (after[f"drift/{name}"] - before[f"drift/{name}"]) / judged == pytest.approx(np.log(2), rel=1e-3)


def test_time_in_maintenance_is_not_set_against_the_budget():
    window = MaintenanceWindow(devices="*", start="2000-01-01T00:00:00Z", end="2100-01-01T00:00:00Z")
    measured, _ = run([], AlertsSettings(maintenance=(window,)))
    for seen in measured.values():
        assert seen.scores.sum() > 0
        assert (seen.device_s, seen.allowed) == (0, 0)


@given(st.lists(st.integers(1, 1000), max_size=4, unique=True))
@settings(max_examples=5)
def test_how_the_input_is_cut_changes_no_sum(cuts):
    measured, _ = run(sorted(cut for cut in cuts if cut < len(records())))
    assert measured.keys() == whole()[0].keys()
    for name, seen in measured.items():
        assert seen.scores.tolist() == whole()[0][name].scores.tolist()
        for field in ("score_sum", "device_s", "allowed", "present", "missing"):
            assert getattr(seen, field) == pytest.approx(getattr(whole()[0][name], field), rel=1e-6, abs=1e-6)
