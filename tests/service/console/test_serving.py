"""`gruard console` as a user starts it: its errors in one line with their codes, its headers, its end."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from service.console import serving
from tests.service.cli import ROOT, command, environment, gruard
from tests.service.console import world
from tests.service.console.browser import console
from tests.service.console.speaker import Speaker

WITHOUT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in ("dash", "flask", "plotly"):
            raise ModuleNotFoundError(name)
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "dash" else find(name, package)
sys.meta_path.insert(0, Absent())
from service.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def without_extra(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT, *arguments], cwd=ROOT, env=environment(), capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


def test_without_the_extra_it_says_how_to_get_it():
    done = without_extra("console")
    assert done.returncode == 78
    assert done.stderr == "gruard: the console needs the extra `console`: pip install 'gruard[console]'\n"


def test_without_the_extra_the_demo_plays_as_before_and_says_how_to_get_it():
    done = without_extra("demo", "--seconds", "1", "--speed", "600", "--port", "0", "--devices", "2")
    assert (done.returncode, done.stderr) == (0, "")
    assert "the console needs the extra `console`: pip install 'gruard[console]'" in done.stdout
    assert "Scoreboard" in done.stdout


def dash() -> None:
    pytest.importorskip("dash", reason="the extra `console` is not installed: pip install 'gruard[console]'")


def test_a_port_that_is_taken_is_named_with_the_way_out():
    dash()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = gruard("console", "--port", str(taken.getsockname()[1]))
    assert said.code == 69

    assert "choose another with --port" in said.line


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("--api", "nonsense"), 2, "'nonsense'"),
        (("--port", "70000"), 2, "no port"),
        (("--host", "203.0.113.1"), 69, "203.0.113.1"),
        (("--token-file", "/nowhere/token"), 66, "/nowhere/token"),
    ],
)
def test_what_cannot_be_is_one_line_with_its_code(arguments, code, word):
    dash()
    said = gruard("console", *arguments)
    assert said.code == code
    assert word in said.line


def test_an_empty_token_file_is_no_token(tmp_path: Path):
    dash()
    (tmp_path / "token").write_text("\n")
    said = gruard("console", "--token-file", tmp_path / "token")
    assert said.code == 78
    assert "holds no token" in said.line


def test_the_token_of_a_file_opens_the_api(tmp_path: Path):
    dash()
    (tmp_path / "token").write_text("s3cret\n")
    with Speaker(world.fleet(), token="s3cret") as speaker, console(speaker.url, token=tmp_path / "token") as base:
        told = update(base)
    assert "3 devices" in told
    assert "s3cret" not in told


def update(base: str) -> str:
    """What a page is told at a tick."""
    body = b"""{"output": "..pulse-tree.data...trouble-tree.data...navigation-tree.data...window-title.data..",
        "outputs": [{"id": "pulse-tree", "property": "data"}, {"id": "trouble-tree", "property": "data"},
                    {"id": "navigation-tree", "property": "data"}, {"id": "window-title", "property": "data"}],
        "inputs": [{"id": "tick", "property": "n_intervals", "value": 1},
                   {"id": "url", "property": "pathname", "value": "/"}],
        "changedPropIds": ["tick.n_intervals"]}"""
    request = urllib.request.Request(f"{base}/_dash-update-component", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return str(answer.read().decode())


def test_every_page_forbids_scripts_of_others_and_of_data_and_names_no_other_host():
    dash()
    with Speaker(world.fleet()) as speaker, console(speaker.url) as base:
        for path in ("/", "/device/x", "/alerts"):
            with urllib.request.urlopen(base + path, timeout=20) as answer:
                policy, page = answer.headers["Content-Security-Policy"], answer.read().decode()
            assert "default-src 'none'" in policy
            script = re.search(r"script-src ([^;]*)", policy)[1]
            assert re.fullmatch(r"'self'( 'sha256-[\w+/=]+')*", script)
            assert answer.headers["Server"] == "gruard"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert re.findall(r"(?:src|href)=[\"'](?!/)[^\"']*", page) == []
            assert "://" not in page


def test_it_ends_with_0_at_sigterm_and_at_ctrl_c():
    dash()
    for number in (signal.SIGTERM, signal.SIGINT):
        process = subprocess.Popen(
            command("console", "--port", "0"), cwd=ROOT, env=environment(), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Console: http://127.0.0.1:")
        process.send_signal(number)
        _, error = process.communicate(timeout=20)
        assert (process.returncode, error) == (0, "")


def test_attached_it_ends_with_whoever_started_it():
    dash()
    reading, writing = os.pipe()
    process = subprocess.Popen(
        command("console", "--port", "0", "--attached"), cwd=ROOT, env=environment(), stdin=reading,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.close(reading)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("Console: ")
    assert process.poll() is None
    os.close(writing)
    process.communicate(timeout=20)
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", "http://127.0.0.1:1/"), ("0.0.0.0", "http://127.0.0.1:1/"), ("::1", "http://[::1]:1/")],
)
def test_the_address_it_prints_is_one_that_a_browser_takes(host, address):
    dash()
    assert serving.address(host, 1) == address
