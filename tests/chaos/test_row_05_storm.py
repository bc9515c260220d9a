"""Row 5: workers join and leave every three seconds while readings keep coming."""

import random
import time
from dataclasses import dataclass, field
from threading import Thread

import pytest

from tests.chaos import verdict
from tests.chaos.conftest import SEED, Input, Tell
from tests.chaos.scene import Scene, make_topic, produce
from tests.chaos.traffic import Traffic, messages
from tests.chaos.worker import Worker

SLOTS = "abcde"
FEWEST, MOST = 2, 5
EVERY_S = 3.0
OWNERLESS_S = 60.0
LOOK_S = 0.5


@dataclass
class Storm:
    scene: Scene
    chance: random.Random
    running: dict[str, Worker] = field(default_factory=dict)
    leaving: dict[str, Worker] = field(default_factory=dict)
    joined: int = 0
    left: int = 0

    def change(self) -> None:
        """One joins or one leaves; half of those who leave are killed."""
        self.leaving = {slot: worker for slot, worker in self.leaving.items() if worker.runs}
        free = [slot for slot in SLOTS if slot not in self.running and slot not in self.leaving]
        few, many = len(self.running) <= FEWEST, len(self.running) == MOST or not free
        if few or (not many and self.chance.random() < 0.5):
            self.join(self.chance.choice(free))
        else:
            self.leave(self.chance.choice(sorted(self.running)))

    def join(self, slot: str) -> None:
        self.running[slot] = self.scene.worker(slot)
        self.joined += 1

    def leave(self, slot: str) -> None:
        worker = self.running.pop(slot)
        self.left += 1
        if self.chance.random() < 0.5:
            worker.kill()
        else:
            worker.process.terminate()
            self.leaving[slot] = worker


class Watch:
    """The longest time in which a partition with something to read was served by nobody."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._seen: dict[int, tuple[int, float]] = {}
        self.longest_s = 0.0

    def look(self) -> None:
        now = time.monotonic()
        for partition, (committed, lag) in self._scene.progress().items():
            before, since = self._seen.get(partition, (-1, now))
            if committed != before or not lag:
                self._seen[partition] = committed, now
            self.longest_s = max(self.longest_s, now - since)


def storm(scene: Scene, seed: int, seconds: float) -> tuple[Storm, Watch]:
    made, watch = Storm(scene, random.Random(seed)), Watch(scene)
    for slot in SLOTS[:FEWEST]:
        made.join(slot)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        due = time.monotonic() + EVERY_S
        while time.monotonic() < due:
            watch.look()
            time.sleep(LOOK_S)
        made.change()
    while scene.lag():
        watch.look()
        time.sleep(LOOK_S)
        assert any(worker.runs for worker in made.running.values())
        assert watch.longest_s <= OWNERLESS_S
    return made, watch


def weathered(kafka, given: Input, tmp_path, tell: Tell, seconds: float) -> None:
    topic = f"chaos.storm.{SEED}.{seconds:g}.v1"
    make_topic(kafka.bootstrap, topic)
    feeding = Thread(target=produce, args=(kafka.bootstrap, topic, messages(Traffic(SEED)), seconds))
    with Scene(kafka.bootstrap, tmp_path, topic) as scene:
        feeding.start()
        made, watch = storm(scene, SEED, seconds)
        feeding.join()
        scene.until_read(*made.running.values())
        for worker in made.running.values():
            worker.process.terminate()
        codes = [worker.ended() for worker in scene.workers if worker.process.returncode != -9]
        hands = len(list(scene.told("restored")))
        tell(5, f"storm of {seconds:g} s", seed=SEED, joined=made.joined, left=made.left, restores=hands,
             longest_without_owner_s=round(watch.longest_s, 1))  # fmt: skip
        verdict.exact("05", SEED, scene.outcome(), given.expected.at(topic))
        assert set(codes) == {0}, codes
        assert hands > 2 * 6
        assert watch.longest_s <= OWNERLESS_S


def test_alerts_are_byte_equal_after_half_a_minute_of_storm(kafka, given, tmp_path, tell):
    weathered(kafka, given, tmp_path, tell, 30.0)


@pytest.mark.chaos
def test_alerts_are_byte_equal_after_two_minutes_of_storm(kafka, given, tmp_path, tell):
    weathered(kafka, given, tmp_path, tell, 120.0)
