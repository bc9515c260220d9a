"""The same table in every format and compression reads as the same frames; damage is one line."""

import gzip
import io
import json
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from service.errors import InputError
from service.streams.files import Frames, Options, read

FORMATS = ["csv", "parquet", "jsonl", "json", "message.jsonl"]


def sample() -> pl.DataFrame:
    random = np.random.default_rng(3)
    values = random.normal(20, 5, (60, 3)).astype(np.float32)
    values[random.random((60, 3)) < 0.1] = np.nan
    frame = pl.DataFrame(values, schema=["flow", "pressure", "speed"])
    times = pl.Series(
        "time",
        [f"2026-01-01T{row // 2:02d}:00:00.{row:03d}Z" for row in range(40)]
        + [f"2026-01-03T00:00:{row:02d}Z" for row in range(20)],
    )
    device = pl.Series("device", ["pump-1", "pump-2"] * 30)
    return frame.with_columns(pl.all().fill_nan(None)).insert_column(0, times).insert_column(0, device)


def encoded(frame: pl.DataFrame, form: str) -> bytes:
    out = io.BytesIO()
    if form == "csv":
        frame.write_csv(out)
    elif form == "parquet":
        frame.write_parquet(out)
    elif form == "jsonl":
        frame.write_ndjson(out)
    elif form == "json":
        frame.write_json(out)
    else:
        names = ("flow", "pressure", "speed")
        for row in frame.iter_rows(named=True):
            message = {"device": row["device"], "time": row["time"], "values": {name: row[name] for name in names}}
            out.write(json.dumps(message).encode() + b"\n")
    return out.getvalue()


def assert_same(one: Frames, other: Frames) -> None:
    assert [frame.device for frame in one] == [frame.device for frame in other]
    for mine, theirs in zip(one, other, strict=True):
        assert mine.sensors == theirs.sensors
        np.testing.assert_array_equal(mine.times, theirs.times)
        np.testing.assert_array_equal(mine.values, theirs.values)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("compressed", [False, True])
def test_a_table_is_the_same_in_every_format(tmp_path: Path, form: str, compressed: bool) -> None:
    plain, other = tmp_path / "plain.csv", tmp_path / f"other.{form}{'.gz' if compressed else ''}"
    plain.write_bytes(encoded(sample(), "csv"))
    data = encoded(sample(), form)
    other.write_bytes(gzip.compress(data) if compressed else data)
    assert_same(read([str(plain)]), read([str(other)]))


@pytest.mark.parametrize("form", FORMATS)
def test_standard_input_is_read_like_a_file(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(sample(), form)
    (tmp_path / "a.csv").write_bytes(data)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(data))))
    assert_same(read([str(tmp_path / "a.csv")]), read(["-"]))


def test_a_format_is_told_by_content_and_not_by_name(tmp_path: Path) -> None:
    for name, form in (("a.csv", "parquet"), ("b.parquet", "jsonl"), ("c.txt", "csv")):
        (tmp_path / name).write_bytes(encoded(sample(), form))
        assert read([str(tmp_path / name)]).readings == 60


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"  \n ",
        b"\x1f\x8b\x08\x00garbage",
        gzip.compress(b"a,b\n1,2\n" * 500, mtime=0)[:-9],
        gzip.compress(b"", mtime=0),
        b"PAR1 and nothing of it",
        encoded(sample(), "parquet")[:-40],
        b'{"a": 1}\n{"a": ',
        b'{"a": 1}\n[1, 2]\n',
        b"[]",
        b"[1, 2, 3]",
        b"PK\x03\x04\x00\x00 a zip file",
        b"\x89PNG\r\n\x1a\n\x00\x00",
        b"just words",
        b"a,b\n",
        b"name,note\nx,y\n",
        b'{"a": {"b": 1}}\n',
    ],
)
def test_a_file_that_cannot_be_read_is_one_line_and_exit_66(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        read([str(path)], Options())
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    assert caught.value.exit_code == 66


def test_a_folder_that_cannot_be_listed_or_a_file_that_is_gone_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read([str(tmp_path / "gone.csv")])
