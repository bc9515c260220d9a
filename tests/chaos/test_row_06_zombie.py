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
NO_SNAPSHOT = {"snapshot_records": 10**6}  # but that of the first commit: whoever takes over has something to replay


def awake(zombie: Worker) -> tuple[int, float]:
    """Its exit code after it goes on, and how often it counted a fencing."""
    counted = 0.0
    zombie.signal(signal.SIGCONT)
    while zombie.runs:
        counted = max(counted, zombie.total("gruard_fenced_total"))
        time.sleep(0.02)
    return zombie.ended(), counted


def zombie_of(scene: Scene, chance: random.Random) -> tuple[Worker, Worker]:
    """The first of two workers, stopped long enough for the second to own everything, and the second."""
    first, second = (scene.worker(slot, worker=NO_SNAPSHOT) for slot in ("a", "b"))
    for worker in (first, second):
        worker.until(lambda worker=worker: worker.total("gruard_records_total") > 4000, "its share of the work")
    time.sleep(chance.uniform(0.0, 0.3))
    first.signal(signal.SIGSTOP)
    second.until(lambda: second.metrics().get('gruard_partitions{state="running"}') == PARTITIONS, "all partitions")
    return first, second


def risen(scene: Scene, given: Input, tell: Tell, seed: int) -> None:
    zombie, survivor = zombie_of(scene, random.Random(seed))
    code, counted = awake(zombie)
    assert code == FENCED, zombie.tail()
    assert counted == 1, "the fencing is counted where a scraper can see it"
    scene.until_read(survivor)
    assert survivor.terminated() == 0
    replayed = sum(entry["replayed"] for entry in survivor.told("restored"))
    tell(6, "zombie", seed=seed, exit_code=code, fenced=counted, readings_replayed=replayed)
    verdict.exact("06", seed, scene.outcome(), given.expected)
    assert replayed > 0


def test_a_zombie_publishes_nothing_and_leaves(scene, given, tell):
    risen(scene, given, tell, given.seed)


@pytest.mark.chaos
@pytest.mark.parametrize("again", range(1, 5))
def test_zombies_stopped_at_other_moments_publish_nothing_either(scene, given, tell, again):
    risen(scene, given, tell, given.seed + again)
