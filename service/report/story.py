"""What a report tells of: the tally, the curves of the devices shown, and their alerts, read back from the file."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from service.bundle import Bundles
from service.report.curves import Curves
from service.report.tally import Tally
from service.settings import Settings

DEVICES = 12  # shown at most, those with the worst alerts first
ALERTS_SHOWN = 8  # a device


@dataclass(frozen=True)
class Story:
    tally: Tally
    curves: Curves
    devices: Sequence[str]
    alerts: Path  # alerts.jsonl
    bundles: Bundles
    settings: Settings
    described: Sequence[str]
    time_known: bool


@dataclass
class Life:
    """All events of one alert."""

    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def worst(self) -> dict[str, Any]:
        """The event with the highest score: it says best what happened."""
        return max((e for e in self.events if e["event"] != "resolved"), key=lambda e: e["score"], default=self.last)

    @property
    def first(self) -> dict[str, Any]:
        return self.events[0]

    @property
    def last(self) -> dict[str, Any]:
        return self.events[-1]

    @property
    def kind(self) -> str:
        return str(self.first["kind"])

    @property
    def severity(self) -> str:
        """The highest it reached."""
        ranks = ("info", "warning", "critical")
        return max((str(event["severity"]) for event in self.events), key=ranks.index)

    @property
    def resolved(self) -> bool:
        return bool(self.last["event"] == "resolved")


def lives(path: Path, devices: Sequence[str]) -> dict[str, list[Life]]:
    """Alerts of these devices, each device's in order of their opening."""

    found: dict[str, dict[str, Life]] = {device: {} for device in devices}
    with path.open("rb") as lines:
        for line in lines:
            alert = json.loads(line)
            if (own := found.get(alert["device_id"])) is not None:
                own.setdefault(alert["alert_id"], Life()).events.append(alert)
    return {device: list(own.values()) for device, own in found.items()}
