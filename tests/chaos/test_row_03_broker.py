"""Row 3: the broker goes away for 5 and for 60 seconds and comes back; one broker of three is killed."""

import signal
import time

import pytest

from tests.chaos import verdict
from tests.chaos.conftest import SEED, TOPIC, Tell
from tests.chaos.oracle import Outcome
from tests.chaos.scene import Scene, make_topic, produce
from tests.chaos.traffic import Traffic, messages
from tests.chaos.worker import Worker
from tests.kafka.broker import start
from tests.kafka.cluster import Cluster

MIDDLE = 20_000  # records; the fault comes after them


def at_work(scene: Scene) -> Worker:
    worker = scene.worker()
    worker.until(lambda: worker.total("gruard_records_total") > MIDDLE, "the middle of its work")
    assert scene.lag()
    return worker


@pytest.mark.chaos
@pytest.mark.parametrize("seconds", [5, 60])
def test_a_broker_that_was_away_is_waited_for(truth: Outcome, tmp_path, tell: Tell, seconds: int):
    with start() as broker:
        make_topic(broker.bootstrap, TOPIC)
        produce(broker.bootstrap, TOPIC, messages(Traffic(SEED)))
        with Scene(broker.bootstrap, tmp_path, TOPIC) as scene:
            worker = at_work(scene)
            broker.stop()
            time.sleep(seconds)
            assert seconds < 60 or not worker.ready(), "who asks is told"
            broker.start()
            scene.until_read(worker)
            assert worker.terminated() == 0, "one life: no exit loop"
            refused = len(worker.told("stream_unavailable")) + len(worker.told("commit_uncertain"))
            tell(3, f"broker away for {seconds} s", seed=SEED, times_refused=refused)
            verdict.exact("03", SEED, scene.outcome(), truth)
            assert refused > 0 or seconds < 60  # a short absence the client sits out by itself


@pytest.mark.chaos
def test_one_broker_of_three_is_killed(truth: Outcome, tmp_path, tell: Tell):
    with Cluster() as cluster:
        make_topic(cluster.bootstrap, TOPIC, copies=3)
        produce(cluster.bootstrap, TOPIC, messages(Traffic(SEED)))
        with Scene(cluster.bootstrap, tmp_path, TOPIC, copies=3) as scene:
            worker = at_work(scene)
            cluster.brokers[SEED % 3].kill()
            scene.until_read(worker)
            assert worker.terminated() == 0
            tell(3, "one broker of three killed", seed=SEED)
            verdict.exact("03", SEED, scene.outcome(), truth)
            assert worker.process.returncode != -signal.SIGKILL
