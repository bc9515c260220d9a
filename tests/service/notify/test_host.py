"""Alerts of a real stream reach real receivers, whatever those do meanwhile: nothing is lost, none holds up others."""

import time
from threading import Event

import pytest

from service.errors import UnavailableError
from service.notify.host import serve
from service.sources import load
from service.streams.embedded import EmbeddedLog, EmbeddedStream
from service.streams.port import Committed, Output, Transaction
from tests.kafka.broker import free_ports
from tests.service.notify.events import lives, value, wanted
from tests.service.notify.receiver import Receiver, Reply
from tests.service.notify.running import given, metric, probe, served
from tests.service.notify.scenes import File, Topic


@pytest.fixture(params=["embedded", "kafka"])
def log(request, tmp_path):
    if request.param == "embedded":
        yield File(tmp_path / "gruard.db")
        return
    made = Topic(request.getfixturevalue("kafka").bootstrap, request.getfixturevalue("prefix")).create()
    yield made
    made.close()


@pytest.fixture
def file(tmp_path):
    return File(tmp_path / "gruard.db")


def hook(receiver, name="ops", **more):
    return {"name": name, "url": receiver.url, **more}


def ready(address):
    """It has partitions, and has read what lay there."""
    deadline = time.monotonic() + 60
    while probe(address, "/readyz")[0] != 200 or not metric(address, "gruard_notify_partitions"):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def settled(address, targets=("ops",)):
    """Nothing waits any more."""
    for name in targets:
        deadline = time.monotonic() + 30
        while metric(address, "gruard_notify_waiting_events{", target=name):
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_each_event_that_is_wanted_arrives_once_also_across_restarts(log):
    values = list(lives(5, 60))
    with Receiver() as receiver:
        with served(log.environment, webhooks=[hook(receiver)]) as address:
            ready(address)
            log.publish(values[:40])
            receiver.until(lambda: set(receiver.ids()) >= wanted(values[:40]))
            log.publish(values[40:100])
        with served(log.environment, webhooks=[hook(receiver)]):
            receiver.until(lambda: set(receiver.ids()) >= wanted(values[:100]))
            log.publish(values[100:])
            receiver.until(lambda: set(receiver.ids()) >= wanted(values))
        with served(log.environment, webhooks=[hook(receiver)]) as address:
            time.sleep(1.0)
        assert sorted(receiver.ids()) == sorted(wanted(values))


def test_a_new_target_is_told_what_is_open_and_not_what_is_over(log):
    log.publish([value("over"), value("open"), value("over", 2, "resolved"), value("worse")])
    log.publish([value("worse", 2, "escalated", "critical")])
    with Receiver() as first, Receiver() as second:
        with served(log.environment, webhooks=[hook(first)]):
            first.until(lambda: len(first.ids()) >= 2)
        assert sorted(first.ids()) == ["open-1", "worse-2"]
        log.publish([value("new"), value("open", 2, "resolved")])
        both = [hook(first), hook(second, "night")]
        with served(log.environment, webhooks=both):
            first.until(lambda: len(first.ids()) >= 4)
            second.until(lambda: len(second.ids()) >= 2)
        assert sorted(first.ids()) == ["new-1", "open-1", "open-2", "worse-2"]
        assert sorted(second.ids()) == ["new-1", "worse-2"]


def test_what_happened_while_nobody_told_is_told_as_such(file):
    with Receiver() as receiver:
        with served(file.environment, webhooks=[hook(receiver)]):
            file.publish([value("before")])
            receiver.until(lambda: receiver.ids() == ["before-1"])
        file.publish([value("short"), value("short", 2, "resolved"), value("before", 2, "resolved")])
        with served(file.environment, webhooks=[hook(receiver)]):
            receiver.until(lambda: len(receiver.ids()) == 4)
    (short,) = [alert for got in receiver.taken for alert in got.body["alerts"] if alert["id"] == "short-2"]
    assert short["events"] == ["opened", "resolved"]
    assert "came and went" in short["text"]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(500, body=b"ouch"),
        Reply(429, {"Retry-After": "1"}),
        Reply(503, {"Retry-After": "soon"}),
        Reply(404),
        Reply(302, {"Location": "/elsewhere"}),
        Reply(after_s=1.5),
    ],
    ids=lambda reply: str(reply.status) + ("-late" if reply.after_s else ""),
)
def test_a_receiver_that_refuses_at_first_gets_everything_in_the_end_with_the_same_id(file, reply):
    with Receiver(reply=lambda number: reply if number < 2 else Reply()) as receiver:
        with served(file.environment, webhooks=[hook(receiver)]) as address:
            file.publish([value("a")])
            receiver.until(lambda: receiver._count >= 3 and len(receiver.taken) >= 1)
            settled(address)
            assert metric(address, "gruard_notify_requests_total", target="ops", result="refused") == 2
            assert metric(address, "gruard_notify_events_total", target="ops", outcome="told") == 1
        assert {got.headers["Idempotency-Key"] for got in receiver.got} == {"a-1"}
        assert len({got.raw for got in receiver.got}) == 1


def test_its_own_wish_makes_a_receiver_wait_for_no_more(file):
    times = []

    def reply(number):
        times.append(time.monotonic())
        return Reply(429, {"Retry-After": "2"}) if number == 0 else Reply()

    with Receiver(reply=reply) as receiver, served(file.environment, webhooks=[hook(receiver)]):
        file.publish([value("a")])
        receiver.until(lambda: receiver.ids() == ["a-1"])
    assert times[1] - times[0] >= 2


def test_what_will_never_be_taken_is_put_aside_counted_and_holds_up_nothing(file):
    replies = [Reply(400, body=b"no such field")]
    picky = Receiver(reply=lambda number: replies.pop() if replies else Reply())
    with picky, served(file.environment, webhooks=[hook(picky)]) as address:
        file.publish([value("bad")])
        picky.until(lambda: picky._count == 1)
        settled(address)
        file.publish([value("good")])
        picky.until(lambda: picky.ids() == ["good-1"])
        assert metric(address, "gruard_notify_events_total", target="ops", outcome="put_aside") == 1
        assert metric(address, "gruard_notify_requests_total", target="ops", result="never") == 1
    with Receiver() as receiver, served(file.environment, webhooks=[hook(receiver)]):
        time.sleep(0.5)
        assert receiver.ids() == []


def test_a_target_that_is_away_holds_up_no_other_and_misses_nothing(log):
    values = list(lives(6, 50))
    port = free_ports(1)[0]
    away = {"name": "away", "url": f"http://127.0.0.1:{port}/hook"}
    with Receiver(reply=lambda number: Reply(after_s=30.0)) as hanging, Receiver() as receiver:
        hooks = [away, hook(hanging, "hanging"), hook(receiver)]
        with served(log.environment, webhooks=hooks) as address:
            ready(address)
            log.publish(values)
            receiver.until(lambda: metric(address, "gruard_notify_waiting_events{", target="away") > 0)
            settled(address)
            seen = receiver.ids()
            assert sorted(seen) == sorted(wanted(values))
            assert metric(address, "gruard_notify_oldest_waiting_seconds", target="hanging") > 0
        with Receiver(port=port) as back:
            with served(log.environment, webhooks=hooks):
                back.until(lambda: len(back.ids()) >= len(seen))
            assert sorted(back.ids()) == sorted(seen)
        assert sorted(receiver.ids()) == sorted(seen), "nobody is told again because another was away"


def test_a_storm_is_told_or_counted_to_the_last_event(file):
    values = [value(f"{n}", site=f"site-{n % 7}", severity="critical" if n == 777 else "warning") for n in range(2000)]
    pace = {"group_wait_s": 0.2, "group_interval_s": 2.0, "max_notifications": 2, "max_total": 4, "max_alerts": 3}
    with Receiver() as receiver, served(file.environment, webhooks=[hook(receiver)], **pace) as address:
        ready(address)
        for first in range(0, 2000, 100):
            file.publish(values[first : first + 100])
        receiver.until(lambda: len(receiver.ids()) + receiver.counted() >= 2000)
        settled(address)
        told, counted = len(receiver.ids()), receiver.counted()
        assert told + counted == 2000
        assert len(set(receiver.ids())) == told
        assert metric(address, "gruard_notify_events_total", target="ops", outcome="counted") == counted
        assert "777-1" in receiver.ids()
        assert len(receiver.taken) < 40


def test_an_event_that_lies_there_twice_is_told_once(file):
    with Receiver() as receiver:
        with served(file.environment, webhooks=[hook(receiver)]) as address:
            ready(address)
            file.publish([value("a"), value("a"), value("b"), value("a", 2, "resolved"), value("a")])
            receiver.until(lambda: len(receiver.ids()) >= 3)
            file.publish([value("a", 2, "resolved"), value("c")])
            receiver.until(lambda: "c-1" in receiver.ids())
            assert metric(address, "gruard_notify_events_total", target="ops", outcome="duplicate") >= 1
        assert sorted(receiver.ids()) == ["a-1", "a-2", "b-1", "c-1"]


def test_targets_get_what_they_asked_for(file):
    with Receiver() as all_, Receiver() as critical, Receiver() as south:
        hooks = [hook(all_, updated=True), hook(critical, "critical", min_severity="critical")]
        hooks.append(hook(south, "south", labels={"site": "south"}))
        with served(file.environment, webhooks=hooks) as address:
            ready(address)
            file.publish([value("a"), value("a", 2, "updated"), value("a", 3, "escalated", "critical")])
            file.publish([value("b", site="south")])
            all_.until(lambda: len(all_.ids()) == 4)
            critical.until(lambda: len(critical.ids()) == 1)
            south.until(lambda: len(south.ids()) == 1)
    assert sorted(all_.ids()) == ["a-1", "a-2", "a-3", "b-1"]
    assert critical.ids() == ["a-3"]
    assert south.ids() == ["b-1"]


def test_what_is_no_alert_is_counted_and_stepped_over(file):
    with Receiver() as receiver, served(file.environment, webhooks=[hook(receiver)]) as address:
        file.publish([value("a")])
        _publish(file, b"{}")
        file.publish([value("b")])
        receiver.until(lambda: sorted(receiver.ids()) == ["a-1", "b-1"])
        assert metric(address, "gruard_notify_unreadable_total") == 1


def _publish(file, text):
    stream = EmbeddedStream(EmbeddedLog(file.path))
    stream.commit(Transaction(alerts=[Output(0, 0, b"k", text)], offsets={0: Committed(0, "")}))
    stream.close()


def test_a_stream_that_is_not_there_yet_is_waited_for_and_said_so(tmp_path):
    path = tmp_path / "later.db"
    stream = {"GRUARD_STREAM__KIND": "embedded", "GRUARD_EMBEDDED__PATH": str(path)}
    with Receiver() as receiver, served(stream, webhooks=[hook(receiver)]) as address:
        receiver.until(lambda: "stream unavailable" in probe(address, "/readyz")[1])
        assert probe(address, "/livez") == (200, "ok")
        assert metric(address, "gruard_notify_stream_unavailable_total") >= 1
        File(path).publish([value("a")])
        receiver.until(lambda: receiver.ids() == ["a-1"])
        assert probe(address, "/readyz") == (200, "ok")


def test_a_port_that_is_taken_is_one_line(file):
    with Receiver() as receiver:
        settings = load(None, environ=given(file.environment, webhooks=[hook(receiver)], port=receiver.port)).settings
        with pytest.raises(UnavailableError, match=f"notify.port {receiver.port} is taken"):
            serve(settings, Event(), print)


def test_a_bug_in_a_targets_thread_ends_the_process_and_is_not_silent(file, monkeypatch):
    monkeypatch.setattr("service.notify.webhook.identity", lambda notification: 1 / 0)
    file.publish([value("a")])
    with Receiver() as receiver:
        settings = load(None, environ=given(file.environment, webhooks=[hook(receiver)])).settings
        with pytest.raises(ZeroDivisionError):
            serve(settings, Event(), lambda port, names: None)
    assert receiver.got == []
