"""An alert event as it is told on: what is read of it, whether a target wants it, and how bad it is.

The value stays as it was published; only what decides is read.
"""

from collections.abc import Callable
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Annotated, Literal, NamedTuple

import msgspec

from service.notify.settings import Wanted

Time = Annotated[datetime, msgspec.Meta(tz=True)]
RANK = {"info": 0, "warning": 1, "critical": 2}


class Event(msgspec.Struct, frozen=True):
    alert_id: str
    event: Literal["opened", "updated", "escalated", "resolved"]
    sequence: int
    kind: str
    type: str
    severity: Literal["info", "warning", "critical"]
    device_id: str
    device_class: str
    labels: dict[str, str]
    onset_time: Time
    reading_time: Time
    resolved_time: Time | None
    resolved_reason: str | None
    score_max: float
    summary: str

    @property
    def id(self) -> str:
        """Of this very event, the same as the `ce_id` that it was published with."""
        return f"{self.alert_id}-{self.sequence}"

    @property
    def badness(self) -> tuple[int, float]:
        return RANK[self.severity], self.score_max


class News(NamedTuple):
    """An event with the place that it lies at."""

    partition: int
    offset: int
    event: Event
    value: bytes


class Group(NamedTuple):
    site: str
    device_class: str


read: Callable[[bytes], Event] = msgspec.json.Decoder(Event).decode


def wants(wanted: Wanted, event: Event) -> bool:
    return (
        RANK[event.severity] >= RANK[wanted.min_severity]
        and event.kind in wanted.kinds
        and (wanted.updated or event.event != "updated")
        and any(fnmatchcase(event.device_class, pattern) for pattern in wanted.classes)
        and all(fnmatchcase(event.labels.get(name, ""), pattern) for name, pattern in wanted.labels.items())
    )
