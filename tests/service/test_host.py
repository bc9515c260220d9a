"""The service as a process: it serves what was fed, says how it is, leaves a snapshot and comes back to it."""

import json
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.service.cli import ROOT, command, environment, gruard

MODEL = {"GRUARD_MODELS__PATH": str(ROOT / "models")}


class Service:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process, self._out = process, process.stdout
        self.started = self.event("started")

    def event(self, name: str) -> dict[str, Any]:
        """Reads the log up to the next event of this name."""
        for line in self._out:
            told: dict[str, Any] = json.loads(line)
            if told["event"] == name:
                return told
        raise AssertionError(f"no event {name}")

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(self.started["http"] + path, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def metric(self, name: str) -> float:
        found = re.findall(rf"^{re.escape(name)} (\S+)$", self.get("/metrics")[1], re.MULTILINE)
        return sum(map(float, found))

    def until(self, name: str, least: float) -> None:
        deadline = time.monotonic() + 40
        while self.metric(name) < least:
            assert time.monotonic() < deadline, self.get("/metrics")[1]
            time.sleep(0.05)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.event("stopped")
        assert self.process.wait(30) == 0


@contextmanager
def running(folder: Path) -> Iterator[Service]:
    process = subprocess.Popen(
        command("run", "--port", "0"), cwd=folder, env=environment(MODEL), stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            yield Service(process)
        finally:
            process.kill()


def test_a_fleet_is_served_stopped_and_served_on(tmp_path):
    labels = tmp_path / "labels.csv"
    fleet = ("fleet", "--devices", "4", "--rate", "0", "--readings", "2000", "--faults", "2")
    said = gruard(*fleet, "--labels", labels, cwd=tmp_path)
    assert (said.code, said.error) == (0, "")
    assert "2,000 readings of 4 devices" in said.out
    assert len(labels.read_text().splitlines()) == 3
    stepped = 'gruard_readings_total{outcome="stepped"}'
    with running(tmp_path) as service:
        service.until(stepped, 1)
        service.until("gruard_records_total", 2000)
        assert service.get("/readyz") == (200, '{"status": "ok"}\n')
        assert service.get("/livez")[0] == service.get("/startupz")[0] == 200
        assert service.metric('gruard_partitions{state="running"}') == 4
        service.stop()
    assert gruard(*fleet, "--seed", "5", cwd=tmp_path).code == 0
    with running(tmp_path) as service:
        assert {service.event("restored")["result"] for _ in range(4)} == {"exact"}
        assert service.metric("gruard_replayed_records_total") == 0
        service.until("gruard_records_total", 2000)
        service.stop()


def test_the_same_fleet_at_the_same_start_is_the_same_stream(tmp_path):
    start = "2026-03-01T00:00:00Z"
    recordings = []
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        fleet = ("fleet", "--devices", "3", "--rate", "0", "--readings", "100", "--start", start, "--seed", "9")
        assert gruard(*fleet, cwd=folder).code == 0
        assert gruard("record", "--output", "x.parquet", cwd=folder).code == 0
        recordings.append((folder / "x.parquet").read_bytes())
    assert recordings[0] == recordings[1]


def test_a_bad_start_or_an_unwritable_label_file_is_told(tmp_path):
    said = gruard("fleet", "--start", "yesterday", "--readings", "1", cwd=tmp_path)
    assert (said.code, "--start" in said.line) == (2, True)
    said = gruard("fleet", "--labels", tmp_path / "no" / "l.csv", "--readings", "1", cwd=tmp_path)
    assert (said.code, "--labels" in said.line) == (69, True)


def test_the_models_found_are_told_with_their_digests_and_a_bad_one_fails(tmp_path):
    said = gruard("models")
    assert (said.code, said.error) == (0, "")
    assert re.search(r"^pump@1: ok: .* sha256 [0-9a-f]{12}\n  .*`pump`", said.out, re.MULTILINE)
    folder = tmp_path / "models" / "pump" / "1"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    bad = gruard("models", "--path", tmp_path / "models")
    assert (bad.code, "1 of 1" in bad.line) == (78, True)
    assert "pump@1: " in bad.out
