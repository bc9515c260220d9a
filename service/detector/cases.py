"""What the detector remembers of a troubled device beside its row: open alerts, runs of odd values, a wrong clock."""

from collections.abc import Collection
from typing import Any

import msgspec


class OpenAlert(msgspec.Struct):
    """An alert that is open, and all that its next event depends on."""

    alert_id: str
    kind: str
    type: str
    sensor: str  # leading sensor of a process alert; the sensor of a data-quality alert, "" for the whole device
    onset_ms: int
    severity: str
    sequence: int = 1
    score_max: float = 0.0
    opened_count: int = 0  # readings the device had when it opened
    told_count: int = 0  # readings at the last event
    told_score: float = 0.0
    labels: dict[str, str] = {}
    limit: list[float] = []  # per strength when it opened: remembers what was normal
    relaxed: list[float] = []  # the same, drawn slowly to today's limits: decides the end
    shares: list[float] = []  # per sensor, terms of late, so a smoothed strength can be explained
    moved: int = 0  # readings in a row that a stuck sensor has changed
    value: bytes = b""  # as last published


class Case(msgspec.Struct):
    process: OpenAlert | None = None
    change: OpenAlert | None = None
    quality: dict[str, OpenAlert] = {}  # "type/sensor"
    outside: dict[str, int] = {}  # sensor -> successive readings outside its range (> 0), or inside since (< 0)
    ahead: int = 0  # successive readings ahead of their arrival
    ahead_ms: int = 0  # by how much
    ahead_time: int = 0  # event time of the last of them: one sent twice counts once
    correction_ms: int = 0  # taken off event times from now on

    def idle(self) -> bool:
        return not (self.process or self.change or self.quality or self.outside or self.ahead or self.correction_ms)

    def copy(self) -> "Case":
        return msgspec.msgpack.decode(msgspec.msgpack.encode(self), type=Case)

    def forget(self, alert_ids: Collection[str]) -> None:
        if self.process is not None and self.process.alert_id in alert_ids:
            self.process = None
        if self.change is not None and self.change.alert_id in alert_ids:
            self.change = None
        self.quality = {name: alert for name, alert in self.quality.items() if alert.alert_id not in alert_ids}

    def open(self) -> list[OpenAlert]:
        return [alert for alert in (self.process, self.change, *self.quality.values()) if alert is not None]


def encode(cases: dict[Any, Case]) -> bytes:
    return msgspec.msgpack.encode(cases, order="deterministic")
