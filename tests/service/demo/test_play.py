"""The demo as a process: it ends by itself, scores what it played, and the same seed plays the same."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.service.cli import ROOT, Said, command, environment, gruard

# Only what a few seconds show is claimed here; how much is found is claimed where there is time to find it.
SHORT = ("--seconds", "3", "--speed", "600", "--port", "0", "--devices", "8", "--no-console")


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Said, dict[str, Any]]:
    report = tmp_path_factory.mktemp("demo") / "r.json"
    said = gruard("demo", *SHORT, "--report", report)
    assert said.code == 0, said.error
    return said, json.loads(report.read_text())


def test_it_ends_by_itself_and_shows_alerts_and_a_scoreboard(played):
    said, told = played
    assert said.error == ""
    assert "Scoreboard   30 min 0 s of 8 devices" in said.out
    assert f"{told['faults_detected']} of {told['faults_injected']} found" in said.out
    assert "gruard-train fit" in said.out
    assert "\x1b" not in said.out


def test_the_report_adds_up(played):
    _, told = played
    assert told["devices"] == 8
    assert told["device_days"] == pytest.approx(8 * 1800 / 86400, rel=0.01)
    assert told["readings"] == pytest.approx(told["readings_per_second"] * 1800, rel=0.01)
    assert told["faults_injected"] == len(told["faults"])
    assert told["faults_detected"] == sum(each["detected"] for each in told["faults"])
    assert told["false_alarms"] == len(told["false_alarm_list"])


def test_the_same_seed_gives_the_same_faults_and_finds(played, tmp_path):
    _, told = played
    again = tmp_path / "again.json"
    assert gruard("demo", *SHORT, "--report", again).code == 0
    second = json.loads(again.read_text())
    for member in ("faults", "false_alarm_list", "readings", "dead_letters"):
        assert second[member] == told[member], member


def test_ctrl_c_ends_it_with_the_scoreboard(tmp_path):
    report = tmp_path / "r.json"
    process = subprocess.Popen(
        command("demo", "--port", "0", "--no-console", "--devices", "4", "--report", report), cwd=ROOT,
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert "4 simulated devices" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=30)
    assert (process.returncode, error) == (0, "")
    assert "Scoreboard" in out
    assert json.loads(report.read_text())["devices"] <= 4


def test_it_leaves_nothing_behind(tmp_path):
    env = {"TMPDIR": str(tmp_path), "GRUARD_MODELS__PATH": str(ROOT / "models")}
    (tmp_path / "here").mkdir()
    assert (
        gruard("demo", "--seconds", "0.5", "--port", "0", "--console-port", "0", cwd=tmp_path / "here", env=env).code
        == 0
    )
    assert [each for each in Path(tmp_path).rglob("*") if each.name != "here"] == []
