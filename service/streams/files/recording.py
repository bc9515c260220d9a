"""A recorded stream as a file: its columns, written in parts and read back partition by partition.

Raw keys and values, offsets and arrivals survive unchanged; rows with a `kind` are journal entries, not messages.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from service.errors import InputError
from service.records import Headers, Records

SCHEMA: dict[str, Any] = {
    "topic": pl.String,
    "partition": pl.Int32,
    "offset": pl.Int64,
    "arrival": pl.Int64,  # Unix ms
    "key": pl.Binary,
    "value": pl.Binary,
    "headers": pl.List(pl.Struct({"name": pl.String, "value": pl.Binary})),
    "kind": pl.String,  # of a journal entry; null = a message
    "sequence": pl.Int64,  # of a journal entry at its offset
}


def row(
    topic: str, partition: int, offset: int, arrival: int, key: bytes | None, value: bytes, headers: Headers
) -> dict[str, Any]:
    named = [{"name": name, "value": content} for name, content in headers]
    fields = (topic, partition, offset, arrival, key, value, named or None, None, None)
    return dict(zip(SCHEMA, fields, strict=True))


def entry_row(topic: str, partition: int, offset: int, sequence: int, kind: str, value: bytes) -> dict[str, Any]:
    fields = (topic, partition, offset, None, None, value, None, kind, sequence)
    return dict(zip(SCHEMA, fields, strict=True))


def write(rows: Sequence[dict[str, Any]], path: Path) -> Path:
    pl.DataFrame(rows, schema=SCHEMA).write_parquet(path)
    return path


def join(parts: Sequence[Path], output: Path) -> None:
    """One file out of parts, without holding them in memory."""
    pl.scan_parquet(list(parts)).sink_parquet(output)


def is_recording(columns: Sequence[str]) -> bool:
    return {"topic", "partition", "offset", "arrival", "key", "value"} <= set(columns)


def recording(text: str) -> "Recording | None":
    """The recording that an input names, None where it is any other file."""
    path = Path(text)
    try:
        with path.open("rb") as file:
            parquet = file.read(4) == b"PAR1"
    except OSError:
        return None  # for the reader of files to complain about
    if not parquet:
        return None
    try:
        columns = pl.read_parquet_schema(path)
    except pl.exceptions.PolarsError:
        return None
    return Recording(path, text) if is_recording(list(columns)) else None


class Recording:
    """Messages and journal entries of a recorded stream, partition by partition."""

    def __init__(self, path: Path, name: str) -> None:
        self._rows = pl.scan_parquet(path)
        self.name = name
        if self._rows.collect_schema() != pl.Schema(SCHEMA):
            raise InputError(
                f"{name}: looks like a recording, but its columns are not those that `gruard record` writes"
            )
        kinds = self._rows.select("topic", "partition", message=pl.col("kind").is_null()).collect()
        starts = (
            kinds.with_row_index("at")
            .group_by("topic", "partition", "message")
            .agg(first=pl.col("at").min(), last=pl.col("at").max(), rows=pl.len())
        ).sort("first")
        if any(last - first + 1 != rows for _, _, _, first, last, rows in starts.iter_rows()):
            raise InputError(f"{name}: its rows are not in the order that `gruard record` writes")
        self._places = _places((topic, partition) for topic, partition, *_ in starts.iter_rows())
        numbers = {place: number for number, place in self._places.items()}
        self._spans = {(numbers[t, p], m): (first, rows) for t, p, m, first, _, rows in starts.iter_rows()}

    @property
    def partitions(self) -> list[int]:
        return sorted({partition for partition, _ in self._spans})

    def place(self, partition: int) -> tuple[str, int]:
        """Topic and its partition that the number stands for."""
        return self._places[partition]

    @property
    def messages(self) -> int:
        return sum(rows for (_, message), (_, rows) in self._spans.items() if message)

    def records(self, partition: int, size: int) -> Iterator[Records]:
        """Messages in offset order, `size` at a time."""
        first, rows = self._spans.get((partition, True), (0, 0))
        for start in range(first, first + rows, size):
            yield _records(partition, self._rows.slice(start, min(size, first + rows - start)).collect())

    def entries(self, partition: int) -> list[bytes]:
        """Journal entries, as they were published."""
        first, rows = self._spans.get((partition, False), (0, 0))
        return self._rows.slice(first, rows).select("value").collect()["value"].to_list()


def _places(places: Iterable[tuple[str, int]]) -> dict[int, tuple[str, int]]:
    """One number a place; where there is one topic only, its partitions' own."""
    topics: dict[str, set[int]] = {}
    for topic, partition in places:
        topics.setdefault(topic, set()).add(partition)
    numbered: dict[int, tuple[str, int]] = {}
    start = 0
    for topic, partitions in topics.items():
        numbered |= {start + partition: (topic, partition) for partition in sorted(partitions)}
        start += max(partitions) + 1
    return numbered


def _records(partition: int, rows: pl.DataFrame) -> Records:
    headers = [tuple((each["name"], each["value"]) for each in named or ()) for named in rows["headers"].to_list()]
    offsets, arrivals, keys, values = (rows[name].to_list() for name in ("offset", "arrival", "key", "value"))
    return Records(partition, offsets, arrivals, keys, values, tuple(headers) if any(headers) else ())
