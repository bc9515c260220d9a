"""Every query of every dashboard, asked of a real Prometheus that scrapes a real run through Kafka, gives data.

A fleet with faults is fed, and now and then something that is no reading; `gruard notify` tells somebody of the
alerts. Queries are asked again until they answer.
"""

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from service.streams.kafka import topics
from service.streams.kafka.settings import KafkaSettings
from service.telemetry.dashboards.rules import ALARMS, RECORDED
from service.telemetry.dashboards.written import DASHBOARDS
from service.telemetry.declared import VALUES
from tests.chaos.worker import Worker, environ
from tests.kafka import clients
from tests.kafka.broker import free_ports
from tests.prometheus.server import Prometheus, missing
from tests.service import cli
from tests.service.notify.receiver import Receiver
from tests.service.notify.running import served

PATIENCE_S = 120.0
FLEET = ("fleet", "--devices", "24", "--faults", "40", "--readings", "20000", "--rate", "400", "--seed", "3")
BAD = (b"{", b"", b'{"device": "x"}', b'{"device": "x", "time": 0, "values": {"flow": "much"}}')
MOST_BAD = 80  # a breaker opens at 100 in a row
QUERIES = [(dashboard.title, panel, query) for dashboard in DASHBOARDS for panel in dashboard.panels
           for query in panel.queries]  # fmt: skip
EACH = [pytest.param(query.expression, id=f"{title} {panel.title} {query.legend}") for title, panel, query in QUERIES]
SPREADS = [each for each in EACH if "histogram_quantile(" in str(each.values[0])]
RATES = [each for each in EACH if "rate(" in str(each.values[0]) and each not in SPREADS]
FILLED = {"$__rate_interval": "12s", "$__range": "1m", "$class": ".*", "$partition": ".*", "$target": ".*"}


def filled(expression: str) -> str:
    """As Grafana would send it, with everything chosen."""
    for variable, value in FILLED.items():
        expression = expression.replace(variable, value)
    assert "$" not in expression
    return expression


@dataclass
class Watched:
    """A run and its Prometheus, while readings come."""

    prometheus: Prometheus
    worker: Worker
    feed: Callable[[], None]
    since: float

    def until(self, query: str, told: Callable[[list[list[float]]], bool]) -> None:
        """Values come until they say what they should."""
        deadline = time.monotonic() + PATIENCE_S
        while not told(found := self.prometheus.series(filled(query), self.since)):
            assert time.monotonic() < deadline, (query, found, self.worker.tail())
            self.feed()
            time.sleep(0.5)


@pytest.fixture(scope="module")
def watched(kafka, tmp_path_factory) -> Iterator[Watched]:
    if why := missing():
        pytest.skip(why)
    folder, [port] = tmp_path_factory.mktemp("prometheus"), free_ports(1)
    stream = {"bootstrap_servers": kafka.bootstrap, "topic_prefix": f"watched{port}"}
    topics.create(KafkaSettings(**stream), 2)
    settings = {
        "stream": {"kind": "kafka"},
        "kafka": stream,
        "http": {"port": port},
        "worker": {"snapshot_s": 3, "idle_tick_s": 2, "max_records": 200},  # a batch is short on any machine
        "detector": {"false_alarms_per_device_day": 4},
    }
    shared = {name: settings[name] for name in ("stream", "kafka")}
    with (
        Receiver() as ops,
        Worker(settings, folder / "worker.log") as worker,
        served(environ(shared), webhooks=[{"name": "ops", "url": ops.url}]) as told,
        Prometheus(folder, {"gruard": f"127.0.0.1:{port}", "gruard-notify": urlsplit(told).netloc}) as prometheus,
        fleet(shared, folder),
    ):
        left = iter(range(MOST_BAD // len(BAD)))

        def feed() -> None:
            if next(left, None) is not None:
                clients.send(kafka.bootstrap, f"{stream['topic_prefix']}.readings.v1", BAD)

        yield Watched(prometheus, worker, feed, time.time())


class fleet:  # noqa: N801 (reads as the command it runs)
    """`gruard fleet`, as a process of its own."""

    def __init__(self, settings: dict[str, dict[str, object]], folder: Path) -> None:
        env = cli.environment(environ(settings))
        with (folder / "fleet.log").open("wb") as log:
            self._process = subprocess.Popen(cli.command(*FLEET), env=env, stdout=log, stderr=log)

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


@pytest.mark.parametrize("query", EACH)
def test_every_query_of_every_dashboard_returns_data(watched, query):
    watched.until(query, lambda series: any(series))


@pytest.mark.parametrize("query", RATES)
def test_every_panel_of_rates_shows_something_that_moves(watched, query):
    watched.until(query, lambda series: any(max(values) > 0 and len(set(values)) > 1 for values in series))


@pytest.mark.parametrize("query", SPREADS)
def test_every_percentile_is_above_nothing(watched, query):
    """Whether it moves is the machine's affair: where every batch is full, they are all alike."""
    watched.until(query, lambda series: any(max(values) > 0 for values in series))


def test_prometheus_finds_the_worker_and_every_rule_in_good_health(watched):
    watched.until("up", lambda series: any(values[-1] == 1 for values in series))
    [group] = watched.prometheus.ask("rules")["groups"]
    assert [rule["health"] for rule in group["rules"]] == ["ok"] * (len(ALARMS) + len(RECORDED))
    firing = {rule["name"] for rule in group["rules"] if rule["type"] == "alerting" and rule["state"] == "firing"}
    assert not firing & {"GruardTargetDown", "GruardStandsStill", "GruardNoReadings", "GruardBreakerOpen"}


def test_no_label_holds_a_value_that_was_not_known_beforehand(watched):
    for metric, label, known in (
        ("gruard_readings_total", "outcome", VALUES["outcome"]),
        ("gruard_dead_letters_total", "reason", VALUES["reason"]),
        ("gruard_open_alert_types", "type", VALUES["type"]),
        ("gruard_restores_total", "result", VALUES["restored"]),
    ):
        found = watched.prometheus.ask(f"label/{label}/values", **{"match[]": metric})
        assert set(found) == set(known)
