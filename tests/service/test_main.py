"""Errors that a user can make, one by one, as real processes: one line and the exit code that scripts rely on.

What does not depend on a process of its own (usage, help) goes through `main` in this one.
"""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from service.__main__ import main
from service.commands import COMMANDS
from service.errors import FencedError
from tests.service.bundles import Draft
from tests.service.cli import ROOT, command, environment, gruard


@pytest.fixture
def models(tmp_path: Path) -> dict[str, str]:
    """Settings with a small sound bundle, so that what fails is what the test is about."""
    Draft().write(tmp_path / "models")
    return {"GRUARD_MODELS__PATH": str(tmp_path / "models"), "GRUARD_MODELS__DEFAULT": "toy"}


USAGE = [[], ["dance"], ["config", "--dance"], ["demo", "--seconds", "soon"], ["demo", "--speed", "0"], ["feed"]]


@pytest.mark.parametrize("arguments", [*USAGE, ["record"], ["fleet", "--readings", "-1"]], ids=" ".join)
def test_an_unknown_command_or_option_is_a_usage_error_of_one_line(arguments, capsys):
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "--help" in said.err


def test_a_usage_error_of_a_process_is_one_line_too():
    said = gruard("dance")
    assert said.code == 2
    assert "'demo'" in said.line


def test_every_command_explains_itself(capsys):
    for name in COMMANDS:
        with pytest.raises(SystemExit) as ended:
            main([name, "--help"])
        said = capsys.readouterr()
        assert (ended.value.code, said.err) == (0, "")
        assert COMMANDS[name].split(";")[0][:30] in " ".join(said.out.split())


def test_version_is_one_line():
    assert gruard("--version").out.startswith("gruard ")


def test_a_command_that_is_not_here_yet_says_so(capsys):
    assert main(["notify"]) == 78
    assert "notify" in capsys.readouterr().err


KAFKA = {
    "GRUARD_STREAM__KIND": "kafka",
    "GRUARD_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "GRUARD_KAFKA__REQUEST_TIMEOUT_S": "1",
}


@pytest.mark.parametrize(
    "arguments",
    [
        ["topics"],
        ["topics", "--create"],
        ["deadletters"],
        ["deadletters", "--replay"],
        ["record", "--output", "x.parquet"],
        ["fleet", "--readings", "1"],
        ["feed", "in.csv"],
    ],
    ids=" ".join,
)
def test_a_broker_that_is_not_there_is_told_in_one_line(tmp_path, arguments):
    data(tmp_path).rename(tmp_path / "in.csv")
    said = gruard(*arguments, env=KAFKA, cwd=tmp_path)
    assert said.code == 69
    assert "127.0.0.1:1" in said.line


def test_only_a_kafka_stream_has_topics(capsys):
    assert main(["topics"]) == 78
    assert "stream.kind" in capsys.readouterr().err


def test_dead_letters_of_a_file_that_is_not_there_are_told(tmp_path):
    said = gruard("deadletters", cwd=tmp_path)
    assert (said.code, "gruard.db" in said.line) == (69, True)


def test_no_model_is_told_with_the_folder(tmp_path):
    for name in ("run", "demo", "models", "backtest"):
        arguments = [name, str(data(tmp_path))] if name == "backtest" else [name]
        said = gruard(*arguments, cwd=tmp_path)
        assert said.code == 78
        assert "models" in said.line


def test_a_default_model_that_is_not_there_is_told(tmp_path, models):
    said = gruard("run", cwd=tmp_path, env={**models, "GRUARD_MODELS__DEFAULT": "nobody"})
    assert said.code == 78
    assert "nobody" in said.line


def data(folder: Path, text: str = "time,flow\n2026-01-01T00:00:00Z,1\n2026-01-01T00:00:05Z,2\n") -> Path:
    file = folder / "data.csv"
    file.write_text(text)
    return file


def test_a_wrong_column_is_told(tmp_path, models):
    for name in ("feed", "backtest"):
        said = gruard(name, data(tmp_path), "--sensors", "flow,pressure", cwd=tmp_path, env=models)
        assert said.code == 66
        assert "pressure" in said.line


def test_an_unreadable_file_is_told(tmp_path, models):
    binary = tmp_path / "noise.parquet"
    binary.write_bytes(bytes(range(256)))
    for name in ("feed", "backtest"):
        for file in (tmp_path / "absent.csv", binary):
            said = gruard(name, file, cwd=tmp_path, env=models)
            assert said.code == 66
            assert file.name in said.line


def test_a_port_that_is_taken_is_told(tmp_path, models):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for name in ("run", "demo"):
            said = gruard(name, "--port", port, cwd=tmp_path, env=models)
            assert said.code == 69
            assert port in said.line


def test_a_locked_database_is_told(tmp_path, models):
    file = tmp_path / "gruard.db"
    assert gruard("feed", data(tmp_path), cwd=tmp_path).code == 0
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        said = gruard("feed", data(tmp_path), cwd=tmp_path)
    finally:
        other.close()
    assert said.code == 69
    assert "locked" in said.line


def test_a_second_worker_on_the_same_file_is_fenced(tmp_path, models):
    first = subprocess.Popen(
        command("run", "--port", "0"), cwd=tmp_path, env=environment(models), stdout=subprocess.PIPE, text=True
    )
    try:
        assert first.stdout is not None
        assert "started" in first.stdout.readline()
        said = gruard("run", "--port", "0", cwd=tmp_path, env=models)
        assert said.code == 75
        assert "gruard.db" in said.line
    finally:
        first.send_signal(signal.SIGTERM)
        rest, _ = first.communicate(timeout=30)
    assert first.returncode == 0
    assert '"stopped"' in rest


def test_a_file_that_is_no_database_is_told(tmp_path, models):
    (tmp_path / "gruard.db").write_text("dear diary\n" * 100)
    said = gruard("feed", data(tmp_path), cwd=tmp_path)
    assert said.code == 65
    assert "gruard.db" in said.line


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full to stand for a full disk")
def test_a_full_disk_is_told(tmp_path, models):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command("config"),
            cwd=tmp_path,
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 69
    assert done.stderr.splitlines() == [done.stderr.strip()]
    assert "space" in done.stderr


def test_a_database_that_can_not_grow_is_told(tmp_path):
    """A limit on the size of files stands for a disk that fills up while readings are fed."""
    rows = "".join(
        f"2026-01-01T{i // 3600:02}:{i // 60 % 60:02}:{i % 60:02}Z,{i * 7919 % 1000}\n" for i in range(20_000)
    )
    file = data(tmp_path, "time,flow\n" + rows)
    limited = textwrap.dedent("""
        import resource, runpy, signal, sys
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
        sys.argv = ["gruard", "feed", sys.argv[1]]
        runpy.run_module("service", run_name="__main__")
    """)
    done = subprocess.run(
        [sys.executable, "-c", limited, str(file)], cwd=tmp_path, env=environment(), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 69
    assert done.stderr.count("\n") == 1
    assert "gruard.db" in done.stderr


def test_a_bad_configuration_is_told(tmp_path):
    bad, unknown = tmp_path / "bad.yaml", tmp_path / "unknown.yaml"
    bad.write_text("http: [")
    unknown.write_text("http: {prot: 1}")
    told = {
        "bad.yaml line 1": gruard("run", "--config", bad),
        "http.prot": gruard("--config", unknown, "demo"),
        "GRUARD_HTTP__PORT": gruard("config", env={"GRUARD_HTTP__PORT": "many"}),
    }
    for part, said in told.items():
        assert said.code == 78
        assert part in said.line


def test_a_report_that_can_not_be_written_is_told_before_the_play(tmp_path, models):
    said = gruard("demo", "--port", "0", "--report", tmp_path / "no" / "r.json", cwd=tmp_path, env=models)
    assert said.code == 69
    assert "--report" in said.line


def test_a_reader_that_leaves_is_no_error():
    first = subprocess.Popen(command("config", "--reference"), env=environment(), cwd=ROOT, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)  # fmt: skip
    assert first.stdout is not None
    assert first.stderr is not None
    first.stdout.close()
    assert first.stderr.read() == b""
    first.stderr.close()
    assert first.wait(30) == 0


def test_our_own_bug_is_one_line_and_its_traceback_is_for_those_who_ask(monkeypatch, capsys):
    monkeypatch.setattr("service.reference.effective", lambda loaded: 1 / 0)
    assert main(["config"]) == 70
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "report" in said
    assert "ZeroDivisionError" in said
    assert main(["config", "--debug"]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_leaves_quietly(monkeypatch, capsys):
    def interrupted(loaded: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr("service.reference.effective", interrupted)
    assert main(["config"]) == 130
    assert capsys.readouterr().err == ""


def test_a_sample_message_is_shown_as_it_is_read():
    good = '{"device":"a","time":"2026-01-01T00:00:00+01:00","values":{"x":1,"y":null}}'
    said = gruard("config", "--sample", good)
    assert said.code == 0
    assert '"time": "2025-12-31T23:00:00.000Z"' in said.out
    assert "dead letter `time`" in gruard("config", "--sample", good.replace("+01:00", "")).out
    flat = gruard("config", "--sample", '{"id":"a","t":1767225600,"x":1}', env={
        "GRUARD_READINGS__MAPPING": '{"device": "/id", "time": "/t", "values": ""}'
    })  # fmt: skip
    assert '"device": "a"' in flat.out


def test_a_fenced_worker_stands_back_before_it_exits_and_a_signal_ends_the_wait(monkeypatch, capsys):
    def fenced(*arguments: object) -> None:
        raise FencedError("kafka.slot detector-a: another worker has our name")

    monkeypatch.setattr("service.worker.loop.Worker.run", fenced)
    monkeypatch.setenv("GRUARD_STREAM__KIND", "kafka")
    monkeypatch.setenv("GRUARD_HTTP__PORT", "0")
    monkeypatch.setenv("GRUARD_KAFKA__FENCED_DELAY_S", "0.01")
    assert main(["run"]) == 75
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert '"standing_back"' in said.out
    monkeypatch.setenv("GRUARD_KAFKA__FENCED_DELAY_S", "600")
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
    began = time.monotonic()
    assert main(["run"]) == 75
    assert time.monotonic() - began < 300
