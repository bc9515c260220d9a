"""Image and stack for real: built, started, killed, stopped on a Docker engine; skipped where there is none."""

from collections import Counter

import pytest

from service.streams.kafka.log import KafkaLog
from service.streams.kafka.settings import KafkaSettings
from tests.deploy.engine import base, docker, running, until

PLAIN = "docker-compose.yml"
CONFINED = ("--rm", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")


def inside(image, code):
    return docker("run", *CONFINED, "--entrypoint", "python", image, "-c", code).split()


def test_the_image_has_no_torch_no_installer_and_no_compiler(image):
    code = """if True:
        import importlib.util, shutil
        names = ("torch", "onnx", "training", "matplotlib", "pip", "setuptools")
        print(*(name for name in names if importlib.util.find_spec(name)))
        print(*(name for name in ("gcc", "cc", "g++", "make", "gruard-train") if shutil.which(name)))"""
    assert inside(image, code) == []


def test_it_runs_as_nobody_in_particular_and_finds_its_models(image):
    assert inside(image, "import os; print(os.getuid(), os.getgid())") == ["10001", "10001"]
    assert "universal@1: ok" in docker("run", *CONFINED, image, "models")


def test_it_brings_little_more_than_the_base(image):
    own, below = (int(docker("image", "inspect", "--format", "{{.Size}}", name)) for name in (image, base()))
    assert own - below < 450 << 20


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


def test_a_killed_worker_is_replaced_restores_exactly_and_catches_up(stack):
    until(lambda: stack.metrics("detector-a").get('gruard_readings_total{outcome="stepped"}', 0) > 0, stack, "readings")
    stack.kill("detector-a")
    until(lambda: stack.restarts("detector-a") == 1, stack, "a new start")
    until(lambda: stack.health("detector-a") == "healthy", stack, "health after the kill")
    restored = stack.metrics("detector-a")
    assert restored['gruard_restores_total{result="exact"}'] == 3
    assert not [name for name in restored if name.startswith("gruard_restores_total") and "exact" not in name]
    there = len(alerts(stack))
    until(lambda: len(alerts(stack)) > there, stack, "alerts after the kill")
    until(lambda: 0 <= behind(stack) < 500, stack, "the backlog to be gone")
    ids = Counter(headers["ce_id"] for headers in alerts(stack))
    assert max(ids.values()) == 1, ids.most_common(3)


def behind(stack):
    lags = [value for name, value in stack.metrics("detector-a").items() if name.startswith("gruard_lag_records")]
    return sum(lags) if len(lags) == 3 else -1


def test_a_stop_is_an_orderly_end(stack):
    stack.compose("stop", "detector-b")
    state = stack.state("detector-b")["State"]
    assert (state["ExitCode"], state["OOMKilled"]) == (0, False)
