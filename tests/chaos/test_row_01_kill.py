"""Row 1: kill -9 at every named point of the protocol, then at seeded record counts."""

import random
import signal

import pytest

from service.worker.crashpoints import POINTS
from tests.chaos import verdict
from tests.chaos.conftest import Input, Tell
from tests.chaos.scene import Scene
from tests.chaos.traffic import PARTITIONS
from tests.chaos.worker import Worker, moment

KILLS_SHORT, KILLS_LONG = 20, 100
EVERY_TURN = ("polled", "stepped", "begun", "staged", "committed", "folded", "snapshot")
RESTORES = ("replayed", "restored")
RECOVERY_S = 15.0
READ = 60_000  # what all lives together read before they are killed, but for the batch at the end of each
LONG = {"max_records": 200}  # so that the batches of a hundred lives leave something for the last one


def crashes(seed: int, kills: int) -> list[str]:
    """At every point first, then where chance wants; together they leave something for a last life."""
    chance = random.Random(seed)
    span = 2 * READ // kills
    points = [*POINTS, *(chance.choice(EVERY_TURN) for _ in range(kills - len(POINTS)))]
    return [point if point in RESTORES else f"{point}@{chance.randrange(span // 10, span)}" for point in points]


def recovery_s(life: Worker) -> float | None:
    """From the start of the process to the last partition restored; None where it was killed before."""
    restored = life.told("restored")
    if len(restored) < PARTITIONS:
        return None
    return max(moment(entry) for entry in restored) - life.began


def killed(scene: Scene, given: Input, tell: Tell, kills: int, **changed: dict[str, int]) -> None:
    lives = []
    for crash_at in crashes(given.seed, kills):
        life = scene.worker(crash_at=crash_at, **changed)
        assert life.ended() == -signal.SIGKILL, f"{crash_at}: {life.tail()}"
        lives.append(life)
    lives.append(scene.finish())
    recoveries = [taken for life in lives if (taken := recovery_s(life)) is not None]
    restored = [entry for entry in scene.told("restored") if entry["result"] != "cold"]
    replayed = sum(entry["replayed"] for entry in restored)
    tell(1, f"kill -9 x {kills}", seed=given.seed, kills=kills, readings_replayed=replayed,
         slowest_recovery_s=round(max(recoveries), 1), **verdict.figures(given.expected))  # fmt: skip
    verdict.exact("01", given.seed, scene.outcome(), given.expected)
    assert {entry["result"] for entry in restored} == {"exact"}
    assert replayed > 0
    assert max(recoveries) <= RECOVERY_S


def test_alerts_are_byte_equal_after_20_kills(scene, given, tell):
    killed(scene, given, tell, KILLS_SHORT)


@pytest.mark.chaos
def test_alerts_are_byte_equal_after_100_kills(scene, given, tell):
    killed(scene, given, tell, KILLS_LONG, worker=LONG)
