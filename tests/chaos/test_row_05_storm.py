"""Row 5: workers join and leave every three seconds while readings keep coming."""

import random
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Thread

import pytest

from tests.chaos import verdict
from tests.chaos.conftest import SEED, Input, Tell
from tests.chaos.scene import Scene, make_topic, produce
from tests.chaos.traffic import PARTITIONS, Traffic, messages
from tests.chaos.worker import Worker, moment

SLOTS = "abcde"
FEWEST, MOST = 2, 5
EVERY_S = 3.0
OWNERLESS_S = 60.0


@dataclass
class Storm:
    scene: Scene
    chance: random.Random
    running: dict[str, Worker] = field(default_factory=dict)
    leaving: dict[str, Worker] = field(default_factory=dict)
    joined: int = 0
    ends: dict[Worker, float] = field(default_factory=dict)  # when it was killed, or asked to leave

    def change(self) -> None:
        """One joins or one leaves; half of those who leave are killed."""
        self.leaving = {slot: worker for slot, worker in self.leaving.items() if worker.runs}
        free = [slot for slot in SLOTS if slot not in self.running and slot not in self.leaving]
        few, many = len(self.running) <= FEWEST, len(self.running) == MOST or not free
        if few or (not many and self.chance.random() < 0.5):
            self.join(self.chance.choice(free))
        else:
            at_work = [slot for slot, worker in sorted(self.running.items()) if worker.told("restored")]
            self.leave(self.chance.choice(at_work or sorted(self.running)))

    def join(self, slot: str) -> None:
        self.running[slot] = self.scene.worker(slot)
        self.joined += 1

    def leave(self, slot: str) -> None:
        worker = self.running.pop(slot)
        self.ends[worker] = time.time()
        if self.chance.random() < 0.5:
            worker.kill()
        else:
            worker.process.terminate()
            self.leaving[slot] = worker


def storm(scene: Scene, seed: int, seconds: float) -> Storm:
    made = Storm(scene, random.Random(seed))
    for slot in SLOTS[:FEWEST]:
        made.join(slot)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(EVERY_S)
        made.change()
    return made


def longest_without_owner_s(made: Storm) -> float:
    """Of any partition, between two owners."""
    owners: dict[int, set[Worker]] = {partition: set() for partition in range(PARTITIONS)}
    since: dict[int, float] = {}
    longest_s = 0.0
    for at, partition, owns, worker in sorted(_hands(made), key=lambda each: each[0]):
        had_one = bool(owners[partition])
        (owners[partition].add if owns else owners[partition].discard)(worker)
        if had_one and not owners[partition]:
            since[partition] = at
        elif owners[partition] and not had_one:
            longest_s = max(longest_s, at - since.get(partition, at))
    return longest_s


def _hands(made: Storm) -> Iterator[tuple[float, int, bool, Worker]]:
    """When which partition came to which worker, or left it."""
    for worker in made.scene.workers:
        for entry in worker.told():
            if entry["event"] in ("restored", "partition_parked", "partition_dropped"):
                yield moment(entry), entry["partition"], entry["event"] == "restored", worker
        for partition in range(PARTITIONS):
            yield made.ends[worker], partition, False, worker


def weathered(kafka, given: Input, tmp_path, tell: Tell, seconds: float) -> None:
    topic = f"chaos.{'storm' if seconds < 60 else 'gales'}.{SEED}.v1"
    make_topic(kafka.bootstrap, topic)
    feeding = Thread(target=produce, args=(kafka.bootstrap, topic, messages(Traffic(SEED)), seconds))
    with Scene(kafka.bootstrap, tmp_path, topic) as scene:
        feeding.start()
        made = storm(scene, SEED, seconds)
        left = len(made.ends)
        feeding.join()
        scene.until_read(*made.running.values())
        for worker in made.running.values():
            worker.process.terminate()
            made.ends[worker] = time.time()
        codes = [worker.ended() for worker in scene.workers if worker.told("started")]
        ownerless_s = longest_without_owner_s(made)
        scene.finish()  # whoever was killed left a snapshot that lies behind
        hands = len(list(scene.told("restored")))
        tell(5, f"storm of {seconds:g} s", seed=SEED, joined=made.joined, left=left, restores=hands,
             longest_without_owner_s=round(ownerless_s, 1))  # fmt: skip
        verdict.exact("05", SEED, scene.outcome(), given.expected.at(topic))
        assert set(codes) <= {0, -signal.SIGKILL}, codes
        assert hands > 2 * 6
        assert ownerless_s <= OWNERLESS_S


def test_alerts_are_byte_equal_after_half_a_minute_of_storm(kafka, given, tmp_path, tell):
    weathered(kafka, given, tmp_path, tell, 30.0)


@pytest.mark.chaos
def test_alerts_are_byte_equal_after_two_minutes_of_storm(kafka, given, tmp_path, tell):
    weathered(kafka, given, tmp_path, tell, 120.0)
