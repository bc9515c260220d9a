"""The shapes of all answers; the OpenAPI document is made of these classes. Times are RFC 3339, UTC, milliseconds."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from service.detector.alerts import TIME, Contribution, Severity
from service.detector.alerts import Alert as AlertEvent

Time = Annotated[str, Field(json_schema_extra=TIME)]
Number = float | None  # null: missing
Next = Annotated[str | None, Field(description="`after` of the next page; null: this was the last one")]


class Answer(BaseModel):
    model_config = ConfigDict(
        populate_by_name=True, protected_namespaces=(), json_schema_serialization_defaults_required=True
    )

    def body(self) -> bytes:
        return self.model_dump_json(by_alias=True).encode() + b"\n"

    def body_with(self, alerts: list[bytes]) -> bytes:
        """alerts: JSON of each, so that what was published stays as it was, byte for byte."""
        rest = self.model_dump_json(by_alias=True, exclude={"alerts"}).encode()
        return rest[:-1] + b',"alerts":[' + b",".join(alerts) + b"]}\n"


class Problem(Answer):
    """RFC 9457: why there is no better answer, and the way out."""

    title: str
    status: int
    detail: str


class Health(Answer):
    status: str = Field(description="`ok`, or what is wrong")


class Partitions(Answer):
    running: int
    restoring: int


class OpenAlerts(Answer):
    info: int
    warning: int
    critical: int


class Status(Answer):
    version: str
    stream: str = Field(description="where readings come from")
    started: Time
    ready: bool
    problem: str = Field(description="why it is not ready; empty: it is")
    partitions: Partitions
    devices: int
    readings: int = Field(description="scored and committed since the start of this process")
    lag_records: int
    lag_seconds: float = Field(description="age of the last committed record, where newer ones wait")
    open_alerts: OpenAlerts
    budget: float | dict[str, float] = Field(description="false alarms per device-day, for all or by class")


class ModelName(Answer):
    name: str
    version: str


class DeviceLine(Answer):
    id: str
    class_: str = Field(alias="class")
    model: ModelName
    last_time: Time | None = Field(description="event time of its last scored reading; null: none yet")
    score: Number = Field(description="of its last reading, 1 = alarm; null: it is not recorded")
    warming: bool = Field(description="too young to be judged")
    severity: Severity | None = Field(description="of its worst open alert")
    open_alerts: int
    recorded: bool = Field(description="its recent readings are kept")


class Devices(Answer):
    devices: list[DeviceLine] = Field(description="worst severity first, then by id")
    total: int = Field(description="devices that match, on all pages")
    next: Next


class Series(Answer):
    unit: str
    observed: list[Number] = Field(description="as sent; null: missing")
    expected: list[Number] = Field(description="forecast made before the reading was seen")
    lower: list[Number]
    upper: list[Number]


class Recent(Answer):
    """A device's last scored readings, oldest first; every list is as long as `time`."""

    time: list[Time]
    score: list[Number] = Field(description="1 = alarm")
    evidence: list[Number] = Field(description="ln of score; 0 = alarm")
    limit: list[Number] = Field(description="what the leading strength may reach under the budget")
    alert: list[bool] = Field(description="a process alert is open after this reading")
    leading_sensor: list[str]
    sensors: dict[str, Series]


class Share(Answer):
    sensor: str
    share: float = Field(ge=0, le=1)


class Explanation(Answer):
    """Why an alert was open, as an event of it says."""

    reading_time: Time
    summary: str
    contributions: list[Contribution]


class Alert(AlertEvent):
    """The last event of an alert as it was published and, where that is its end, why it was open."""

    explanation: Explanation | None = Field(
        description="of its last event before it was resolved; null: it is open, or that event is not known here"
    )


class Device(DeviceLine):
    labels: dict[str, str] = Field(description="as last seen on a recorded reading or an alert")
    recent: Recent
    alerts: list[Alert] = Field(description="the last event of each of its alerts, newest first")
    contributions: list[Share] = Field(description="whose doing the evidence of its last reading is, largest first")


class Alerts(Answer):
    alerts: list[Alert] = Field(description="the last event of each alert, newest first")
    next: Next


class SensorInfo(Answer):
    name: str
    unit: str
    low: Number = Field(description="physical range; null: none")
    high: Number


class ModelInfo(ModelName):
    sha256: str
    sample_period_s: Number = Field(description="null: learnt per device")
    sensors: list[SensorInfo] = Field(description="empty: whatever a device sends")
    cell: str
    metrics: dict[str, float]
    card: str = Field(description="Markdown")


class Models(Answer):
    models: list[ModelInfo]


class Fault(BaseModel):
    model_config = ConfigDict(extra="allow")

    device: str
    kind: str
    start: Time
    end: Time
    detected: bool
    delay_s: Number
    alert_id: str | None
    sensor: str | None
    leading_sensor: str | None


class Demo(BaseModel):
    """The scoreboard of `gruard demo`, as its --report has it. Times and rates are in event time."""

    model_config = ConfigDict(extra="allow")

    finished: bool
    seconds: float
    speed: float
    devices: int
    device_days: float
    readings: int
    readings_per_second: float
    faults: list[Fault]
    faults_injected: int
    faults_detected: int
    false_alarms: int
    false_alarms_per_device_day: float
    budget: float
    dead_letters: int
    model: list[dict[str, str]]
