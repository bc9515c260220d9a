"""Metrics and probes of `gruard notify` on a port of their own, and metrics that begin before their first event."""

import time
import urllib.error
import urllib.request

import pytest

from service.errors import UnavailableError
from service.notify.metrics import OUTCOMES, RESULTS, NotifyMetrics
from service.notify.serving import STALLED_S, Vitals, serving
from service.notify.settings import NotifySettings
from tests.service.notify.running import probe


@pytest.fixture
def metrics():
    return NotifyMetrics(["ops"], "1.2.3")


def get(address, method="GET"):
    with urllib.request.urlopen(urllib.request.Request(address, method=method), timeout=10) as answer:
        return answer.headers["Content-Type"], answer.read().decode()


def test_metrics_probes_and_nothing_else_are_served(metrics):
    problem = ["waits for a broker"]
    vitals = Vitals(lambda: problem[0], lambda: metrics.progress_s)
    with serving(NotifySettings(port=0), metrics.registry, vitals) as server:
        address = f"http://127.0.0.1:{server.port}"
        assert 'gruard_notify_build_info{version="1.2.3"} 1.0' in get(f"{address}/metrics")[1]
        assert get(f"{address}/metrics", "HEAD")[1] == ""
        assert probe(address, "/livez") == (200, "ok")
        assert probe(address, "/readyz") == (503, "waits for a broker")
        problem[0] = ""
        assert probe(address, "/readyz?verbose") == (200, "ok")
        assert probe(address, "/startupz") == (503, "no round yet")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(f"{address}/api/v1/alerts")


def test_every_series_of_a_target_is_there_before_its_first_event(metrics):
    for name, label, values in (("requests", "result", RESULTS), ("events", "outcome", OUTCOMES)):
        for each in values:
            labels = {"target": "ops", label: each}
            assert metrics.registry.get_sample_value(f"gruard_notify_{name}_total", labels) == 0


def test_every_metric_has_the_prefix_and_says_what_it_is(metrics):
    for family in metrics.registry.collect():
        assert family.name.startswith(("gruard_notify_", "process_"))
        assert family.documentation


def test_a_loop_that_stands_still_is_not_alive():
    vitals = Vitals(lambda: "", lambda: 0.0)
    assert vitals.live() == ""
    assert "no round for" in vitals.live(time.time() + STALLED_S + 1)


def test_an_address_that_is_not_ours_is_said_to_be_wrong(metrics):
    vitals = Vitals(lambda: "", lambda: 0.0)
    with pytest.raises(UnavailableError, match="check notify"):
        serving(NotifySettings(host="192.0.2.1", port=0), metrics.registry, vitals)
