"""What Debian's Alertmanager makes of us: it holds what is open, under labels that stay, and calls people for it."""

import json
import re
import shutil
import subprocess
import time
from datetime import UTC, datetime

import pytest

from service.notify.alertmanager import Alertmanager
from service.notify.news import read
from service.notify.settings import NotifySettings
from service.notify.standing import Standing
from tests.kafka.broker import free_ports
from tests.service.cli import ROOT, gruard
from tests.service.notify.alertmanagers import RealAlertmanager
from tests.service.notify.events import lives, news, value
from tests.service.notify.receiver import Receiver
from tests.service.notify.running import given, metric, probe, served
from tests.service.notify.scenes import File

OPEN = {"resend_s": 1, "expire_s": 30}


@pytest.fixture
def file(tmp_path):
    return File(tmp_path / "gruard.db")


@pytest.fixture
def real(tmp_path):
    with RealAlertmanager(tmp_path) as running:
        yield running


def targets(*managers, **more):
    return {"urls": [manager.url for manager in managers], **OPEN, **more}


def told(alert_id, *sequence, **changes):
    """Opened and whatever follows."""
    events = ["opened", *sequence]
    severities = ["critical" if "escalated" in events[: n + 1] else "warning" for n in range(len(events))]
    return [value(alert_id, n + 1, event, severities[n], **changes) for n, event in enumerate(events)]


def settled(address, manager):
    name = f"alertmanager/127.0.0.1:{manager.port}"
    manager.until(lambda: probe(address, "/readyz")[0] == 200)
    manager.until(lambda: not metric(address, "gruard_notify_waiting_events{", target=name))


def test_an_alert_stands_there_with_its_labels_and_goes_when_it_is_over(file, real):
    pages = {"console_url": "http://console.example", "runbook_url": "http://wiki.example/pumps"}
    with served(file.environment, alertmanager=targets(real), **pages):
        file.publish(told("a"))
        real.until(real.firing)
        (alert,) = real.alerts()
        assert alert["labels"] == {
            "alertname": "GruardAnomaly", "alert_id": "a", "device_id": "pump-17", "class": "pump", "site": "north",
            "severity": "warning", "kind": "process", "type": "level",
        }  # fmt: skip
        assert alert["annotations"]["summary"] == "pump-17: flow is 12 l/min above what was expected"
        assert alert["annotations"]["runbook_url"] == "http://wiki.example/pumps"
        assert alert["generatorURL"] == "http://console.example/device/pump-17"
        assert alert["startsAt"] == "2026-11-21T08:00:00.000Z"
        file.publish([value("a", 2, "resolved")])
        real.until(lambda: not real.firing())


def test_people_are_called_once_when_it_opens_and_once_when_it_is_over(file, tmp_path):
    with (
        Receiver() as people,
        RealAlertmanager(tmp_path, people.url) as real,
        served(file.environment, alertmanager=targets(real)),
    ):
        file.publish(told("a"))
        people.until(lambda: len(people.got) == 1)
        time.sleep(3.0)  # told again some times: that is no news
        file.publish([value("a", 2, "resolved")])
        people.until(lambda: len(people.got) == 2)
    states = [[(alert["status"], alert["labels"]["alert_id"]) for alert in got.body["alerts"]] for got in people.got]
    assert states == [[("firing", "a")], [("resolved", "a")]]


def test_an_escalation_leaves_one_alert_of_it(file, real):
    with served(file.environment, alertmanager=targets(real)) as address:
        file.publish(told("a"))
        real.until(lambda: real.firing() == {("a", "warning")})
        file.publish([value("a", 2, "escalated", "critical")])
        real.until(lambda: real.firing() == {("a", "critical")})
        settled(address, real)
        file.publish([value("a", 3, "resolved", "critical")])
        real.until(lambda: not real.firing())


def test_many_lives_end_with_what_is_open(file, real):
    values = list(lives(7, 150))
    open_ = {}
    for event in map(read, values):
        open_[event.alert_id] = event
        if event.event == "resolved":
            del open_[event.alert_id]
    with served(file.environment, alertmanager=targets(real)) as address:
        settled(address, real)
        for first in range(0, len(values), 37):
            file.publish(values[first : first + 37])
        settled(address, real)
        real.until(lambda: real.firing() == {(event.alert_id, event.severity) for event in open_.values()})


def test_open_ones_are_told_again_so_they_outlive_their_end_and_a_restart(file, real):
    short = {"resend_s": 1, "expire_s": 4}
    with served(file.environment, alertmanager=targets(real, **short)):
        file.publish(told("a"))
        real.until(real.firing)
        ends = real.alerts()[0]["endsAt"]
        real.until(lambda: real.alerts()[0]["endsAt"] > ends)
    with served(file.environment, alertmanager=targets(real, **short)):
        deadline = time.monotonic() + 6
        while time.monotonic() < deadline:
            assert real.firing() == {("a", "warning")}
            time.sleep(0.2)
        file.publish([value("a", 2, "resolved")])
        real.until(lambda: not real.firing())


def test_one_that_was_away_is_told_how_things_are(file, tmp_path):
    port = free_ports(1)[0]
    away = {"urls": [f"http://127.0.0.1:{port}"], **OPEN}
    with served(file.environment, alertmanager=away) as address:
        file.publish([*told("stays"), *told("goes"), *told("grows")])
        file.publish([value("goes", 2, "resolved"), value("grows", 2, "escalated", "critical")])
        name = f"alertmanager/127.0.0.1:{port}"
        deadline = time.monotonic() + 30
        while not metric(address, "gruard_notify_requests_total", target=name, result="refused"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        with RealAlertmanager(tmp_path, port=port) as real:
            real.until(lambda: real.firing() == {("stays", "warning"), ("grows", "critical")})


def test_one_that_forgot_everything_knows_it_again_soon(file, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    port = free_ports(1)[0]
    with served(file.environment, alertmanager={"urls": [f"http://127.0.0.1:{port}"], **OPEN}):
        with RealAlertmanager(tmp_path / "a", port=port) as real:
            file.publish(told("a"))
            real.until(real.firing)
        with RealAlertmanager(tmp_path / "b", port=port) as real:
            real.until(lambda: real.firing() == {("a", "warning")})


def test_a_storm_beyond_the_limit_is_one_alert_that_counts(file, real):
    with served(file.environment, alertmanager=targets(real, max_open=5)) as address:
        settled(address, real)
        file.publish([value(f"{n}", site=f"site-{n % 3}") for n in range(40)])
        real.until(lambda: real.alerts(alertname="GruardMoreOpenAlerts"))
        settled(address, real)
        assert len(real.firing()) == 5
        (storm,) = real.alerts(alertname="GruardMoreOpenAlerts")
        assert storm["annotations"]["summary"].startswith("35 more open alerts")
        assert "pump 35" in storm["annotations"]["summary"]
        file.publish([value(f"{n}", 2, "resolved", site=f"site-{n % 3}") for n in range(36)])
        real.until(lambda: len(real.firing()) == 4 and not real.alerts(alertname="GruardMoreOpenAlerts"))


def test_every_member_of_a_cluster_is_told(file, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with (
        RealAlertmanager(tmp_path / "a") as one,
        RealAlertmanager(tmp_path / "b") as two,
        served(file.environment, alertmanager=targets(one, two)),
    ):
        file.publish(told("a"))
        one.until(one.firing)
        two.until(two.firing)


def test_event_times_of_any_clock_are_taken(file, real):
    future, past = "2031-01-01T00:00:00.000Z", "1991-01-01T00:00:00.000Z"
    with served(file.environment, alertmanager=targets(real)) as address:
        settled(address, real)
        file.publish([value("f", onset_time=future), value("p", onset_time=past)])
        real.until(lambda: len(real.firing()) == 2)
        file.publish([value("f", 2, "resolved", onset_time=future, resolved_time=future)])
        file.publish([value("p", 2, "resolved", onset_time=past, resolved_time=past)])
        real.until(lambda: not real.firing())
        settled(address, real)
        name = f"alertmanager/127.0.0.1:{real.port}"
        assert metric(address, "gruard_notify_requests_total", target=name, result="never") == 0


def test_hostile_names_are_taken_as_they_are(file, real):
    device = 'a"b\\c{d}\n<script>\u202e\u00e9'
    with served(file.environment, alertmanager=targets(real)):
        file.publish([value("a", device=device, site="", summary=f"{device}: flow")])
        real.until(real.firing)
        (alert,) = real.alerts()
        assert alert["labels"]["device_id"] == device
        assert "site" not in alert["labels"]


def test_a_test_stands_there_marked_and_ends_by_itself(real):
    told = gruard("notify", "--test", env=given({}, alertmanager=targets(real)))
    assert (told.code, told.error) == (0, "")
    assert told.out == f"alertmanager/127.0.0.1:{real.port}: ok, 127.0.0.1:{real.port} answers 200 OK\n"
    (alert,) = real.alerts()
    assert alert["labels"] == {"alertname": "GruardTest", "severity": "info"}
    assert datetime.fromisoformat(alert["endsAt"]) > datetime.now(UTC)


def test_labels_of_an_open_alert_are_the_same_whenever_it_is_told():
    manager = Alertmanager("http://127.0.0.1:1", NotifySettings())
    standing = Standing(60, 10, "site")
    standing.take(news(0, "a"), 0.0)
    letters = []
    for now in (0.0, 100.0):
        telling = standing.due(now)
        letters.append(json.loads(manager.letter(telling, 1795300000.0 + now).body)[0])
        standing.finished(telling, now)
    assert letters[0]["labels"] == letters[1]["labels"]
    assert letters[0]["startsAt"] == letters[1]["startsAt"]
    assert letters[0]["endsAt"] < letters[1]["endsAt"]
    manager.close()


def test_the_configuration_that_the_page_shows_is_one(tmp_path):
    if shutil.which("amtool") is None:
        pytest.skip("no amtool here; install Debian's package prometheus-alertmanager")
    page = (ROOT / "docs" / "notify.md").read_text("utf-8")
    (shown,) = [found for found in re.findall(r"^```yaml\n(.*?)^```", page, re.M | re.S) if "receivers:" in found]
    file = tmp_path / "alertmanager.yml"
    file.write_text(shown)
    done = subprocess.run(["amtool", "check-config", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
