"""What a backtest counted: devices and their time, alerts, scores, and what the budget had promised."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from service.bundle import Bundles
from service.chance import poisson_quantile
from service.records import AlertRecord, Outcome, Readings
from service.settings import Settings

EDGES = np.linspace(-6.0, 4.0, 101).astype(np.float32)  # of evidence, for the distribution


@dataclass
class Device:
    first_ms: int
    last_ms: int
    class_name: str | None
    readings: int = 0
    opened: Counter[str] = field(default_factory=Counter)  # process alerts by severity, and "data_quality"
    worst: float = 0.0  # highest evidence reached inside an alert


class Tally:
    def __init__(self, period_s: float | None) -> None:
        self.period_s = period_s
        self.devices: dict[str, Device] = {}
        self.outcomes: Counter[str] = Counter()
        self.rejects: Counter[str] = Counter()
        self.alerts: dict[str, tuple[str, str]] = {}  # id -> kind, highest severity
        self.scored: NDArray[np.int64] = np.zeros(len(EDGES) + 1, np.int64)
        self.scores = 0

    def add(self, readings: Readings | None, outcome: Outcome) -> None:
        self.outcomes.update(outcome.counts)
        self.rejects.update(reject.reason for reject in outcome.rejects)
        if readings is not None:
            self.rejects.update(reject.reason for reject in readings.rejects)
            self._see(readings)
        for alert in outcome.alerts:
            self._hear(alert)
        if outcome.scores is not None:
            self.scores += len(outcome.scores.evidence)
            self.scored += np.bincount(np.searchsorted(EDGES, outcome.scores.evidence), minlength=len(EDGES) + 1)
            self._rank(readings, outcome)

    def _see(self, readings: Readings) -> None:
        times = readings.times.tolist()
        for device, time, class_name in zip(readings.devices, times, readings.classes, strict=True):
            known = self.devices.get(device)
            if known is None:
                known = self.devices[device] = Device(time, time, class_name)
            known.readings += 1
            if time > known.last_ms:
                known.last_ms = time

    def _hear(self, alert: AlertRecord) -> None:
        device = self.devices.setdefault(alert.device, Device(0, 0, None))
        kind, before = self.alerts.get(alert.alert_id, (alert.kind, ""))
        ranks = ("", "info", "warning", "critical")
        if ranks.index(alert.severity) > ranks.index(before):
            self.alerts[alert.alert_id] = (kind, alert.severity)
            if before and kind == "process":
                device.opened[before] -= 1
            if kind == "process" or not before:
                device.opened[alert.severity if kind == "process" else kind] += 1

    def _rank(self, readings: Readings | None, outcome: Outcome) -> None:
        scores = outcome.scores
        if readings is None or scores is None or not scores.alert.any():
            return
        for i in np.flatnonzero(scores.alert).tolist():
            device = self.devices[scores.stepped.devices[int(scores.reading[i])]]
            device.worst = max(device.worst, float(scores.evidence[i]))

    # What follows from the counts.

    @property
    def readings(self) -> int:
        return sum(device.readings for device in self.devices.values())

    @property
    def device_days(self) -> float:
        return sum(device.last_ms - device.first_ms for device in self.devices.values()) / 86_400_000

    def opened(self) -> Counter[str]:
        """Alerts by the highest severity they reached; data-quality alerts by `data_quality`."""
        return Counter(
            "data_quality" if kind == "data_quality" else severity for kind, severity in self.alerts.values()
        )

    def worth_showing(self, most: int) -> list[str]:
        """Devices with process alerts first, the worst of them first; then data quality; then the others."""

        def rank(item: tuple[str, Device]) -> tuple[bool, int, float, bool]:
            opened = item[1].opened
            process = opened["critical"] + opened["warning"] + opened["info"]
            return process == 0, -opened["critical"], -item[1].worst, opened["data_quality"] == 0

        return [name for name, _ in sorted(self.devices.items(), key=rank)[:most]]

    def allowed(self, bundles: Bundles, settings: Settings) -> float:
        """False alarms that the budget allows over the device-days seen."""
        budget = settings.detector.false_alarms_per_device_day
        if not isinstance(budget, dict):
            return budget * self.device_days
        days = ((d.class_name or "default", (d.last_ms - d.first_ms) / 86_400_000) for d in self.devices.values())
        return sum(budget.get(name, budget.get("default", 0.5)) * time for name, time in days)

    def lines(self, bundles: Bundles, settings: Settings) -> list[str]:
        opened, allowed = self.opened(), self.allowed(bundles, settings)
        alarms = opened["critical"] + opened["warning"]
        stepped = self.outcomes["stepped"]
        others = {name: n for name, n in sorted(self.outcomes.items()) if name != "stepped" and n}
        told = ", ".join(f"{name} {n:,}" for name, n in others.items())
        lines = [
            f"readings: {stepped:,} stepped of {self.readings:,}{f' ({told})' if told else ''}",
            f"alerts: {alarms} of the process ({opened['critical']} critical), "
            f"{opened['data_quality']} of data quality",
            f"budget: {allowed:.1f} false alarms expected over {self.device_days:.1f} device-days, "
            f"at most {poisson_quantile(allowed)} in 95 of 100 such runs",
        ]
        if self.rejects:
            lines.append("rejected: " + ", ".join(f"{reason} {n:,}" for reason, n in sorted(self.rejects.items())))
        return lines


def served(devices: Sequence[Device]) -> Counter[str]:
    return Counter(device.class_name or "without class" for device in devices)
