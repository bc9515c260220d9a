"""The configured stream into one Parquet file, byte for byte: what training reads and backtest replays exactly.

One row a message (topic, partition, offset, arrival, key, value, headers) and one a journal entry (kind, sequence),
so a replay applies idle ticks where the live run applied them. Rows are ordered by topic, partition and offset; an
entry names the topic and partition of the input that it belongs to.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from service.errors import InputError, UnavailableError, UsageError
from service.progress import Progress
from service.records import Records
from service.settings import Settings
from service.streams.files import recording
from service.streams.log import Log
from service.streams.opening import open_log
from service.worker import journal

BATCH = 50_000  # rows held in memory


def record(
    settings: Settings,
    output: Path,
    since: str | None = None,
    until: str | None = None,
    show: Callable[[str], None] = print,
) -> int:
    """Write what the configured stream holds to `output`; how many messages there were.

    since, until: RFC 3339 with an offset; messages that arrived from `since` on and before `until`.
    Raises UsageError (a time, an output that is no .parquet), InputError (nothing to record), UnavailableError,
    MissingError.
    """
    if output.suffix != ".parquet":
        raise UsageError(f"--output {output}: a recording is a Parquet file, end its name in .parquet")
    first, last = _arrival(since, "since", 0), _arrival(until, "until", 1 << 62)
    log = open_log(settings)
    try:
        with tempfile.TemporaryDirectory(dir=_folder(output), prefix=".recording-") as scratch:
            parts, rows = _parts(log, Path(scratch), first, last)
            if not rows:
                raise InputError(f"{log.where} holds no message that arrived in the time asked for")
            recording.join(parts, output)
    finally:
        log.close()
    show(f"{rows:,} messages of {log.partitions} partitions in {output}")
    return rows


def _arrival(text: str | None, option: str, default: int) -> int:
    from service.decoding import parse_time  # pydantic models and all: only who asks for a time pays for it

    if text is None:
        return default
    try:
        return parse_time(text)
    except ValueError as error:
        raise UsageError(f"--{option} {text!r}: {error}") from None


def _folder(output: Path) -> Path:
    if not output.parent.is_dir():
        raise UnavailableError(f"--output {output}: there is no folder {output.parent}")
    return output.parent


def _parts(log: Log, scratch: Path, first: int, last: int) -> tuple[list[Path], int]:
    """One file a batch, in the order of the recording."""
    written, messages = _Written(scratch), 0
    spans: dict[int, tuple[int, int]] = {}  # partition -> first offset, offset after the last
    with Progress("recording") as progress:
        for partition, end in sorted(log.ends().items()):
            for rows in _messages(log, partition, end, first, last):
                written.add(partition, rows)
                messages += len(rows)
                start, _ = spans.get(partition, (rows[0]["offset"], 0))
                spans[partition] = start, rows[-1]["offset"] + 1
                progress.add(len(rows))
        # The journal last: what was applied to any of these messages is in it by now.
        for partition, entries in _entries(log, spans).items():
            written.add(partition, entries)
    return [part for partition in sorted(written.parts) for part in written.parts[partition]], messages


class _Written:
    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._count = 0
        self.parts: dict[int, list[Path]] = {}

    def add(self, partition: int, rows: list[dict[str, Any]]) -> None:
        self._count += 1
        part = recording.write(rows, self._scratch / f"{self._count:08d}.parquet")
        self.parts.setdefault(partition, []).append(part)


def _messages(log: Log, partition: int, end: int, first: int, last: int) -> Iterator[list[dict[str, Any]]]:
    start = log.log_start(partition)
    while start < end and len(found := log.readings(partition, start, end, BATCH)):
        start = found.offsets[-1] + 1
        if rows := [row for row in _rows(log.place(partition), found) if first <= row["arrival"] < last]:
            yield rows


def _rows(place: tuple[str, int], found: Records) -> Iterator[dict[str, Any]]:
    headers = found.headers or [()] * len(found)
    columns = zip(found.offsets, found.arrivals, found.keys, found.values, headers, strict=True)
    for offset, arrival, key, value, named in columns:
        yield recording.row(*place, offset, arrival, key, value, named)


def _entries(log: Log, spans: Mapping[int, tuple[int, int]]) -> dict[int, list[dict[str, Any]]]:
    """Journal entries that were applied within these spans, and right after them."""
    found: dict[int, list[journal.Entry]] = {}
    for _, output in log.written("control"):
        if output.partition in spans:
            found.setdefault(output.partition, []).append(journal.parse(output.value))
    return {
        partition: rows
        for partition, entries in found.items()
        if (rows := list(_entry_rows(log.place(partition), entries, *spans[partition])))
    }


def _entry_rows(
    place: tuple[str, int], entries: list[journal.Entry], first: int, last: int
) -> Iterator[dict[str, Any]]:
    for entry in sorted(entries, key=lambda e: (e.offset, e.sequence)):
        if first <= entry.offset <= last:
            yield recording.entry_row(*place, entry.offset, entry.sequence, entry.kind, entry.value())
