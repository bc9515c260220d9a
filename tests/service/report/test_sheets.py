"""Scores and alerts on disk: any names survive, and parts make one file."""

from pathlib import Path

import polars as pl
import pytest

from service.errors import UnavailableError
from service.report.sheets import AlertFile, ScoreFile
from tests.service.report.scenes import alert, readings, scores

NAMES = ['a,"b"\n', "ポンプ", "x;y", "plain"]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_names_and_numbers_survive_in_any_number_of_parts(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"scores.{kind}"
    evidence = [-20.0, -0.1, 0.3, 1e-7]
    with ScoreFile(path) as file:
        for part in range(3):
            seen = readings(NAMES, start=1_700_000_000_123 + part)
            file.write(seen, scores(seen, evidence))
    table = pl.read_csv(path) if kind == "csv" else pl.read_parquet(path)
    assert table["device"].to_list() == NAMES * 3
    assert table["time"][:2].to_list() == ["2023-11-14T22:13:20.123Z", "2023-11-14T22:13:25.123Z"]
    assert table["evidence"].cast(pl.Float32).to_list() == pl.Series(evidence * 3, dtype=pl.Float32).to_list()
    assert table["alert"].to_list() == [0, 0, 1, 1] * 3
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_alerts_are_lines_of_the_published_bytes(tmp_path: Path) -> None:
    events = [alert("d", 1, "opened"), alert("d", 1, "resolved")]
    with AlertFile(tmp_path / "alerts.jsonl") as file:
        file.write(events[:1])
        file.write(events[1:])
    assert (tmp_path / "alerts.jsonl").read_bytes().splitlines() == [event.value for event in events]


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="can't be written"):
        AlertFile(tmp_path / "gone" / "alerts.jsonl")
