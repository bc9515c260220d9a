"""Logs on standard output: one event a line, as JSON or as text, times in UTC.

An event has a name from a closed set and fields; a line never carries a reading's content. `Journalist` is the Observer
that turns what the worker tells into events.
"""

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

from service.records import AlertRecord
from service.settings import LoggingSettings
from service.worker.observer import RestoreResult, Silent

LOGGER = logging.getLogger("gruard")
LOGGER.addHandler(logging.NullHandler())  # a command that does not ask for logs gets none


def event(name: str, level: int = logging.INFO, **fields: Any) -> None:
    """name: lower case, words joined by `_`; the place for anything that varies is `fields`."""
    LOGGER.log(level, name, extra={"fields": fields})


def configure(settings: LoggingSettings, stream: TextIO | None = None) -> None:
    """Once a process. `auto` is text for a person at a terminal and JSON for anything else."""
    stream = stream or sys.stdout
    as_text = settings.format == "text" or (settings.format == "auto" and stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Text() if as_text else Json())
    LOGGER.handlers = [handler]
    LOGGER.setLevel(settings.level.upper())
    LOGGER.propagate = False


def _fields(record: logging.LogRecord) -> Mapping[str, Any]:
    fields: Mapping[str, Any] = getattr(record, "fields", {})
    return fields


class Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"time": time, "level": record.levelname.lower(), "event": record.getMessage(), **_fields(record)}
        return json.dumps(line, ensure_ascii=False, default=str)


class Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        fields = " ".join(f"{name}={_plain(value)}" for name, value in _fields(record).items())
        return f"{time} {record.levelname.lower():<7} {record.getMessage().replace('_', ' ')} {fields}".rstrip()


def _plain(value: Any) -> str:
    text = f"{value:.3g}" if isinstance(value, float) else str(value)
    return json.dumps(text, ensure_ascii=False) if " " in text or "\n" in text else text


class _Told(msgspec.Struct):
    summary: str


class Journalist(Silent):
    """What an operator wants to find in the log: alerts (committed ones, in their order), restores, refusals."""

    def __init__(self) -> None:
        self._warned: set[str] = set()
        self._decode = msgspec.json.Decoder(_Told).decode

    def alerts(self, partition: int, alerts: Sequence[AlertRecord]) -> None:
        for alert in alerts:
            if alert.event != "updated":
                told = self._decode(alert.value)
                event(f"alert_{alert.event}", severity=alert.severity, summary=told.summary, alert_id=alert.alert_id)

    def dead_letters(self, reasons: Mapping[str, int]) -> None:
        for reason in sorted(set(reasons) - self._warned):  # once each: the counters tell how many
            self._warned.add(reason)
            event("first_dead_letter", logging.WARNING, reason=reason)

    def readings(self, partition: int, counts: Mapping[str, int]) -> None:
        if counts.get("key_mismatch") and "key_mismatch" not in self._warned:
            self._warned.add("key_mismatch")
            event("key_is_not_the_device", logging.WARNING, partition=partition)

    def snapshot(self, partition: int, pages: int, size_bytes: int) -> None:
        event("snapshot", logging.DEBUG, partition=partition, pages=pages, size_bytes=size_bytes)

    def restored(self, partition: int, result: RestoreResult, replayed: int, seconds: float) -> None:
        level = logging.INFO if result in ("exact", "cold") else logging.WARNING
        event("restored", level, partition=partition, result=result, replayed=replayed, seconds=round(seconds, 3))

    def parked(self, partition: int) -> None:
        event("partition_parked", partition=partition)

    def dropped(self, partition: int) -> None:
        event("partition_dropped", partition=partition)

    def tripped(self, partition: int, told: str) -> None:
        event("breaker_tripped", logging.ERROR, partition=partition, reason=told)

    def resumed(self, partition: int, offset: int) -> None:
        event("breaker_resumed", logging.WARNING, partition=partition, offset=offset)

    def lost_records(self, partition: int, records: int) -> None:
        event("records_lost", logging.ERROR, partition=partition, records=records)

    def unavailable(self, reason: str, retry_s: float) -> None:
        event("stream_unavailable", logging.WARNING, reason=reason, retry_s=round(retry_s, 1))

    def superseded(self, reason: str) -> None:
        event("commit_superseded", reason=reason)

    def uncertain(self, reason: str, retry_s: float) -> None:
        event("commit_uncertain", logging.WARNING, reason=reason, retry_s=round(retry_s, 1))

    def fenced(self, reason: str) -> None:
        event("fenced", logging.ERROR, reason=reason)

    def stalled(self, reason: str) -> None:
        event("stalled", logging.ERROR, reason=reason)
