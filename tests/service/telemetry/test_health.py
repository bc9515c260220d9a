"""Health on a real socket: what each probe says as the worker lives through start, restore, refusal, stall and stop."""

import http.client
import json
import threading
from collections.abc import Iterator

import pytest

from service.api.app import health_app
from service.api.server import Listener
from service.settings import HttpSettings
from service.telemetry.health import STALLED_S, Vitals
from service.telemetry.metrics import Metrics

ANY = HttpSettings(port=0)


class Watch:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Site:
    def __init__(self) -> None:
        self.watch, self.stop = Watch(), threading.Event()
        self.vitals = Vitals(self.stop, self.watch)
        self.server = Listener(ANY, health_app(Metrics().registry, self.vitals))

    def ask(self, path: str, method: str = "GET") -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=10)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def status(self, path: str) -> tuple[int, str]:
        code, body = self.ask(path)
        return code, json.loads(body)["status"]


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    with made.server:
        yield made


def test_a_process_that_has_just_begun_is_alive_and_neither_started_nor_ready(site):
    assert site.status("/livez") == (200, "ok")
    assert site.status("/startupz") == (503, "no partition assigned yet")
    assert site.status("/readyz")[0] == 503


def test_it_is_ready_once_every_assigned_partition_is_restored(site):
    site.vitals.restoring(0)
    site.vitals.restoring(1)
    site.vitals.restored(0, "cold", 0, 0.0)
    assert site.status("/startupz") == (200, "ok")
    assert site.status("/readyz") == (503, "restoring 1 of 2 partitions")
    site.vitals.restored(1, "exact", 9, 0.0)
    assert site.status("/readyz") == (200, "ok")
    site.vitals.dropped(0)
    site.vitals.dropped(1)
    assert site.status("/readyz")[0] == 503


def test_a_stream_that_refuses_makes_it_unready_until_the_next_round_but_not_dead(site):
    site.vitals.restored(0, "cold", 0, 0.0)
    site.vitals.unavailable("file is locked", 60.0)
    assert site.status("/readyz") == (503, "stream unavailable: file is locked")
    site.watch.now += 60 + STALLED_S - 1
    assert site.status("/livez") == (200, "ok")
    site.vitals.turned()
    assert site.status("/readyz") == (200, "ok")


def test_a_loop_that_stands_still_is_not_alive(site):
    site.vitals.turned()
    site.watch.now += STALLED_S - 0.1
    assert site.status("/livez")[0] == 200
    site.watch.now += 0.2
    assert site.status("/livez") == (503, f"no round of the loop for {STALLED_S:.0f} s")


def test_it_is_not_ready_while_it_stops(site):
    site.vitals.restored(0, "cold", 0, 0.0)
    site.stop.set()
    assert site.status("/readyz") == (503, "stopping")
    assert site.status("/livez")[0] == 200


def test_metrics_are_scraped_and_a_head_has_no_body(site):
    code, text = site.ask("/metrics")
    assert code == 200
    assert "# TYPE gruard_readings_total counter" in text
    assert site.ask("/metrics?x=1", "HEAD") == (200, "")


def test_an_unknown_path_or_method_is_refused(site):
    code, body = site.ask("/etc/passwd")
    assert code == 404
    assert "/readyz" in body
    assert "/api" not in body
    assert site.ask("/livez", "POST")[0] == 405
    assert len(site.ask("/" + "a" * 5000)[1]) < 400


def test_many_scrapers_at_once_are_all_answered(site):
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(site.ask("/metrics")[0])) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 16


def test_an_open_breaker_makes_it_unready_in_the_words_of_the_worker(site):
    site.vitals.restored(0, "exact", 0, 0.0)
    site.vitals.restored(1, "exact", 0, 0.0)
    site.vitals.tripped(1, "partition 1 is read no further")
    assert site.status("/readyz") == (503, "partition 1 is read no further")
    assert site.status("/livez") == (200, "ok")
    site.vitals.dropped(1)
    assert site.status("/readyz") == (200, "ok")


def test_a_parked_partition_is_not_counted_as_ready(site):
    site.vitals.restored(0, "exact", 0, 0.0)
    site.vitals.parked(0)
    assert site.status("/readyz") == (503, "no partition assigned")
    site.vitals.restoring(0)
    site.vitals.restored(0, "exact", 0, 0.0)
    assert site.status("/readyz") == (200, "ok")


def test_a_worker_to_which_the_group_gives_nothing_has_started_and_says_that_it_is_idle(site):
    site.vitals.turned()
    assert site.status("/startupz") == (200, "ok")
    assert site.status("/livez") == (200, "ok")
    assert site.status("/readyz") == (503, "no partition assigned")
