"""A recording gives back the records and journal entries that went in, in any batch size."""

from pathlib import Path

import polars as pl
import pytest

from service.errors import InputError
from service.records import Records
from service.streams.files import recording
from service.streams.files.recording import Recording


def row(
    partition: int, offset: int, value: bytes = b"{}", headers: tuple[tuple[str, bytes], ...] = ()
) -> dict[str, object]:
    key = None if offset == 3 else f"k{offset}".encode()
    return recording.row("telemetry.readings.v1", partition, offset, 1000 + offset, key, value, headers)


def written(folder: Path, *parts: list[dict[str, object]]) -> Recording:
    paths = [recording.write(rows, folder / f"{n}.parquet") for n, rows in enumerate(parts)]
    recording.join(paths, folder / "all.parquet")
    found = recording.recording(str(folder / "all.parquet"))
    assert found is not None
    return found


def flat(batches: list[Records]) -> list[tuple[object, ...]]:
    return [
        (records.partition, *each)
        for records in batches
        for each in zip(records.offsets, records.arrivals, records.keys, records.values, strict=True)
    ]


@pytest.mark.parametrize("size", [1, 3, 100])
def test_records_come_back_in_any_batch_size(tmp_path: Path, size: int) -> None:
    bad = b"\xff not json \0"
    found = written(tmp_path, [row(0, n, bad) for n in range(5)], [row(0, 9), row(2, 3), row(2, 4)])
    assert found.partitions == [0, 2]
    assert found.messages == 8
    assert flat(list(found.records(0, size))) == [
        (0, n, 1000 + n, None if n == 3 else f"k{n}".encode(), bad if n < 5 else b"{}") for n in (0, 1, 2, 3, 4, 9)
    ]
    assert [records.offsets for records in found.records(2, 10)] == [[3, 4]]


def test_headers_come_back(tmp_path: Path) -> None:
    headers = (("site", b"n\xffrth"), ("site", b"2"))
    (records,) = written(tmp_path, [row(0, 1, headers=headers), row(0, 2)]).records(0, 10)
    assert records.headers == (headers, ())


def test_journal_entries_are_kept_apart_from_messages(tmp_path: Path) -> None:
    entry = recording.entry_row("telemetry.readings.v1", 0, 1, 0, "tick", b'{"offset":1}')
    found = written(tmp_path, [row(0, 0), row(0, 1)], [entry], [row(1, 0)])
    assert (found.entries(0), found.entries(1), found.messages) == ([b'{"offset":1}'], [], 3)


def test_other_files_are_no_recording(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("topic,partition,offset,arrival,key,value\n")
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "b.parquet")
    (tmp_path / "c.parquet").write_bytes(b"PAR1 and no more")
    for name in ("a.csv", "b.parquet", "c.parquet", "gone.parquet"):
        assert recording.recording(str(tmp_path / name)) is None


def test_a_recording_that_somebody_rearranged_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not in the order"):
        written(tmp_path, [row(0, 0), row(1, 0), row(0, 1)])
    recording.write([row(0, 0)], tmp_path / "x.parquet")
    pl.read_parquet(tmp_path / "x.parquet").cast({"arrival": pl.Float64}).write_parquet(tmp_path / "x.parquet")
    with pytest.raises(InputError, match="columns are not those"):
        recording.recording(str(tmp_path / "x.parquet"))
