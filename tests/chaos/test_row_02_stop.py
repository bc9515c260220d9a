"""Row 2: SIGTERM in the middle of everything, also while it starts or restores; the last ones come twice."""

import random
import signal
import time

from tests.chaos import verdict
from tests.chaos.conftest import Input, Tell
from tests.chaos.scene import Scene
from tests.chaos.worker import Worker

STOPS = 20
EARLY = 4  # of them before everything is restored
TWICE = 3  # more of them, each with more signals right behind the first
READ = 80_000  # by all lives together
AT_ONCE_S = 5.0
IMPATIENCE_S = 0.01


def at_work(scene: Scene, goal: int) -> Worker:
    life = scene.worker()
    life.until(lambda: life.total("gruard_records_total") >= goal, f"{goal} records")
    return life


def stopped_impatiently(life: Worker) -> int:
    """By signal upon signal: the kernel makes one of two that come too close, and an orderly end may be quicker."""
    while life.runs:
        life.signal(signal.SIGTERM)
        time.sleep(IMPATIENCE_S)
    return life.ended(AT_ONCE_S)


def test_alerts_are_byte_equal_after_20_sigterms_and_some_that_come_twice(scene: Scene, given: Input, tell: Tell):
    chance = random.Random(given.seed)
    for number in range(STOPS):
        if number % (STOPS // EARLY) == 1:
            life = scene.worker()
            life.until(lambda life=life: life.told("started"), "start")
        else:
            life = at_work(scene, chance.randrange(1, 2 * READ // STOPS))
        assert life.terminated() == 0, life.tail()
    replayed = sum(entry["replayed"] for entry in scene.told("restored"))
    assert scene.lag(), "every one of them came in the middle of the work"
    assert replayed == 0, "an orderly end leaves nothing to replay"
    hurried: list[Worker] = []
    for _ in range(TWICE):
        hurried.append(at_work(scene, 1000))
        # Not 0 where an orderly end was through with its work, and hit while the interpreter went down.
        assert stopped_impatiently(hurried[-1]) in (0, -signal.SIGTERM), hurried[-1].tail()
    last = scene.finish()
    tell(
        2,
        f"SIGTERM x {STOPS}, twice x {TWICE}",
        seed=given.seed,
        ended_at_once=sum(not life.told("stopped") for life in hurried),
    )
    verdict.exact("02", given.seed, scene.outcome(), given.expected)
    assert {entry["result"] for entry in last.told("restored")} == {"exact"}
    assert not all(life.told("stopped") for life in hurried), "none of them was ended at once"
