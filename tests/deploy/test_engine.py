"""Image and stack for real: built, started, killed, stopped on a Docker engine; skipped where there is none."""

from collections import Counter
from urllib.error import HTTPError

import pytest

from service.streams.kafka.log import KafkaLog
from service.streams.kafka.settings import KafkaSettings
from service.telemetry.dashboards.rules import ALARMS, RECORDED
from service.telemetry.dashboards.written import DASHBOARDS
from tests.deploy.engine import IMAGES, PLAIN, base, docker, running, until
from tests.service.console.browser import chromium

CHOSEN = {"$__rate_interval": "1m", "$__range": "1h", "$class": ".*", "$partition": ".*", "$target": ".*"}
ENDED = {"kafka": 143}  # a Java machine says that a signal ended it
CONFINED = ("--rm", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")


def inside(image, code):
    return docker("run", *CONFINED, "--entrypoint", "python", image, "-c", code).split()


def test_the_image_has_no_torch_no_installer_and_no_compiler(image):
    code = """if True:
        import importlib.util, shutil
        names = ("torch", "onnx", "training", "matplotlib", "pip", "setuptools", "dash", "plotly", "flask")
        print(*(name for name in names if importlib.util.find_spec(name)))
        print(*(name for name in ("gcc", "cc", "g++", "make", "gruard-train") if shutil.which(name)))"""
    assert inside(image, code) == []


def test_it_runs_as_nobody_in_particular_and_finds_its_models(image):
    assert inside(image, "import os; print(os.getuid(), os.getgid())") == ["10001", "10001"]
    assert "universal@1: ok" in docker("run", *CONFINED, image, "models")


def size(image):
    return int(docker("image", "inspect", "--format", "{{.Size}}", image))


def test_it_brings_little_more_than_the_base_and_the_console_s_not_much_beyond(image):
    assert size(image) - size(base()) < 450 << 20
    assert size(IMAGES["console"]) - size(image) < 180 << 20


@pytest.fixture(scope="module")
def stack(image):
    with running(PLAIN) as stack:
        yield stack


def alerts(stack):
    log = KafkaLog(KafkaSettings(bootstrap_servers=stack.bootstrap))
    try:
        return [dict(output.headers) for _, output in log.written("alerts")]
    finally:
        log.close()


def test_alerts_flow(stack):
    until(lambda: len(alerts(stack)) > 0, stack, "an alert")


def test_health_tells_what_readiness_tells(stack):
    code = "import sys; sys.argv = ['', 'readyz']; exec(open('/app/health.py').read())"
    assert '"ok"' in docker("exec", stack.container("detector-a"), "python", "-c", code)


@pytest.fixture(scope="module")
def token(stack):
    return docker("exec", stack.container("console"), "cat", "/run/gruard/api.token").strip()


def test_nobody_runs_as_root_or_writes_outside_what_is_its_own(stack):
    for service in stack.running:
        config, host = (stack.state(service)[name] for name in ("Config", "HostConfig"))
        assert config["User"] not in ("", "0", "root"), service
        assert host["ReadonlyRootfs"] or service == "kafka", "the broker's start script writes its settings"
        assert host["Memory"] > 0, service


def test_the_api_answers_who_shows_the_token_and_nobody_else(stack, token):
    with pytest.raises(HTTPError) as refused:
        stack.get("detector-a", "/api/v1/devices")
    assert refused.value.code == 401
    until(lambda: devices(stack, token) == 48, stack, "every device of the fleet")


def devices(stack, token):
    try:
        return sum(stack.told(name, "/api/v1/devices", token)["total"] for name in ("detector-a", "detector-b"))
    except HTTPError as error:
        if error.code != 503:  # its list is being made
            raise
        return 0


def test_the_console_shows_the_devices_of_both_workers(stack):
    port = stack.ports["console"]
    with chromium() as browser, browser.visit(f"http://127.0.0.1:{port}") as visit:
        visit.open("/")
        visit.until("""() => document.querySelectorAll('#fleet-devices a[href^="/device/"]').length >= 48""")


def up(stack):
    targets = stack.told("prometheus", "/api/v1/targets")["data"]["activeTargets"]
    return {target["labels"]["instance"]: target["health"] for target in targets}


def test_prometheus_reaches_every_target_and_alertmanager_and_has_the_rules(stack):
    wanted = dict.fromkeys(("detector-a:8080", "detector-b:8080", "notify:8083"), "up")
    until(lambda: up(stack) == wanted, stack, "every target to be up")
    [group] = stack.told("prometheus", "/api/v1/rules")["data"]["groups"]
    assert len(group["rules"]) == len(ALARMS) + len(RECORDED)
    until(lambda: len(managers(stack)) == 1, stack, "Prometheus to find Alertmanager")


def managers(stack):
    return stack.told("prometheus", "/api/v1/alertmanagers")["data"]["activeAlertmanagers"]


def silent(stack, dashboard):
    """Queries of a dashboard that give nothing, as Grafana would ask them with everything chosen."""
    found = []
    for query in (query for panel in dashboard.panels for query in panel.queries):
        asked = query.expression
        for name, value in CHOSEN.items():
            asked = asked.replace(name, value)
        if not stack.told("prometheus", "/api/v1/query", query=asked)["data"]["result"]:
            found.append(query.expression)
    return found


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda dashboard: dashboard.uid)
def test_a_dashboard_shows_this_stack(stack, dashboard):
    """Not each query: what a healthy stack does not do, refused records for one, has no series yet."""
    queries = sum(len(panel.queries) for panel in dashboard.panels)
    until(lambda: len(silent(stack, dashboard)) < queries / 4, stack, f"data for {dashboard.title}")


def test_alertmanager_is_told_of_device_alerts(stack):
    def told():
        return {alert["labels"].get("device_id") for alert in stack.told("alertmanager", "/api/v2/alerts")} - {None}

    until(lambda: told(), stack, "an alert of a device in Alertmanager")


def test_a_killed_worker_is_replaced_restores_exactly_and_catches_up(stack):
    until(lambda: stack.metrics("detector-a").get('gruard_readings_total{outcome="stepped"}', 0) > 0, stack, "readings")
    stack.kill("detector-a")
    until(lambda: stack.restarts("detector-a") == 1, stack, "a new start")
    until(lambda: stack.health("detector-a") == "healthy", stack, "health after the kill")
    restored = stack.metrics("detector-a")
    results = {name: value for name, value in restored.items() if name.startswith("gruard_restores_total{") and value}
    assert results == {'gruard_restores_total{result="exact"}': 3}
    there = len(alerts(stack))
    until(lambda: len(alerts(stack)) > there, stack, "alerts after the kill")
    until(lambda: 0 <= behind(stack) < 500, stack, "the backlog to be gone")
    ids = Counter(headers["ce_id"] for headers in alerts(stack))
    assert max(ids.values()) == 1, ids.most_common(3)


def behind(stack):
    lags = [value for name, value in stack.metrics("detector-a").items() if name.startswith("gruard_lag_records")]
    return sum(lags) if len(lags) == 3 else -1


def test_a_stop_is_an_orderly_end_for_everybody(stack):
    stack.compose("stop")
    states = {service: stack.state(service)["State"] for service in stack.running}
    assert not [service for service, state in states.items() if state["OOMKilled"]]
    assert {service: state["ExitCode"] for service, state in states.items()} == {
        service: ENDED.get(service, 0) for service in stack.running
    }
