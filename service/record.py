"""The configured stream into one Parquet file, byte for byte: what training reads and backtest replays exactly.

One row a message (topic, partition, offset, arrival, key, value, headers) and one a journal entry (kind, sequence),
so a replay applies idle ticks where the live run applied them. Rows are ordered by partition and offset.
"""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from service.errors import ConfigurationError, InputError, UnavailableError, UsageError
from service.progress import Progress
from service.records import Records
from service.settings import Settings
from service.streams.embedded import EmbeddedLog
from service.streams.files import recording
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
    Raises UsageError (a time, an output that is no .parquet), InputError (nothing to record), UnavailableError.
    """
    if output.suffix != ".parquet":
        raise UsageError(f"--output {output}: a recording is a Parquet file, end its name in .parquet")
    first, last = _arrival(since, "since", 0), _arrival(until, "until", 1 << 62)
    log = _open(settings)
    try:
        with tempfile.TemporaryDirectory(dir=_folder(output), prefix=".recording-") as scratch:
            parts, rows = _parts(log, settings, Path(scratch), first, last)
            if not rows:
                raise InputError(f"{settings.embedded.path} holds no message that arrived in the time asked for")
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


def _open(settings: Settings) -> EmbeddedLog:
    if settings.stream.kind != "embedded":
        raise ConfigurationError(f"stream.kind {settings.stream.kind}: `embedded` can be recorded only")
    return EmbeddedLog(settings.embedded.path)


def _folder(output: Path) -> Path:
    if not output.parent.is_dir():
        raise UnavailableError(f"--output {output}: there is no folder {output.parent}")
    return output.parent


def _parts(log: EmbeddedLog, settings: Settings, scratch: Path, first: int, last: int) -> tuple[list[Path], int]:
    """One file a batch, in the order of the recording."""
    parts: list[Path] = []
    total, ends = 0, log.ends()
    topic = f"{settings.kafka.topic_prefix}.readings.v1"
    with Progress("recording") as progress:
        for partition in sorted(ends):
            offsets: list[int] = []
            for rows in _messages(log, topic, partition, ends[partition], first, last):
                parts.append(recording.write(rows, scratch / f"{len(parts):08d}.parquet"))
                offsets += [rows[0]["offset"], rows[-1]["offset"]]
                total += len(rows)
                progress.add(len(rows))
            if offsets:
                entries = _entries(log, settings, partition, offsets[0], offsets[-1] + 1)
                parts += [recording.write(entries, scratch / f"{len(parts):08d}.parquet")] if entries else []
    return parts, total


def _messages(
    log: EmbeddedLog, topic: str, partition: int, end: int, first: int, last: int
) -> Iterator[list[dict[str, Any]]]:
    start = log.log_start(partition)
    while start < end and len(found := log.readings(partition, start, end, BATCH)):
        start = found.offsets[-1] + 1
        if rows := [row for row in _rows(topic, found) if first <= row["arrival"] < last]:
            yield rows


def _rows(topic: str, found: Records) -> Iterator[dict[str, Any]]:
    headers = found.headers or [()] * len(found)
    columns = zip(found.offsets, found.arrivals, found.keys, found.values, headers, strict=True)
    for offset, arrival, key, value, named in columns:
        yield recording.row(topic, found.partition, offset, arrival, key, value, named)


def _entries(log: EmbeddedLog, settings: Settings, partition: int, first: int, last: int) -> list[dict[str, Any]]:
    """Journal entries that were applied between these offsets, and after the last one."""
    topic = f"{settings.kafka.topic_prefix}.control.v1"
    found = [output for _, output in log.written("control") if output.partition == partition]
    entries = sorted((journal.parse(output.value) for output in found), key=lambda e: (e.offset, e.sequence))
    return [
        recording.entry_row(topic, partition, entry.offset, entry.sequence, entry.kind, entry.value())
        for entry in entries
        if first <= entry.offset <= last
    ]
