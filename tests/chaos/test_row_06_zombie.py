"""Row 6: a worker is stopped until the group has gone on without it, and then wakes up in the middle of its work."""

import random
import signal
import time

import pytest

from tests.chaos import verdict
from tests.chaos.conftest import Input, Tell
from tests.chaos.scene import Scene
from tests.chaos.traffic import PARTITIONS
from tests.chaos.worker import Worker

FENCED = 75


def awake(zombie: Worker) -> tuple[int, float]:
    """Its exit code after it goes on, and how often it counted a fencing."""
    counted = 0.0
    zombie.signal(signal.SIGCONT)
    while zombie.runs:
        counted = max(counted, zombie.total("gruard_fenced_total"))
        time.sleep(0.02)
    return zombie.ended(), counted


def zombie_of(scene: Scene, chance: random.Random, slots: str) -> tuple[Worker, Worker]:
    """The first of two workers, stopped long enough for the second to own everything, and the second."""
    first, second = scene.worker(slots[0]), scene.worker(slots[1])
    for worker in (first, second):
        worker.until(lambda worker=worker: worker.total("gruard_records_total") > 0, "its share of the work")
    time.sleep(chance.uniform(0.0, 0.3))
    first.signal(signal.SIGSTOP)
    second.until(lambda: second.metrics().get('gruard_partitions{state="running"}') == PARTITIONS, "all partitions")
    return first, second


def risen(scene: Scene, given: Input, tell: Tell, rounds: int) -> None:
    chance = random.Random(given.seed)
    names = [f"{number}{side}" for number in range(rounds) for side in "xy"]
    survivor = None
    for number in range(rounds):
        if survivor is not None:
            assert survivor.terminated() == 0
        zombie, survivor = zombie_of(scene, chance, tuple(names[2 * number : 2 * number + 2]))
        code, counted = awake(zombie)
        assert code == FENCED, zombie.tail()
        assert counted == 1, "the fencing is counted where a scraper can see it"
        assert zombie.told("fenced")
    assert survivor is not None
    scene.until_read(survivor)
    assert survivor.terminated() == 0
    moved = len(list(scene.told("restored"))) - PARTITIONS
    replayed = sum(entry["replayed"] for entry in scene.told("restored"))
    tell(6, f"zombie x {rounds}", seed=given.seed, fenced=rounds, partitions_moved=moved, readings_replayed=replayed)
    verdict.exact("06", given.seed, scene.outcome(), given.expected)
    assert replayed > 0


def test_a_zombie_publishes_nothing_and_leaves(scene, given, tell):
    risen(scene, given, tell, 1)


@pytest.mark.chaos
def test_five_zombies_publish_nothing_and_leave(scene, given, tell):
    risen(scene, given, tell, 5)
