"""Debian's Prometheus on loopback with the configuration that is shipped, pointed at other workers and more often."""

import json
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import yaml

from tests.service.cli import ROOT

SHIPPED = ROOT / "deploy" / "prometheus"
PATIENCE_S = 60.0


def missing() -> str:
    """Why it can't be started here; empty if it can."""
    return "" if shutil.which("prometheus") else "no prometheus here; it is Debian's package of that name"


def configuration(targets: Mapping[str, str], every: str = "2s") -> dict[str, Any]:
    """What is shipped, but for where it scrapes, how often, and that there is nobody to tell. targets: by job."""
    found: dict[str, Any] = yaml.safe_load((SHIPPED / "prometheus.yml").read_text("utf-8"))
    found["global"] |= {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every}
    found["rule_files"] = [str(SHIPPED / name) for name in found["rule_files"]]
    for job in found["scrape_configs"]:
        job["static_configs"] = [{"targets": [targets[job["job_name"]]]}]
    del found["alerting"]
    return found


class Prometheus:
    """Runs within a `with` block."""

    def __init__(self, folder: Path, targets: Mapping[str, str]) -> None:
        self._folder, self._log = folder, folder / "prometheus.log"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._address = f"127.0.0.1:{probe.getsockname()[1]}"
        (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration(targets)))

    def ask(self, path: str, **query: str) -> Any:
        """The data of an answer of its API."""
        url = f"http://{self._address}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]

    def series(self, query: str, since: float, step: str = "1s") -> list[list[float]]:
        """Values of each series that the query gives between `since` and now, without those that are none."""
        data = self.ask("query_range", query=query, start=f"{since:.3f}", end=f"{time.time():.3f}", step=step)
        found = [[float(value) for _, value in each["values"] if value != "NaN"] for each in data["result"]]
        return [values for values in found if values]

    def __enter__(self) -> Self:
        arguments = (
            f"--config.file={self._folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address={self._address}",
            "--log.level=warn",
        )
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(["prometheus", *arguments], stdout=log, stderr=log)
        try:
            self._await_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _await_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not self._is_ready():
            tail = self._log.read_text("utf-8", "replace")[-2000:]
            assert self._process.poll() is None, f"prometheus ended: {tail}"
            assert time.monotonic() < deadline, f"prometheus did not come up: {tail}"
            time.sleep(0.1)

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self._address}/-/ready", timeout=2) as answer:
                return int(answer.status) == 200
        except OSError:
            return False

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
