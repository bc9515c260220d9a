"""A stream is recorded byte for byte, whole or between two arrivals."""

from pathlib import Path

import pytest

from service.errors import InputError, UnavailableError, UsageError
from service.record import record
from service.settings import Settings
from service.streams.embedded import EmbeddedLog, EmbeddedStream, Message
from service.streams.files.recording import Recording, recording
from service.streams.port import Committed, Transaction
from service.worker import journal

START = 1_700_000_000_000


def filled(folder: Path, count: int = 50) -> Settings:
    settings = Settings.model_validate({"embedded": {"path": folder / "g.db", "partitions": 3}})
    log = EmbeddedLog(settings.embedded.path, 3)
    log.append(
        Message(
            f"d{n % 5}".encode() if n % 9 else None, f"\xff{n}".encode("latin-1"), START + n * 1000, (("n", b"\0"),)
        )
        for n in range(count)
    )
    log.close()
    return settings


def recorded(settings: Settings, output: Path, since: str | None = None, until: str | None = None) -> Recording:
    record(settings, output, since, until, lambda line: None)
    found = recording(str(output))
    assert found is not None
    return found


def test_every_partition_is_recorded_as_it_is(tmp_path: Path) -> None:
    settings = filled(tmp_path)
    found = recorded(settings, tmp_path / "r.parquet")
    log = EmbeddedLog(settings.embedded.path)
    for partition in range(3):
        there = log.readings(partition, 0, 1000, 1000)
        (mine,) = found.records(partition, 1000)
        for name in ("offsets", "arrivals", "keys", "values", "headers"):
            assert list(getattr(mine, name)) == list(getattr(there, name)), name
    log.close()
    assert [path.name for path in tmp_path.glob("*recording*")] == [], "scratch files are gone"


def test_since_and_until_go_by_arrival(tmp_path: Path) -> None:
    settings = filled(tmp_path)
    found = recorded(settings, tmp_path / "r.parquet", "2023-11-14T22:13:30Z", "2023-11-14T23:13:40+01:00")
    arrivals = sorted(a for p in found.partitions for records in found.records(p, 100) for a in records.arrivals)
    assert arrivals == [START + n * 1000 for n in range(10, 20)]


def test_the_journal_goes_along_where_its_messages_do(tmp_path: Path) -> None:
    settings = filled(tmp_path)
    log = EmbeddedLog(settings.embedded.path)
    end = log.ends()[0]
    entries = [journal.tick(offset, 0, START) for offset in (1, end)]
    stream = EmbeddedStream(log)
    outputs = [entry.output(0) for entry in entries]
    stream.commit(Transaction(control=outputs, offsets={0: Committed(end, "")}))
    stream.close()
    assert recorded(settings, tmp_path / "all.parquet").entries(0) == [entry.value() for entry in entries]
    late = recorded(settings, tmp_path / "late.parquet", since="2023-11-14T22:13:40Z")
    assert late.entries(0) == [entries[1].value()]


def test_nothing_to_record_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no message"):
        recorded(filled(tmp_path), tmp_path / "r.parquet", since="2030-01-01T00:00:00Z")
    assert not (tmp_path / "r.parquet").exists()


@pytest.mark.parametrize("since", ["yesterday", "2023-11-14T22:13:30", "-1"])
def test_a_time_that_is_none_is_a_usage_error(tmp_path: Path, since: str) -> None:
    with pytest.raises(UsageError, match="--since"):
        recorded(filled(tmp_path), tmp_path / "r.parquet", since=since)


def test_an_output_that_cannot_be_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.parquet"):
        record(filled(tmp_path), tmp_path / "r.csv")
    with pytest.raises(UnavailableError, match="no folder"):
        record(filled(tmp_path), tmp_path / "gone" / "r.parquet")
