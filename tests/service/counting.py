"""A detector that only counts, and a decoder for it: every reading shows in every later alert of its device.

So one reading stepped twice, dropped, or stepped from a stale state changes bytes, in microseconds instead of the
milliseconds a network takes. It keeps to the same interface and the same rules (overlay, fold, pages) as the real one.
"""

import json
import zlib
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from service.errors import DataRuleError
from service.records import AlertRecord, Outcome, Readings, Records, Reject

SILENT_MS = 60_000
PAGES = 8


def message(device: str, value: float) -> bytes:
    return json.dumps({"device": device, "value": value}).encode()


class CountingDecoder:
    def decode(self, records: Records) -> Readings:
        found, rejects = [], []
        for position, value in enumerate(records.values):
            try:
                parsed = json.loads(value)
                found.append((position, parsed["device"], float(parsed["value"])))
            except (ValueError, KeyError, TypeError) as error:
                rejects.append(Reject(position, None, "decode", str(error)))
        positions = np.array([f[0] for f in found], np.int32)
        arrivals = np.array(records.arrivals, np.int64)
        return Readings(
            records.partition,
            np.array(records.offsets, np.int64),
            arrivals,
            positions,
            [f[1] for f in found],
            arrivals[positions],
            [None] * len(found),
            ("value",),
            np.array([[f[2]] for f in found], np.float32).reshape(-1, 1),
            rejects=rejects,
        )


@dataclass
class Row:
    count: int = 0
    total: float = 0.0
    heard: int = 0
    alerts: dict[str, list[Any]] = field(default_factory=dict)  # kind -> [id, sequence, last value]


@dataclass
class Part:
    rows: dict[str, Row] = field(default_factory=dict)
    time: int = 0
    dirty: set[str] = field(default_factory=set)


class CountingDetector:
    def __init__(self, settings: str = "") -> None:
        self.settings = settings
        self.parts: dict[int, Part] = {}

    def locate(self, place: Any) -> None: ...

    def open(self, partition: int) -> None:
        self.parts[partition] = Part()

    def drop(self, partition: int) -> None:
        self.parts.pop(partition, None)

    def step(self, readings: Readings) -> Outcome:
        over, alerts = self._overlay(readings.partition), []
        of = dict(zip(readings.record.tolist(), range(len(readings.devices)), strict=True))
        for record, offset in enumerate(readings.offsets.tolist()):
            arrival = int(readings.arrivals[record])
            over.time = max(over.time, arrival)
            alerts += self._silences(over, offset)
            if record in of:
                device = readings.devices[of[record]]
                alerts += self._hear(over, device, float(readings.values[of[record], 0]), arrival, offset)
        counts = {"stepped": len(readings.devices)}
        return Outcome(readings.partition, sorted(alerts, key=_order), [], counts, None, over)

    def tick(self, partition: int, offset: int, time_ms: int) -> Outcome:
        over = self._overlay(partition)
        over.time = max(over.time, time_ms)
        return Outcome(partition, sorted(self._silences(over, offset), key=_order), [], {}, None, over)

    def _overlay(self, partition: int) -> Part:
        part = self.parts[partition]
        rows = {
            d: Row(r.count, r.total, r.heard, {k: list(a) for k, a in r.alerts.items()}) for d, r in part.rows.items()
        }
        return Part(rows, part.time)

    def _hear(self, over: Part, device: str, value: float, arrival: int, offset: int) -> list[AlertRecord]:
        row = over.rows.setdefault(device, Row())
        over.dirty.add(device)
        row.count, row.total, row.heard = row.count + 1, row.total + value, arrival
        alerts = [self._say(over, device, "silence", "resolved", offset)] if "silence" in row.alerts else []
        if value > 0 and "high" not in row.alerts:
            alerts.append(self._say(over, device, "high", "opened", offset))
        elif value > 0 and row.count % 3 == 0:
            alerts.append(self._say(over, device, "high", "updated", offset))
        elif value <= 0 and "high" in row.alerts:
            alerts.append(self._say(over, device, "high", "resolved", offset))
        return alerts

    def _silences(self, over: Part, offset: int) -> list[AlertRecord]:
        return [
            self._say(over, device, "silence", "opened", offset)
            for device, row in sorted(over.rows.items())
            if over.time - row.heard >= SILENT_MS and "silence" not in row.alerts
        ]

    def _say(self, over: Part, device: str, kind: str, event: str, offset: int) -> AlertRecord:
        over.dirty.add(device)
        row = over.rows[device]
        alert = row.alerts.setdefault(
            kind, [f"{zlib.crc32(f'{device}{kind}{row.count}{row.heard}'.encode()):08x}", 0, ""]
        )
        alert[1] += 1
        value = json.dumps(
            {"alert_id": alert[0], "event": event, "sequence": alert[1], "device_id": device, "kind": kind,
             "severity": "warning", "reading_time": str(row.heard), "summary": f"{row.count} {row.total}",
             "settings": self.settings}
        )  # fmt: skip
        alert[2] = value
        if event == "resolved":
            del row.alerts[kind]
        return AlertRecord(device, alert[0], event, alert[1], kind, "warning", offset, value.encode())

    def fold(self, outcome: Outcome) -> None:
        over = outcome.overlay
        assert isinstance(over, Part)
        over.dirty |= self.parts[outcome.partition].dirty
        self.parts[outcome.partition] = over

    def pages(self, partition: int, after: Outcome | None, full: bool) -> list[tuple[str, bytes | None]]:
        part = after.overlay if after else self.parts[partition]
        assert isinstance(part, Part)
        dirty = part.dirty | self.parts[partition].dirty
        wanted = {_page(d) for d in (part.rows if full else dirty)}
        pages = [(f"page/{number}", _bytes(part, number)) for number in sorted(wanted)]
        return [*pages, ("page/time", str(part.time).encode())]

    def snapshot_committed(self, partition: int) -> None:
        self.parts[partition].dirty.clear()

    def load(self, partition: int, pages: Any) -> None:
        if self.settings == "unreadable":
            raise DataRuleError("the pages are of a model that is not here")
        part = self.parts[partition] = Part()
        for key, value in pages:
            if key == "page/time":
                part.time = int(value)
                continue
            try:
                part.rows |= {device: Row(*fields) for device, fields in json.loads(value).items()}
            except ValueError as error:
                raise DataRuleError(f"partition {partition}: {key} can't be read") from error

    def open_alerts(self, partition: int) -> dict[str, bytes]:
        return {
            f"alert/{device}/{alert[0]}": alert[2].encode()
            for device, row in self.parts[partition].rows.items()
            for alert in row.alerts.values()
        }

    def forget_alerts(self, partition: int, keys: Collection[str]) -> None:
        for device, row in self.parts[partition].rows.items():
            row.alerts = {k: alert for k, alert in row.alerts.items() if f"alert/{device}/{alert[0]}" not in keys}

    def rows(self, partition: int) -> dict[str, bytes]:
        return {device: json.dumps(vars(row)).encode() for device, row in self.parts[partition].rows.items()}

    def fingerprint(self) -> str:
        return f"counting {self.settings}"

    def summary(self, partition: int) -> dict[str, int]:
        return dict(Counter(kind for row in self.parts[partition].rows.values() for kind in row.alerts))


def _order(alert: AlertRecord) -> tuple[int, str, str]:
    return alert.offset, alert.device, alert.kind


def _page(device: str) -> int:
    return zlib.crc32(device.encode()) % PAGES


def _bytes(part: Part, number: int) -> bytes:
    rows = {d: list(vars(r).values()) for d, r in sorted(part.rows.items()) if _page(d) == number}
    return json.dumps(rows).encode()
