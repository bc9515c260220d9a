"""The commands on files a stranger brings, and the one line that every mistake ends in."""

import csv
from pathlib import Path

import numpy as np
import pytest

from service import bundle
from service.errors import GruardError
from tests.training.machines import SENSORS, machines
from training.__main__ import main

QUICK = ["--units", "6", "--epochs", "1"]


def write_csv(path: Path, rows: int = 300, labelled: bool = True) -> Path:
    history = machines(1, rows).histories[0]
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["when", *SENSORS, *(["anomaly"] if labelled else [])])
        for time, values in zip(history.times, history.values, strict=True):
            when = np.datetime_as_string(np.datetime64(int(time), "ms"), timezone="UTC")
            writer.writerow([when, *(f"{value:.4f}" for value in values), *([0] if labelled else [])])
    return path


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def test_a_strangers_csv_becomes_a_bundle_that_is_judged_reported_and_exported_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_csv(tmp_path / "rig.csv")
    models, runs = tmp_path / "models", tmp_path / "runs"
    assert run("fit", file, "--ignore", "anomaly", "--name", "rig", "--output", models, "--runs", runs, *QUICK) == 0
    told = capsys.readouterr().out
    assert "a reading every 60 s" in told
    assert "when" in told
    found = bundle.load(models / "rig" / "1")
    assert [sensor.name for sensor in found.manifest.sensors] == list(SENSORS)
    assert found.manifest.sample_period_s == 60

    assert run("evaluate", models / "rig" / "1", file) == 0
    assert "all scored sensors" in capsys.readouterr().out

    (folder,) = runs.iterdir()
    assert run("report", folder, "--output", tmp_path / "card") == 0
    assert {path.name for path in (tmp_path / "card").iterdir()} == {
        "card.md",
        "forecast.png",
        "limits.png",
        "loss.png",
    }
    assert run("export", folder, "--output", models, "--as", "again") == 0
    assert bundle.load(models / "rig" / "again").graph == found.graph


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["fit"], 2, "INPUT"),
        (["fit", "{csv}"], 2, "--name"),
        (["fit", "{csv}", "--name", "no/such"], 2, "--name 'no/such'"),
        (["fit", "{missing}", "--name", "x"], 66, "nowhere.csv"),
        (["fit", "{csv}", "--name", "x", "--time", "absent"], 66, "absent"),
        (["fit", "{short}", "--name", "x"], 66, "expected 120"),
        (["fit", "{csv}", "--name", "x", "--config", "{missing}"], 66, "--config"),
        (["fit", "{csv}", "--name", "x", "--config", "{bad}"], 78, "epochs"),
        (["fit", "{csv}", "--name", "x", "--units", "0"], 78, "units"),
        (["fit", "{csv}", "--name", "x", "--cell", "transformer"], 2, "transformer"),
        (["evaluate", "{missing}", "{csv}"], 78, "manifest.json"),
        (["export", "{missing}"], 66, "run folder"),
        (["report", "{missing}"], 66, "run folder"),
        (["shipped", "--only", "toaster"], 2, "toaster"),
    ],
)
def test_a_mistake_ends_in_one_line_and_its_exit_code(
    arguments: list[str], code: int, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("epochs: many\n")
    places = {
        "csv": write_csv(tmp_path / "rig.csv"),
        "short": write_csv(tmp_path / "short.csv", 50),
        "missing": tmp_path / "nowhere.csv",
        "bad": bad,
    }
    assert main([argument.format(**places) for argument in arguments]) == code
    told = capsys.readouterr().err
    assert words in told
    assert len(told.strip().splitlines()) == 1
    assert GruardError.exit_code not in (code,)
