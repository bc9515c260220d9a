"""A Docker engine, where there is one: builds the image, runs the stack as a project of its own, and looks inside."""

import json
import os
import re
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from tests.deploy.files import GRAFANA, compose, published, stages
from tests.kafka.broker import free_ports
from tests.service.cli import ROOT

PLAIN = "docker-compose.yml"
IMAGES = {"service": "gruard:local", "console": "gruard-console:local"}
PROFILES = ("notify",)  # not Grafana: its dashboards are tried without it, by their queries
PATIENCE_S = 240.0
KILL = """
import os, signal
for pid in filter(str.isdigit, os.listdir("/proc")):
    words = open(f"/proc/{pid}/cmdline", "rb").read().split(b"\\0")
    if pid != "1" and words[1:3] == [b"/opt/gruard/bin/gruard", b"run"]:
        os.kill(int(pid), signal.SIGKILL)
"""


def base() -> str:
    """The default of the Dockerfile."""
    found = re.search(r"^ARG BASE=(\S+)$", (ROOT / "Dockerfile").read_text("utf-8"), re.M)
    assert found
    return found[1]


def foreign() -> list[str]:
    """The images of others that a start needs."""
    used = dict.fromkeys(service["image"] for service in compose(PLAIN)["services"].values())
    return [base(), *(image for image in used if image not in IMAGES.values() and not image.startswith(GRAFANA))]


def missing() -> str:
    """Why nothing can be tried here, with the way out; empty where it can."""
    if not shutil.which("docker"):
        return "no Docker on this machine: install docker.io and its compose plugin"
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        return "no Docker engine answers `docker info`: start one, and be a user who may ask it"
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode:
        return "Docker has no compose plugin: install docker-compose-v2"
    for image in foreign():
        if subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False).returncode:
            return f"the engine has no image {image}: docker pull {image}"
    return ""


def docker(*arguments: str, env: dict[str, str] | None = None, code: int = 0) -> str:
    given = {**os.environ, **(env or {})}
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, cwd=ROOT, env=given, check=False)
    assert done.returncode == code, f"docker {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def build() -> str:
    """All that the stack runs. Host network: a build container may have no other way to the package index."""
    for target, image in IMAGES.items():
        assert target in stages()
        docker("build", "--network", "host", "--tag", image, "--target", target, ".")
    return IMAGES["service"]


class Stack:
    """One project of compose, on ports that nobody else has."""

    def __init__(self, *files: str) -> None:
        self.name = f"gruardtest{uuid.uuid4().hex[:6]}"
        self._files = [word for file in files for word in ("-f", file)]
        self._profiles = [word for profile in PROFILES for word in ("--profile", profile)]
        variables = published(PLAIN)
        self.ports = dict(zip(variables, free_ports(len(variables)), strict=True))
        self._environment = {variables[name]: str(number) for name, number in self.ports.items()}
        services = compose(PLAIN)["services"]
        self.running = [name for name, each in services.items() if set(each.get("profiles", PROFILES)) & {*PROFILES}]

    @property
    def bootstrap(self) -> str:
        return f"localhost:{self.ports['kafka']}"

    def compose(self, *arguments: str) -> str:
        return docker("compose", "-p", self.name, *self._files, *self._profiles, *arguments, env=self._environment)

    def container(self, service: str) -> str:
        return f"{self.name}-{service}-1"

    def state(self, service: str) -> dict[str, object]:
        inspected: list[dict[str, object]] = json.loads(docker("inspect", self.container(service)))
        return inspected[0]

    def health(self, service: str) -> str:
        state = self.state(service)["State"]
        assert isinstance(state, dict)
        return str(state.get("Health", {}).get("Status", state["Status"]))

    def serves(self, service: str) -> bool:
        """It has a health check."""
        state = self.state(service)["State"]
        assert isinstance(state, dict)
        return "Health" in state

    def restarts(self, service: str) -> int:
        return int(str(self.state(service)["RestartCount"]))

    def kill(self, service: str) -> None:
        """SIGKILL for the worker itself. (`docker kill` is a user's wish: the engine would not start it again.)"""
        docker("exec", self.container(service), "python", "-c", KILL)

    def get(self, service: str, path: str, token: str = "") -> bytes:
        """Raises HTTPError, and OSError where nobody answers."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        asked = Request(f"http://127.0.0.1:{self.ports[service]}{path}", headers=headers)
        with urlopen(asked, timeout=10) as answer:
            body: bytes = answer.read()
            return body

    def told(self, service: str, path: str, token: str = "", **query: str) -> Any:
        return json.loads(self.get(service, f"{path}?{urlencode(query)}", token))

    def metrics(self, service: str) -> dict[str, float]:
        """Name with labels to value; nothing where nobody answers yet."""
        try:
            lines = self.get(service, "/metrics").decode().splitlines()
        except OSError:
            return {}
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[:1] != "#")}

    def logs(self) -> str:
        return self.compose("logs", "--no-color", "--tail", "60")


@contextmanager
def running(*files: str) -> Iterator[Stack]:
    """Up and healthy; taken down with its volume whatever happens."""
    stack = Stack(*files)
    try:
        stack.compose("up", "--no-build", "--detach")
        for service in filter(stack.serves, stack.running):
            until(lambda service=service: stack.health(service) == "healthy", stack, f"{service} to be healthy")
        yield stack
    finally:
        stack.compose("down", "--volumes", "--timeout", "20")


def until(holds: Callable[[], bool], stack: Stack, what: str) -> float:
    """Seconds it took; fails with the logs of everybody."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < PATIENCE_S, f"waited for {what}\n{stack.logs()}"
        time.sleep(0.5)
    return time.monotonic() - began
