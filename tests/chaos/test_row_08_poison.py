"""Row 8: half of all messages are no readings; the breaker stops its partition, the configuration lets it go on."""

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
    make_topic(kafka.bootstrap, TOPIC)
    produce(kafka.bootstrap, TOPIC, sent)
    outcome = expected(sent, TOPIC, DETECTION)
    assert 0.49 < len({letter[1:3] for letter in outcome.letters}) / len(sent) < 0.51
    return Input(SEED, TOPIC, outcome)


def paused(scene: Scene) -> Worker:
    """With every breaker open: it lives, is not ready, and has gone no further than a window."""
    worker = scene.worker()
    worker.until(lambda: worker.total("gruard_breaker_open") == PARTITIONS, "every breaker open")
    assert not worker.ready()
    assert worker.runs
    return worker


def test_poison_stops_a_partition_within_its_window_until_the_configuration_says_on(
    kafka, poisoned, tmp_path, tell: Tell
):
    with Scene(kafka.bootstrap, tmp_path, poisoned.topic) as scene:
        paused(scene).kill()
        stopped_at = scene.progress()
        again = paused(scene)
        assert scene.progress() == stopped_at, "nothing more is read after a restart"
        assert all(0 < committed <= WINDOW for committed, _ in stopped_at.values())
        assert again.terminated() == 0
        killed = scene.worker(crash_at="staged@50000", worker=OFF)
        assert killed.ended() == -9
        last = scene.finish(worker=OFF)
        found = scene.outcome()
        tell(8, "50 % poison", seed=poisoned.seed, **verdict.figures(found))
        verdict.exact("08", poisoned.seed, found, poisoned.expected)
        assert sum(entry["replayed"] for entry in last.told("restored")) > 0
