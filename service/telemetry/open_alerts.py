"""The one metric that names devices: the worst of the open alerts, at most 50, gone when they are resolved."""

import heapq
from collections.abc import Iterator

import msgspec
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

NAME = "gruard_open_alert_info"
WORST = 50
RANK = {"info": 0, "warning": 1, "critical": 2}


class _Alert(msgspec.Struct):
    alert_id: str
    event: str
    device_id: str
    type: str
    severity: str
    score_max: float


class OpenAlerts(Collector):
    def __init__(self) -> None:
        self._open: dict[tuple[int, str], _Alert] = {}
        self._decoder = msgspec.json.Decoder(_Alert)

    def hear(self, partition: int, value: bytes) -> None:
        """One published event; also what a ledger holds, which is the last event of an open alert."""
        alert = self._decoder.decode(value)
        if alert.event == "resolved":
            self._open.pop((partition, alert.alert_id), None)
        else:
            self._open[partition, alert.alert_id] = alert

    def forget(self, partition: int) -> None:
        for key in [key for key in self._open if key[0] == partition]:
            del self._open[key]

    def collect(self) -> Iterator[Metric]:
        """On the scraper's thread, while the worker hears more: a copy first."""
        family = GaugeMetricFamily(NAME, "The worst open alerts, always 1", labels=["device", "type", "severity"])
        for labels in sorted(self._worst(list(self._open.values()))):
            family.add_metric(labels, 1)
        yield family

    def _worst(self, alerts: list[_Alert]) -> set[tuple[str, str, str]]:
        worst = heapq.nlargest(WORST, alerts, key=lambda a: (RANK.get(a.severity, 0), a.score_max, a.alert_id))
        return {(alert.device_id, alert.type, alert.severity) for alert in worst}
