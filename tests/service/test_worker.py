"""The protocol itself, with a detector that only counts: every reading shows in every later alert of its device."""


import pytest

from service.crashpoints import POINTS
from tests.service.rig import Life, counting_messages, events, filled, outcome

SEED = 20261


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    path = filled(tmp_path_factory.mktemp("whole") / "gruard.db", counting_messages(SEED, 4000))
    watcher = Life(path).live()
    found = [event for event, _, _ in events(path)]
    assert found.count("opened") >= 10
    assert found.count("resolved") >= 10
    assert watcher.snapshots >= 3
    return outcome(path)


def test_a_kill_at_every_point_leaves_the_same_alerts(tmp_path, uninterrupted):
    for point in POINTS:
        path = filled(tmp_path / f"{point}.db", counting_messages(SEED, 4000))
        life = Life(path)
        if point in ("replayed", "restored"):
            assert life.killed("committed:20")
        assert life.killed(point if point == "replayed" else f"{point}:2"), point
        life.live()
        assert outcome(path) == uninterrupted, point
