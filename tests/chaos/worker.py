"""`gruard run` as a user starts it, one process at a time: its signals, its end, its log and its metrics."""

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from datetime import datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any, Self

from tests.service import cli

PATIENCE_S = 120.0  # of liveness, never of speed
TERM_S = 10.0  # an orderly end takes no longer
LOOK_S = 0.05  # a scrape costs the worker some of its time


class Worker:
    """Started; `ended` or `kill` waits for its end."""

    def __init__(self, settings: Mapping[str, Any], log: Path, crash_at: str | None = None) -> None:
        env = cli.environment(environ(settings))
        if crash_at:
            env["GRUARD_CRASH_AT"] = crash_at
        self.log, self.crash_at, self.began, self._url = log, crash_at, time.time(), ""
        with log.open("wb") as out:
            self.process = subprocess.Popen(cli.command("run"), env=env, stdout=out, stderr=out)

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def terminated(self) -> int:
        """By SIGTERM, in the time that is promised."""
        began = time.monotonic()
        self.process.terminate()
        code = self.ended(PATIENCE_S)
        took_s = time.monotonic() - began
        assert took_s <= TERM_S, f"SIGTERM took {took_s:.1f} s: {self.tail()}"
        return code

    def ended(self, patience_s: float = PATIENCE_S) -> int:
        try:
            return self.process.wait(patience_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it still runs after {patience_s} s: {self.tail()}") from None

    @property
    def runs(self) -> bool:
        return self.process.poll() is None

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-2000:]

    def told(self, event: str | None = None) -> list[dict[str, Any]]:
        """What its log says so far, all of it or one kind of event."""
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.startswith("{")]
        entries = [json.loads(line) for line in lines if line.endswith("}")]
        return [entry for entry in entries if event in (None, entry["event"])]

    def url(self) -> str:
        if not self._url:
            self.until(lambda: self.told("started"), "start")
            self._url = str(self.told("started")[0]["http"])
        return self._url

    def metrics(self) -> dict[str, float]:
        """By series, as a scraper sees them; nothing while nobody answers, or whoever does ends meanwhile."""
        try:
            with urllib.request.urlopen(f"{self.url()}/metrics", timeout=5) as answer:
                lines = answer.read().decode().splitlines()
        except (OSError, HTTPException, AssertionError):
            return {}
        return {series: float(value) for series, _, value in (li.rpartition(" ") for li in lines if li[:1] != "#")}

    def total(self, name: str) -> float:
        """Of a metric over all its labels."""
        return sum(value for series, value in self.metrics().items() if series.partition("{")[0] == name)

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url()}/readyz", timeout=5) as answer:
                return int(answer.status) == 200
        except (urllib.error.HTTPError, OSError):
            return False

    def until(self, done: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
        """While the process lives."""
        deadline = time.monotonic() + patience_s
        while not done():
            assert self.runs, f"it ended with {self.process.returncode} before: {what}: {self.tail()}"
            assert time.monotonic() < deadline, f"not within {patience_s} s: {what}: {self.tail()}"
            time.sleep(LOOK_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.runs:
            self.signal(signal.SIGCONT)
            self.kill()


def moment(entry: Mapping[str, Any]) -> float:
    """Unix time of a line of the log."""
    return datetime.fromisoformat(entry["time"]).timestamp()


def environ(settings: Mapping[str, Any]) -> dict[str, str]:
    """Settings as the environment carries them."""
    found = {}
    for section, fields in settings.items():
        for field, value in fields.items():
            text = json.dumps(value) if isinstance(value, list | dict | bool) else str(value)
            found[f"GRUARD_{section}__{field}".upper()] = text
    return found
