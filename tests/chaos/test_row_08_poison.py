"""Row 8: half of all messages are no readings, with the breaker off, then on, then off by configuration."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from tests.chaos import verdict
from tests.chaos.conftest import SEED, Input, Tell
from tests.chaos.oracle import expected
from tests.chaos.scene import DETECTION, Scene, make_topic, produce
from tests.chaos.traffic import PARTITIONS, Traffic, messages
from tests.chaos.worker import Worker

TRAFFIC = Traffic(SEED, poison=1.0)  # one for every reading
TOPIC = f"chaos.poison.{SEED}.v1"
WINDOW = 1000  # worker.breaker_window
OFF = {"breaker": False}


@pytest.fixture(scope="module")
def poisoned(kafka) -> Input:
    sent = messages(TRAFFIC)
    with ProcessPoolExecutor(1, get_context("spawn")) as beside:
        judged = beside.submit(expected, sent, TOPIC, DETECTION)
        make_topic(kafka.bootstrap, TOPIC)
        produce(kafka.bootstrap, TOPIC, sent)
        outcome = judged.result()
    assert 0.49 < len({letter[1:3] for letter in outcome.letters}) / len(sent) < 0.51
    return Input(SEED, TOPIC, outcome)


def paused(scene: Scene) -> Worker:
    """With every breaker open: it lives, is not ready, and reads no further."""
    worker = scene.worker()
    worker.until(lambda: worker.total("gruard_breaker_open") == PARTITIONS, "every breaker open")
    assert not worker.ready()
    assert worker.runs
    return worker


def test_poison_is_dead_lettered_once_and_stops_a_partition_only_where_a_breaker_is_on(
    kafka, poisoned, tmp_path, tell: Tell
):
    with Scene(kafka.bootstrap, tmp_path, poisoned.topic) as scene:
        assert scene.worker(crash_at="staged@50000", worker=OFF).ended() == -9
        off = scene.progress()
        paused(scene).kill()
        on = scene.progress()
        assert all(0 < on[place][0] - off[place][0] <= WINDOW for place in on), "it stops within its window"
        again = paused(scene)
        assert scene.progress() == on, "nothing more is read after a restart"
        assert again.terminated() == 0
        last = scene.finish(worker=OFF)
        assert {entry["partition"] for entry in last.told("breaker_resumed")} == set(range(PARTITIONS))
        found = scene.outcome()
        tell(8, "50 % poison, breaker off, on, off", seed=poisoned.seed, **verdict.figures(found))
        verdict.exact("08", poisoned.seed, found, poisoned.expected)
        assert sum(entry["replayed"] for entry in scene.told("restored")) > 0
