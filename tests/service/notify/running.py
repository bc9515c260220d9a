"""`gruard notify` at work, in this process or as one that may be killed, with times that a test can sit through."""

import json
import os
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from service.notify import host
from service.sources import load
from tests.service.cli import ROOT, command, environment

PATIENCE_S = 60.0
QUICK = {
    "group_wait_s": 0.1, "group_interval_s": 0.5, "max_notifications": 1000, "max_total": 1000, "max_alerts": 1000,
    "timeout_s": 1.0, "retry_s": 0.05, "retry_max_s": 0.2, "port": 0,
}  # fmt: skip


def given(stream: Mapping[str, str], **notify: Any) -> dict[str, str]:
    """As environment variables."""
    own = {
        f"GRUARD_NOTIFY__{name.upper()}": json.dumps(each) if isinstance(each, list | dict) else str(each)
        for name, each in (QUICK | notify).items()
    }
    return {**stream, **own}


@contextmanager
def served(stream: Mapping[str, str], **notify: Any) -> Iterator[str]:
    """In this process; gives the address of its metrics. What it raises is raised at the end."""
    settings = load(None, environ=given(stream, **notify)).settings
    stop, started = threading.Event(), threading.Event()
    told: dict[str, Any] = {}

    def begun(port: int, names: list[str]) -> None:
        told.update(port=port, names=names)
        started.set()

    def run() -> None:
        try:
            host.serve(settings, stop, begun)
        except BaseException as error:
            told["error"] = error
            started.set()

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(PATIENCE_S)
    try:
        yield f"http://127.0.0.1:{told.get('port')}"
    finally:
        stop.set()
        thread.join()
        if "error" in told:
            raise told["error"]


def metric(address: str, name: str, **labels: str) -> float:
    """Of the first series that has these labels."""
    with urllib.request.urlopen(f"{address}/metrics", timeout=10) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith(name) and all(f'{key}="{text}"' in line for key, text in labels.items()):
                return float(line.rpartition(" ")[2])
    raise AssertionError(name)


def probe(address: str, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(address + path, timeout=10) as answer:
            return answer.status, json.load(answer)["status"]
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)["status"]


class Process:
    """A real one; its log is in a file."""

    def __init__(self, log: Path, stream: Mapping[str, str], **notify: Any) -> None:
        self.log = log
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                command("notify"), cwd=ROOT, env=environment(given(stream, **notify)), stdout=out, stderr=out
            )

    def events(self) -> list[dict[str, Any]]:
        lines = self.log.read_text("utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def until(self, event: str, times: int = 1) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_S
        while len(found := [line for line in self.events() if line["event"] == event]) < times:
            assert self._process.poll() is None, self.log.read_text("utf-8")[-2000:]
            assert time.monotonic() < deadline, self.log.read_text("utf-8")[-2000:]
            time.sleep(0.02)
        return found[-1]

    def kill(self) -> None:
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        return self._process.wait(PATIENCE_S)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
