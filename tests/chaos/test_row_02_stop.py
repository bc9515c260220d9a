"""Row 2: SIGTERM in the middle of everything, also while it starts or restores; and a second one."""

import random
import signal
import time

from tests.chaos import verdict
from tests.chaos.conftest import Input, Tell
from tests.chaos.scene import Scene

STOPS = 20
EARLY = 4  # of them before everything is restored
READ = 80_000  # by all lives together
AT_ONCE_S = 5.0
KILLED_TWICE = 128 + signal.SIGTERM


def test_alerts_are_byte_equal_after_20_sigterms(scene: Scene, given: Input, tell: Tell):
    chance = random.Random(given.seed)
    behind = []
    for number in range(STOPS):
        life = scene.worker()
        if number % (STOPS // EARLY) == 1:
            life.until(lambda life=life: life.told("started"), "start")
        else:
            goal = chance.randrange(1, 2 * READ // STOPS)
            life.until(lambda life=life, goal=goal: life.total("gruard_records_total") >= goal, f"{goal} records")
        assert life.terminated() == 0, life.tail()
        behind.append(scene.lag())
    last = scene.finish()
    assert behind[-1] > 0, "every one of them came in the middle of the work"
    replayed = sum(entry["replayed"] for entry in scene.told("restored"))
    assert replayed == 0, "an orderly end leaves nothing to replay"
    assert {entry["result"] for entry in last.told("restored")} == {"exact"}
    tell(2, f"SIGTERM x {STOPS}", seed=given.seed, **verdict.figures(given.expected))
    verdict.exact("02", given.seed, scene.outcome(), given.expected)


def test_a_second_sigterm_ends_it_at_once_and_changes_nothing(scene: Scene, given: Input, tell: Tell):
    chance = random.Random(given.seed + 1)
    codes = []
    for _ in range(3):
        life = scene.worker()
        goal = chance.randrange(2_000, 20_000)
        life.until(lambda life=life, goal=goal: life.total("gruard_records_total") >= goal, f"{goal} records")
        life.signal(signal.SIGTERM)
        time.sleep(chance.uniform(0.02, 0.1))  # else the kernel makes one signal of both
        life.signal(signal.SIGTERM)
        codes.append(life.ended(AT_ONCE_S))
    assert set(codes) <= {0, KILLED_TWICE}, codes
    assert KILLED_TWICE in codes
    scene.finish()
    tell(2, "SIGTERM twice", seed=given.seed + 1, exit_codes=codes)
    verdict.exact("02", given.seed, scene.outcome(), given.expected)
