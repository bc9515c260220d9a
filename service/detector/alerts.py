"""An alert's life: opened, updated, escalated, resolved, under one id that the input alone decides.

Two limits, two jobs. Today's limit decides whether something has happened, and absorbs what was reported. The limit
as it was at opening decides when it is over, and is drawn to today's so slowly that nothing stays open for ever.
"""

import hashlib
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from service.detector.cases import OpenAlert
from service.detector.rules import AlertsSettings
from service.detector.scoring import exceedance

STAYS = np.float32(-0.3)  # evidence below which an alert ends
CRITICAL = float(np.log(2))  # twice the limit
RELAX = np.float32(0.02)  # of the way to today's limit, a block
RISEN = np.float32(np.log(3))  # over the last event: no hold-off silences what is so much worse
UPDATE_APART = 60  # readings
GROWN = 1.5  # times the score last told

Floats = NDArray[np.float32]
TIME: dict[str, JsonValue] = {"format": "date-time"}
Event = Literal["opened", "updated", "escalated", "resolved"]
Severity = Literal["info", "warning", "critical"]


class Contribution(BaseModel):
    """One sensor's part. observed, expected, lower and upper are in `unit`; shares add up to at most 1."""

    sensor: str
    unit: str
    observed: float | None
    expected: float | None
    lower: float | None
    upper: float | None
    share: float = Field(ge=0, le=1)
    direction: Literal["high", "low", "none"]


class ModelName(BaseModel):
    model_config = ConfigDict(protected_namespaces=())

    name: str
    version: str
    sha256: str


class Source(BaseModel):
    topic: str
    partition: int
    offset: int


class Budget(BaseModel):
    """The promise an alert was raised under."""

    false_alarms_per_device_day: float
    extrapolated: bool  # fewer healthy blocks were seen than the budget needs


class Alert(BaseModel):
    """One event of an alert's life; the value is a function of the input alone. Times are RFC 3339, UTC."""

    model_config = ConfigDict(protected_namespaces=(), json_schema_serialization_defaults_required=True)

    schema_: Literal["gruard.alert.v1"] = Field("gruard.alert.v1", alias="schema")
    alert_id: str = Field(description="the same from opened to resolved; with `sequence` it names an event for ever")
    event: Event
    sequence: int = Field(ge=1, description="of the events of one alert, from 1 on without a gap")
    kind: Literal["process", "data_quality"]
    type: str = Field(description="what was noticed, e.g. level, surprise, silent, stuck, clock_skew")
    severity: Severity
    device_id: str
    device_class: str
    labels: dict[str, str]
    onset_time: str = Field(json_schema_extra=TIME)
    reading_time: str = Field(description="of the reading or deadline that made this event", json_schema_extra=TIME)
    resolved_time: str | None = Field(json_schema_extra=TIME)
    resolved_reason: str | None = Field(description="state_lost: the detector's memory of it is gone")
    duration_s: float = Field(ge=0)
    score: float = Field(ge=0)
    score_max: float = Field(ge=0)
    budget: Budget
    contributions: list[Contribution]
    summary: str
    model: ModelName
    source: Source


class Reading(NamedTuple):
    """What the life of a process alert hangs on, at one reading of one device."""

    time_ms: int
    readings: int  # stepped, this one included
    evidence: float
    strength: Floats  # (J,) of the evidence
    limit: Floats  # (J,)
    taken_off: Floats  # (J,)
    leading_sensor: str
    type: str
    ends_block: bool


def alert_id(device: str, kind: str, type_: str, sensor: str, time_ms: int) -> str:
    text = "\0".join((device, kind, type_, sensor, str(time_ms)))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def severity(evidence: float) -> Severity:
    return "critical" if evidence >= CRITICAL else "warning"


def score(evidence: float) -> float:
    return float(np.exp(np.float64(evidence)))


def open_process(device: str, at: Reading) -> OpenAlert:
    value = score(at.evidence)
    return OpenAlert(
        alert_id=alert_id(device, "process", at.type, at.leading_sensor, at.time_ms),
        kind="process",
        type=at.type,
        sensor=at.leading_sensor,
        onset_ms=at.time_ms,
        severity=severity(at.evidence),
        score_max=value,
        opened_count=at.readings,
        told_count=at.readings,
        told_score=value,
        limit=at.limit.tolist(),
        relaxed=at.limit.tolist(),
    )


def beyond(at: Reading, limit: list[float]) -> float:
    """Evidence of this reading against other limits."""
    return float(np.max(exceedance(at.strength, np.asarray(limit, np.float32)) - at.taken_off))


def continue_process(alert: OpenAlert, at: Reading, settings: AlertsSettings) -> tuple[Event | None, str]:
    """Bring an open alert forward by one reading: the event this makes, and why it ended if it did."""
    if at.ends_block:
        relaxed = np.asarray(alert.relaxed, np.float32)
        alert.relaxed = (relaxed + RELAX * np.maximum(at.limit - relaxed, 0)).tolist()
    alert.score_max = max(alert.score_max, score(at.evidence))
    if max(at.evidence, beyond(at, alert.relaxed)) < STAYS:
        return "resolved", "new_normal" if beyond(at, alert.limit) >= STAYS else "recovered"
    if at.time_ms - alert.onset_ms > settings.max_open_s * 1000:
        return "resolved", "open_too_long"
    if alert.severity == "warning" and severity(at.evidence) == "critical":
        alert.severity = "critical"
        return "escalated", ""
    grown = alert.score_max >= GROWN * alert.told_score or at.leading_sensor != alert.sensor
    if grown and at.evidence >= 0 and at.readings - alert.told_count >= UPDATE_APART:
        return "updated", ""
    return None, ""


def told(alert: OpenAlert, at: Reading, event: Event) -> None:
    """Note what has been published, so the next update is measured against it."""
    alert.sequence += event != "opened"
    alert.told_count = at.readings
    alert.told_score = alert.score_max
    alert.sensor = at.leading_sensor
