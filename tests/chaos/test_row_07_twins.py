"""Row 7: two workers of one slot, started together, and one beside another that is at work."""

import time

from tests.chaos import verdict
from tests.chaos.conftest import Input, Tell
from tests.chaos.scene import Scene
from tests.chaos.worker import LOOK_S, PATIENCE_S, Worker

FENCED = 75


def survivor(twins: list[Worker]) -> Worker:
    """The one that is left, once the other has ended as fenced."""
    deadline = time.monotonic() + PATIENCE_S
    while all(twin.runs for twin in twins):
        assert time.monotonic() < deadline, "both live"
        time.sleep(LOOK_S)
    alive = [twin for twin in twins if twin.runs]
    assert len(alive) == 1, [twin.tail() for twin in twins]
    (dead,) = (twin for twin in twins if twin not in alive)
    assert dead.ended() == FENCED, dead.tail()
    return alive[0]


def test_of_two_workers_with_one_slot_one_survives(scene: Scene, given: Input, tell: Tell):
    first = survivor([scene.worker("twin"), scene.worker("twin")])
    first.until(lambda: first.total("gruard_records_total") > 2000, "some work")
    last = survivor([first, scene.worker("twin")])
    scene.until_read(last)
    assert last.terminated() == 0
    replayed = sum(entry["replayed"] for entry in scene.told("restored"))
    tell(7, "one slot twice", seed=given.seed, fenced=2, readings_replayed=replayed)
    verdict.exact("07", given.seed, scene.outcome(), given.expected)
    assert len(list(scene.told("fenced"))) >= 1
