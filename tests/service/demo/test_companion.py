"""The console beside the demo: its address before the play, the scoreboard behind it, and an end with the demo's."""

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request

import pytest

from tests.service.cli import ROOT, command, environment

pytest.importorskip("dash", reason="the extra `console` is not installed: pip install 'gruard[console]'")

DEMO = ("demo", "--speed", "600", "--port", "0", "--devices", "4")


def start(*options: str) -> tuple[subprocess.Popen[str], list[str]]:
    """The demo, and its lines up to the empty one before the play."""
    process = subprocess.Popen(
        command(*DEMO, *options), cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    lines = list(iter(process.stdout.readline, "\n"))
    return process, lines


def end(process: subprocess.Popen[str]) -> str:
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=30)
    assert (process.returncode, error) == (0, "")
    return out


def named(lines: list[str], pattern: str) -> str:
    found = re.search(pattern, "".join(lines))
    assert found is not None, lines
    return found[1]


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def gone(address: str) -> bool:
    deadline = time.monotonic() + 20
    while answers(address) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not answers(address)


def test_its_address_answers_when_it_is_printed_and_ends_with_the_demo():
    process, lines = start("--console-port", "0")
    address = named(lines, r"Console: (\S+)")
    assert answers(address)
    assert "Scoreboard" in end(process)
    assert gone(address)


def test_the_api_tells_the_score_so_far_as_the_report_will(tmp_path):
    process, lines = start("--no-console", "--report", str(tmp_path / "r.json"))
    api = named(lines, r"(http://\S+)/metrics")
    deadline, told = time.monotonic() + 20, {"readings": 0}
    while not told["readings"] and time.monotonic() < deadline:
        with urllib.request.urlopen(f"{api}/api/v1/demo", timeout=5) as answer:
            told = json.load(answer)
    end(process)
    report = json.loads((tmp_path / "r.json").read_text())
    assert told.keys() == {*report, "finished"}
    assert not told["finished"]
    assert 0 < told["readings"] <= report["readings"]


def test_a_demo_that_is_killed_takes_its_console_along():
    process, lines = start("--console-port", "0")
    address = named(lines, r"Console: (\S+)")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=20)
    assert gone(address)


def test_a_console_whose_port_is_taken_leaves_the_demo_alone():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process, lines = start("--console-port", str(taken.getsockname()[1]))
        assert "No console: port" in "".join(lines)
        assert "Scoreboard" in end(process)


def test_none_is_started_where_none_is_wanted():
    process, lines = start("--no-console")
    assert "onsole" not in "".join(lines)
    end(process)
