"""The images: what goes in, what stays out, whom they run as; read from the Dockerfile, so true without an engine."""

import json
import re
import subprocess
import threading
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from service.sources import load
from tests.deploy.files import image_environment, lineage, stages, words
from tests.service.cli import ROOT

TEXT = (ROOT / "Dockerfile").read_text("utf-8")
TARGETS = ("service", "console", "training")


def sources() -> list[str]:
    """What is copied out of the build context."""
    copies = [rest for stage in stages().values() for rest in stage.all("COPY") if "--from=" not in rest]
    return [source for rest in copies for source in rest.split()[:-1]]


def passes(path: str) -> bool:
    """The last rule of .dockerignore that fits decides, as in the engine."""
    lines = [line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line and line[0] != "#"]
    parts = [path[:end] for end in [*(i for i, c in enumerate(path) if c == "/"), len(path)]]
    inside = True
    for rule in lines:
        wanted = rule.removeprefix("!")
        if any(fnmatch(part, wanted) or (wanted.startswith("**/") and fnmatch(part, wanted[3:])) for part in parts):
            inside = rule.startswith("!")
    return inside


def test_the_classic_builder_understands_every_instruction():
    assert not re.search(r"--mount|--link|--chmod|--exclude|<<|^#\s*syntax=", TEXT, re.M)


def test_the_base_is_an_argument_with_a_pinned_default():
    assert TEXT.count("\nARG BASE=") == 1
    assert re.search(r"^ARG BASE=python:3\.11-slim-bookworm$", TEXT, re.M)
    roots = {lineage(name)[0].parent for name in TARGETS}
    assert roots == {"${BASE}"}


def test_nothing_names_a_registry_or_the_newest_of_anything():
    assert not re.search(r"https?://|:latest|index-url|--find-links", TEXT)


@pytest.mark.parametrize("path", sources())
def test_everything_copied_is_there_and_let_into_the_build(path):
    assert (ROOT / path).exists()
    assert passes(path)


@pytest.mark.parametrize(
    "path", [".git/config", ".venv/bin/python", "data/x.csv", "deploy/secure/secrets/ca.key", ".env",
             "service/__pycache__/a.pyc", "gruard.db", "runs/1", "tests/conftest.py"],
)  # fmt: skip
def test_history_data_and_secrets_stay_outside_the_build(path):
    assert not passes(path)


@pytest.mark.parametrize("target", TARGETS)
def test_nobody_runs_as_root(target):
    users = [rest for stage in lineage(target) for rest in stage.all("USER")]
    assert users[-1] == "10001:10001"


@pytest.mark.parametrize("target", TARGETS)
def test_signals_reach_the_process_itself(target):
    own = lineage(target)
    assert [rest for stage in own for rest in stage.all("STOPSIGNAL")] == ["SIGTERM"]
    assert len(words(own[-1].all("ENTRYPOINT")[0])) == 1
    assert words(own[-1].all("CMD")[0])


@pytest.mark.parametrize("target", TARGETS)
def test_the_last_stage_installs_nothing_and_takes_only_the_environment_of_the_build(target):
    last = lineage(target)[-1]
    assert not last.all("RUN")
    assert all(stage.parent == "${BASE}" or stage.parent == "ground" for stage in lineage(target))
    taken = [rest.split() for rest in last.all("COPY") if "--from=" in rest]
    assert [(source, goal) for _, source, goal in taken] == [("/opt/gruard", "/opt/gruard")]


def builds(target):
    """Every command that made the environment of an image."""
    given = re.search(r"--from=(\S+)", " ".join(lineage(target)[-1].all("COPY")))[1]
    return " ".join(rest for stage in lineage(given) for rest in stage.all("RUN"))


def test_torch_is_in_the_training_image_alone():
    assert "[training,reports]" in builds("training")
    for target in ("service", "console"):
        assert "[training" not in builds(target)
        copied = {rest for stage in lineage(target) for rest in stage.all("COPY")}
        assert "training training" not in copied


def test_dash_is_in_the_console_s_image_alone():
    assert "['console']" in builds("console")
    assert "['console']" not in builds("service")
    assert "[" not in builds("service").split("needs.txt", 1)[1], "no extra is installed for the service"


def test_a_change_of_the_source_does_not_install_its_dependencies_again():
    for target in ("build", "build-console"):
        steps = lineage(target)[-1].steps
        source = steps.index(("COPY", "service service"))
        assert all("--no-deps" in rest for name, rest in steps[source:] if name == "RUN")


def test_every_installation_keeps_to_the_tested_versions():
    environment = " ".join(rest for rest in stages()["needs"].all("ENV"))
    assert "PIP_CONSTRAINT=/build/constraints.txt" in environment
    assert "PIP_NO_CACHE_DIR=1" in environment


def test_labels_say_what_it_is():
    for target in TARGETS:
        labels = " ".join(lineage(target)[-1].all("LABEL"))
        for name in ("title", "description", "licenses", "version", "revision"):
            assert f"org.opencontainers.image.{name}=" in labels


def test_the_image_s_own_settings_are_settings_and_its_models_are_where_they_say():
    given = image_environment()
    settings = load(environ=given).settings
    last = lineage("service")[-1]
    assert f"models {settings.models.path}" in last.all("COPY")
    assert [str(settings.http.port)] == last.all("EXPOSE")
    assert settings.http.host == "0.0.0.0"


@pytest.mark.parametrize("target", ["service", "console"])
def test_a_volume_with_the_token_belongs_to_who_makes_and_reads_it(target):
    made = " ".join(rest for stage in lineage(target) for rest in stage.all("RUN"))
    assert re.search(r"install -d -o 10001 -g 10001 [\w/ ]*/run/gruard\b", made)


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"status": self.path}).encode()
        self.send_response(200 if self.path == "/livez" else 503)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def port():
    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def healthy(probe: str, port: int) -> subprocess.CompletedProcess[str]:
    script = ROOT / "deploy" / "compose" / "health.py"
    return subprocess.run(["python3", script, probe, str(port)], capture_output=True, text=True, check=False)


def test_health_follows_the_answer_and_tells_it(port):
    well, ill = healthy("livez", port), healthy("readyz", port)
    assert (well.returncode, ill.returncode) == (0, 1)
    assert "/readyz" in ill.stdout
    assert not ill.stderr


def test_no_answer_is_one_line_and_not_healthy(port):
    said = healthy("livez", 1)
    assert said.returncode == 1
    assert said.stdout.startswith("no answer on port 1: ")
    assert not said.stderr


def test_the_first_page_is_asked_where_there_are_no_probes(port):
    assert "503" in healthy("", port).stdout


@pytest.mark.parametrize("target", ["service", "console"])
def test_the_health_check_runs_the_script_that_was_copied(target):
    check = lineage(target)[-1].all("HEALTHCHECK")[0]
    command = words(check[check.index("[") :])
    assert command[0] == "python"
    copied = [rest.split()[1] for rest in lineage(target)[-1].all("COPY")]
    assert command[1] in copied
    assert command[2:] == {"service": ["livez"], "console": ["", "8090"]}[target]
