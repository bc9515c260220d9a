"""Watching some devices shows exactly what was scored of them, once it is folded, and changes nothing for anybody."""

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.bundle import Bundles
from service.detector import Detector
from service.detector.resolve import present_names
from service.detector.rules import AlertsSettings
from tests.service.detector.inputs import cut, detector, log, play, published, toy_bundles
from tests.service.detector.test_engine import RULES

DEVICES = [f"device-{i}" for i in range(7)]


class Watching:
    """Keeps each row as its numbers."""

    def __init__(self, devices):
        self.devices = devices
        self.rows = defaultdict(list)
        self.gone = set()
        self.labels = {}

    def chosen(self, devices):
        return np.array([device in self.devices for device in devices])

    def folded(self, partition, seen):
        for part in seen:
            self.labels.update(part.labels)
            for i, device in enumerate(part.devices):
                sensors = part.signatures[part.signature[i]][1]
                leading = int(part.leading[i])
                facts = part.times[i], part.evidence[i], part.limit[i], part.alert[i], sensors[leading]
                values = part.values[i], part.mean[i], part.mean[i] - part.scale[i], part.mean[i] + part.scale[i]
                self.rows[device].append([*facts, *(value.tobytes() for value in values)])

    def forgotten(self, devices):
        self.gone |= devices


@pytest.fixture(scope="module")
def bundles(tmp_path_factory) -> Bundles:
    return toy_bundles(Path(tmp_path_factory.mktemp("models")))


def watched(bundles, rules, devices):
    watching = Watching(devices)
    made = Detector(bundles, RULES[rules], AlertsSettings(), {}, watcher=watching)
    made.open(0)
    return made, watching


def scored(outcomes):
    """The same rows from the columns that a backtest writes."""
    rows = defaultdict(list)
    for outcome in outcomes:
        scores, readings = outcome.scores, outcome.scores.stepped
        for i, at in enumerate(scores.reading.tolist()):
            facts = readings.times[at], scores.evidence[i], scores.limit[i], scores.alert[i], scores.leading[i]
            sent = present_names(readings, at)
            observed = np.array([sent.get(name, np.nan) for name in readings.sensors], np.float32)
            values = observed, scores.expected[i], scores.lower[i], scores.upper[i]
            rows[readings.devices[at]].append([*facts, *(value.tobytes() for value in values)])
    return rows


@given(
    seed=st.integers(0, 50),
    bounds=st.lists(st.integers(1, 599), max_size=8),
    rules=st.sampled_from(sorted(RULES)),
    devices=st.sets(st.sampled_from(DEVICES)),
)
@settings(deadline=None, max_examples=8)
def test_rows_are_the_scores_however_polls_are_cut_and_alerts_stay_the_same(bundles, seed, bounds, rules, devices):
    readings = log(seed)
    plain = detector(bundles, RULES[rules])
    made, watching = watched(bundles, rules, devices)
    outcomes = play(plain, [readings])
    assert published(play(made, cut(readings, bounds))) == published(outcomes)
    assert made.rows(0) == plain.rows(0)
    rows = scored(outcomes)
    assert watching.rows == {device: rows[device] for device in devices & rows.keys()}
    assert watching.labels.keys() <= devices


def test_what_is_dropped_was_never_seen(bundles):
    made, watching = watched(bundles, "plain", set(DEVICES))
    first, second = cut(log(3), [300])
    made.step(first)
    assert not watching.rows
    play(made, [first, second])
    other, again = watched(bundles, "plain", set(DEVICES))
    play(other, [first, second])
    assert watching.rows == again.rows


def test_who_is_forgotten_is_told_to_be_gone(bundles):
    made, watching = watched(bundles, "forgetting", set())
    play(made, cut(log(1), range(20, 600, 20)))
    assert watching.gone
    known = {device for roster in made.rosters() for device in roster.ids if device is not None}
    assert known == made.rows(0).keys()
    assert made.devices() == len(known) <= 4


def test_a_roster_is_a_copy_of_what_the_rows_say(bundles):
    made, _ = watched(bundles, "plain", set())
    first, second = cut(log(2), [300])
    play(made, [first])
    rosters = made.rosters()
    before = [(list(each.ids), each.last_time.copy(), each.count.copy()) for each in rosters]
    play(made, [second])
    for roster, (ids, last, count) in zip(rosters, before, strict=True):
        assert roster.ids == ids
        np.testing.assert_array_equal(roster.last_time, last)
        np.testing.assert_array_equal(roster.count, count)
    now = {id_: int(n) for each in made.rosters() for id_, n in zip(each.ids, each.count, strict=True)}
    assert sum(now.values()) > sum(int(count.sum()) for _, _, count in before)
