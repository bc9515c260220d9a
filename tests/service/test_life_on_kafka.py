"""The life of `gruard run` on Kafka: it waits for a broker and says so, leaves in order, and gives up in one line."""

import json
import signal
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest

from service.streams.kafka import topics
from service.streams.kafka.settings import KafkaSettings
from tests.kafka.broker import Broker, free_ports
from tests.service.cli import ROOT, command, environment, gruard

PATIENCE_S = 60.0


class Worker:
    def __init__(self, folder, **kafka):
        self.port = free_ports(1)[0]
        given = {f"GRUARD_KAFKA__{name.upper()}": str(value) for name, value in kafka.items()}
        given |= {
            "GRUARD_STREAM__KIND": "kafka",
            "GRUARD_HTTP__PORT": str(self.port),
            "GRUARD_WORKER__RETRY_MAX_S": "2",
        }
        self.log = folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command("run"), cwd=ROOT, env=environment(given), stdout=log, stderr=log)

    def probe(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return answer.status, json.load(answer)["status"]
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)["status"]
        except OSError:
            return 0, "nobody there"

    def until(self, path, wanted):
        deadline = time.monotonic() + PATIENCE_S
        while wanted not in (said := self.probe(path))[1]:
            assert time.monotonic() < deadline, (said, self.log.read_text()[-2000:])
            time.sleep(0.1)
        return said


@contextmanager
def running(folder, **kafka):
    worker = Worker(folder, **kafka)
    try:
        yield worker
    finally:
        worker.process.kill()
        worker.process.wait()


def test_a_broker_that_is_not_there_yet_is_waited_for_and_one_that_leaves_as_well(kafka_here, tmp_path, prefix):
    with Broker() as broker:
        settings = KafkaSettings(bootstrap_servers=broker.bootstrap, topic_prefix=prefix)
        topics.create(settings, 2)
        broker.stop()
        with running(tmp_path, bootstrap_servers=broker.bootstrap, topic_prefix=prefix, session_timeout_s=6) as worker:
            code, said = worker.until("/readyz", "stream unavailable")
            assert code == 503
            assert broker.bootstrap in said
            assert worker.probe("/livez") == (200, "ok")
            broker.start()
            assert worker.until("/readyz", "ok")[0] == 200
            broker.stop()
            worker.until("/readyz", "no heartbeat answered")
            assert worker.probe("/livez") == (200, "ok")
            broker.start()
            assert worker.until("/readyz", "ok")[0] == 200
            worker.process.send_signal(signal.SIGTERM)
            assert worker.process.wait(10) == 0
        lines = [json.loads(line) for line in worker.log.read_text().splitlines()]
        events = [line["event"] for line in lines]
        assert events[0] == "started"
        assert events[-1] == "stopped"
        assert "stream_unavailable" in events


def test_who_waits_for_a_broker_leaves_within_ten_seconds_of_being_told(tmp_path):
    address = f"127.0.0.1:{free_ports(1)[0]}"
    with running(tmp_path, bootstrap_servers=address) as worker:
        worker.until("/readyz", "stream unavailable")
        worker.process.send_signal(signal.SIGTERM)
        assert worker.process.wait(10) == 0


def test_who_has_waited_long_enough_gives_up_in_one_line(tmp_path):
    address = f"127.0.0.1:{free_ports(1)[0]}"
    said = gruard(
        "run",
        env={
            "GRUARD_STREAM__KIND": "kafka", "GRUARD_KAFKA__BOOTSTRAP_SERVERS": address, "GRUARD_HTTP__PORT": "0",
            "GRUARD_WORKER__GIVE_UP_S": "1", "GRUARD_WORKER__RETRY_S": "0.5", "GRUARD_LOGGING__LEVEL": "error",
        },
    )  # fmt: skip
    assert said.code == 69
    assert f"kafka.bootstrap_servers {address}: nobody answers" in said.error.splitlines()[-1]
    assert "Traceback" not in said.error


def test_a_topic_that_is_not_there_is_not_waited_for(kafka, prefix):
    said = gruard(
        "run",
        env={
            "GRUARD_STREAM__KIND": "kafka", "GRUARD_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap,
            "GRUARD_KAFKA__TOPIC_PREFIX": prefix, "GRUARD_HTTP__PORT": "0", "GRUARD_LOGGING__LEVEL": "error",
        },
    )  # fmt: skip
    assert said.code == 69
    assert f"{prefix}.readings.v1 is not there" in said.line


@pytest.mark.parametrize("address", ["broker", "broker:", "127.0.0.1:port"])
def test_an_address_that_is_none_is_named(address):
    said = gruard("topics", env={"GRUARD_STREAM__KIND": "kafka", "GRUARD_KAFKA__BOOTSTRAP_SERVERS": address})
    assert said.code == 78
    assert "kafka.bootstrap_servers" in said.line
