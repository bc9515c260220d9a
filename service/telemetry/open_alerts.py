"""What is open, alert by alert, as committed: tallies, and the one metric that names devices.

That metric holds the worst of the open alerts, at most 50, gone when they are resolved.
"""

import heapq
from collections import Counter
from collections.abc import Iterator

import msgspec
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

NAME = "gruard_open_alert_info"
WORST = 50
RANK = {"info": 0, "warning": 1, "critical": 2}


class _Part(msgspec.Struct):
    sensor: str


class _Model(msgspec.Struct):
    name: str


class Told(msgspec.Struct):
    """What of an alert's event is counted."""

    alert_id: str
    event: str
    kind: str
    device_id: str
    type: str
    severity: str
    score_max: float
    contributions: list[_Part]
    model: _Model

    @property
    def sensor(self) -> str:
        """The leading one."""
        return self.contributions[0].sensor if self.contributions else ""

    @property
    def counted_as(self) -> tuple[str, str, str]:
        return self.model.name, self.kind, self.severity


class OpenAlerts(Collector):
    def __init__(self) -> None:
        self.tally: Counter[tuple[str, str, str]] = Counter()  # by model, kind and severity; 0 for what was open
        self.types: Counter[str] = Counter()
        self._open: dict[tuple[int, str], Told] = {}
        self._decoder = msgspec.json.Decoder(Told)

    def hear(self, partition: int, value: bytes) -> Told:
        """One published event; also what a ledger holds, which is the last event of an open alert."""
        alert = self._decoder.decode(value)
        self._drop((partition, alert.alert_id))
        if alert.event != "resolved":
            self._open[partition, alert.alert_id] = alert
            self.tally[alert.counted_as] += 1
            self.types[alert.type] += 1
        return alert

    def forget(self, partition: int) -> None:
        for key in [key for key in self._open if key[0] == partition]:
            self._drop(key)

    def _drop(self, key: tuple[int, str]) -> None:
        if before := self._open.pop(key, None):
            self.tally[before.counted_as] -= 1
            self.types[before.type] -= 1

    def collect(self) -> Iterator[Metric]:
        """On the scraper's thread, while the worker hears more: a copy first."""
        family = GaugeMetricFamily(NAME, "The worst 50 open alerts, always 1", labels=["device", "type", "severity"])
        for labels in sorted(self._worst(list(self._open.values()))):
            family.add_metric(labels, 1)
        yield family

    def _worst(self, alerts: list[Told]) -> set[tuple[str, str, str]]:
        worst = heapq.nlargest(WORST, alerts, key=lambda a: (RANK.get(a.severity, 0), a.score_max, a.alert_id))
        return {(alert.device_id, alert.type, alert.severity) for alert in worst}
