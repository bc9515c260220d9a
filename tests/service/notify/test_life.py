"""`gruard notify` as a process: killed at seeded moments and started again, ended in order, wrong from the start."""

import json
import random
import signal
import socket
import time

import pytest

from tests.kafka.broker import Broker, free_ports
from tests.service.cli import gruard
from tests.service.notify.events import lives, value, wanted
from tests.service.notify.receiver import Receiver, Reply
from tests.service.notify.running import Process, given, probe
from tests.service.notify.scenes import File, Topic


def hook(receiver, name="ops", **more):
    return {"name": name, "url": receiver.url, **more}


@pytest.fixture
def start(tmp_path):
    """Starts one more; all of them write to one log, and none outlives the test."""
    started = []

    def another(log, **notify):
        started.append(Process(tmp_path / "log", log.environment, **notify))
        return started[-1]

    yield another
    for process in started:
        process.close()


def ready(process, times=1):
    """It has partitions and has read what lay there; gives its address."""
    address = process.until("started", times)["http"]
    process.until("holds", times)
    deadline = time.monotonic() + 60
    while probe(address, "/readyz")[0] != 200:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return address


def first_seen(ids):
    return list(dict.fromkeys(ids))


class Deadly:
    """Kills the process that posts, in the middle of a chosen request, before or after it was taken."""

    def __init__(self):
        self.process, self.at, self.after = None, -1, False

    def __call__(self, number):
        if self.process is not None and number >= self.at:
            process, self.process = self.process, None
            process.kill()
            return Reply(200 if self.after else 500)
        return Reply(503 if number % 7 == 3 else 200, after_s=0.005)


def killed_again_and_again(log, start, seed, deaths):
    chance = random.Random(seed)
    values = list(lives(seed, 30 * (deaths + 1)))
    cuts = sorted(chance.sample(range(1, len(values)), deaths))
    chunks = [values[a:b] for a, b in zip([0, *cuts], [*cuts, len(values)], strict=True)]
    deadly = Deadly()
    with Receiver(reply=deadly) as receiver:
        webhooks = [hook(receiver)]
        for life, chunk in enumerate(chunks):
            process = start(log, webhooks=webhooks, group_wait_s=0.05)
            if life == 0 or chance.random() < 0.5:
                ready(process, life + 1)
            else:
                process.until("started", life + 1)
            deadly.at, deadly.after = receiver._count + chance.randrange(6), chance.random() < 0.5
            by_request = chance.random() < 0.6 and life < deaths
            deadly.process = process if by_request else None
            log.publish(chunk)
            if life == deaths:
                receiver.until(lambda: set(receiver.ids()) >= wanted(values))
                time.sleep(0.3)
                process.signal(signal.SIGTERM)
                assert process.wait() == 0
            elif not by_request:
                time.sleep(chance.uniform(0, 0.6))
                process.kill()
            elif process.wait() != -signal.SIGKILL:
                raise AssertionError(process.log.read_text("utf-8")[-2000:])
        assert receiver.counted() == 0
        return values, receiver.ids()


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_any_moment_it_loses_nothing_and_by_id_each_event_is_there_once(start, tmp_path, seed):
    values, ids = killed_again_and_again(File(tmp_path / "gruard.db"), start, seed, 5)
    assert set(ids) == wanted(values)
    _in_order(ids)


def test_killed_on_kafka_it_loses_nothing_either(start, kafka, prefix):
    log = Topic(kafka.bootstrap, prefix).create()
    values, ids = killed_again_and_again(log, start, 3, 3)
    log.close()
    assert set(ids) == wanted(values)
    _in_order(ids)


def _in_order(ids):
    """What is new of an alert never goes back in its life."""
    last = {}
    for each in first_seen(ids):
        alert_id, _, sequence = each.rpartition("-")
        assert int(sequence) > last.get(alert_id, 0)
        last[alert_id] = int(sequence)


def test_sigterm_ends_in_order_within_seconds_even_while_a_receiver_hangs(start, tmp_path):
    log = File(tmp_path / "gruard.db")
    with Receiver(reply=lambda number: Reply(after_s=60.0)) as hanging, Receiver() as receiver:
        process = start(log, webhooks=[hook(receiver), hook(hanging, "slow")], timeout_s=60)
        ready(process)
        log.publish([value("a")])
        receiver.until(lambda: receiver.ids() == ["a-1"] and hanging._count == 1)
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
        assert process.events()[-1]["event"] == "stopped"
        process = start(log, webhooks=[hook(receiver)])
        ready(process, 2)
        process.signal(signal.SIGINT)
        assert process.wait() == 0
        assert receiver.ids() == ["a-1"]


def test_a_second_sigterm_does_not_wait(start, tmp_path):
    log = File(tmp_path / "gruard.db")
    with Receiver(reply=lambda number: Reply(after_s=60.0)) as hanging:
        process = start(log, webhooks=[hook(hanging)], timeout_s=60)
        ready(process)
        log.publish([value("a")])
        hanging.until(lambda: hanging._count == 1)
        process.signal(signal.SIGTERM)
        time.sleep(0.2)
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
        assert "stopped" not in [event["event"] for event in process.events()]


def test_a_broker_that_is_away_is_waited_for_and_said_so_and_nothing_is_lost(start, kafka_here, prefix):
    with Broker() as broker, Receiver() as receiver:
        log = Topic(broker.bootstrap, prefix).create()
        process = start(log, webhooks=[hook(receiver)])
        ready(process)
        log.publish([value("a")])
        receiver.until(lambda: receiver.ids() == ["a-1"])
        log.close()
        broker.stop()
        assert broker.bootstrap in process.until("stream_unavailable")["reason"]
        broker.start()
        log = Topic(broker.bootstrap, prefix)
        log.publish([value("b")])
        log.close()
        receiver.until(lambda: "b-1" in receiver.ids())
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
        assert set(receiver.ids()) == {"a-1", "b-1"}


def test_its_log_has_no_secret_of_an_address_or_header(start, tmp_path):
    log = File(tmp_path / "gruard.db")
    with Receiver(reply=lambda number: Reply(403)) as receiver:
        secret = {"name": "ops", "url": f"{receiver.url}/s3cret", "headers": {"X-Key": "s3cret"}}
        process = start(log, webhooks=[secret])
        ready(process)
        log.publish([value("a")])
        assert "answers 403" in process.until("target_refuses")["reason"]
        process.signal(signal.SIGTERM)
        assert process.wait() == 0
        assert "s3cret" not in process.log.read_text("utf-8")


def said(stream=None, arguments=(), **notify):
    return gruard("notify", *arguments, env=given(stream or {}, **notify))


def test_what_a_user_can_get_wrong_is_one_line_with_its_code(tmp_path):
    here = {"name": "ops", "url": "http://127.0.0.1:1/"}
    for webhooks, code, text in (
        ([], 78, "nobody to tell"),
        ([{**here, "url": "localhost"}], 78, "begins with http:// or https://"),
        ([{**here, "secret_file": str(tmp_path / "none")}], 78, "secret_file"),
        ([{**here, "colour": "red"}], 78, "no setting notify.webhooks.0.colour"),
    ):
        told = said(webhooks=webhooks)
        assert (told.code, text in told.line) == (code, True), told.line
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = said({"GRUARD_EMBEDDED__PATH": str(tmp_path / "x.db")}, webhooks=[here], port=port)
        assert (told.code, f"notify.port {port} is taken" in told.line) == (69, True)


def test_a_second_process_on_one_file_is_fenced(start, tmp_path):
    log = File(tmp_path / "gruard.db")
    with Receiver() as receiver:
        process = start(log, webhooks=[hook(receiver)])
        ready(process)
        told = said(log.environment, webhooks=[hook(receiver)])
        process.close()
    assert told.code == 75
    assert "another `gruard notify` tells of it already" in told.error.splitlines()[-1]


def test_a_topic_that_is_not_there_is_one_line(kafka, prefix):
    stream = Topic(kafka.bootstrap, prefix).environment
    told = said(stream, webhooks=[{"name": "ops", "url": "http://127.0.0.1:1/"}])
    assert told.code == 69
    assert f"{prefix}.alerts.v1 is not there" in told.error.splitlines()[-1]


def test_a_test_says_what_each_target_answers():
    nobody = {"name": "nobody", "url": f"http://127.0.0.1:{free_ports(1)[0]}/"}
    with Receiver() as receiver, Receiver(reply=lambda number: Reply(401, body=b"who are you?")) as strict:
        told = said(arguments=["--test"], webhooks=[hook(receiver), hook(strict, "strict"), nobody])
        assert told.code == 69
        assert "2 of 3 targets did not take the test: strict, nobody" in told.line
        lines = dict(line.split(": ", 1) for line in told.out.splitlines())
        assert lines["ops"] == f"ok, 127.0.0.1:{receiver.port} answers 200 OK"
        assert lines["strict"] == f"NOT taken, 127.0.0.1:{strict.port} answers 401 Unauthorized: who are you?"
        assert "can't be reached" in lines["nobody"]
        (got,) = receiver.taken
        assert got.body["test"] is True
        told = said(arguments=["--test"], webhooks=[hook(receiver)])
        assert (told.code, told.error) == (0, "")
        assert json.dumps(receiver.taken[-1].body["alerts"]) == "[]"
