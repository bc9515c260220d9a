"""What the HTTP API tells, as far as the console shows it. Unknown members are skipped: a newer one may say more."""

from typing import Any

import msgspec

SEVERITIES = ("critical", "warning", "info")  # worst first


class Shape(msgspec.Struct):
    """Of one answer, or of a part of it."""


class ModelName(Shape):
    name: str
    version: str
    sha256: str = ""


class Partitions(Shape):
    running: int = 0
    restoring: int = 0


class Status(Shape):
    version: str
    ready: bool
    stream: str = ""
    started: str | None = None
    problem: str = ""
    partitions: Partitions = msgspec.field(default_factory=Partitions)
    devices: int = 0
    readings: int = 0
    lag_records: float | None = None
    lag_seconds: float | None = None
    open_alerts: dict[str, int] = {}
    budget: float | dict[str, float] | None = None


class Contribution(Shape):
    """One sensor's part. An alert's says all; a reading's only the share."""

    sensor: str
    share: float = 0.0
    unit: str = ""
    observed: float | None = None
    expected: float | None = None
    lower: float | None = None
    upper: float | None = None
    direction: str = "none"


class Explanation(Shape):
    """What an event says of the reason for its alert."""

    summary: str
    contributions: tuple[Contribution, ...] = ()


class Alert(Shape):
    alert_id: str
    event: str
    sequence: int
    kind: str
    type: str
    severity: str
    device_id: str
    device_class: str
    onset_time: str
    reading_time: str
    summary: str
    model: ModelName
    resolved_time: str | None = None
    resolved_reason: str | None = None
    duration_s: float = 0.0
    score: float = 0.0
    score_max: float = 0.0
    contributions: tuple[Contribution, ...] = ()
    explanation: Explanation | None = None  # of a resolved one: its last event tells of its end

    @property
    def resolved(self) -> bool:
        return self.event == "resolved"

    @property
    def why(self) -> Explanation:
        """What is best known of the reason for it."""
        return self.explanation or Explanation(self.summary, self.contributions)


Numbers = list[float | None]


class Curve(Shape):
    unit: str = ""
    observed: Numbers = []
    expected: Numbers = []
    lower: Numbers = []
    upper: Numbers = []


class Recent(Shape):
    """Parallel lists, one entry a reading, oldest first."""

    time: list[str] = []
    score: Numbers = []
    evidence: Numbers = []
    alert: list[bool] = []
    sensors: dict[str, Curve] = {}


class Device(Shape, rename={"class_": "class"}):
    id: str
    class_: str = ""
    model: ModelName | None = None
    last_time: str | None = None
    score: float | None = None
    warming: bool = False
    severity: str | None = None
    open_alerts: int = 0
    recorded: bool = False
    labels: dict[str, str] = {}
    recent: Recent = msgspec.field(default_factory=Recent)
    alerts: tuple[Alert, ...] = ()
    contributions: tuple[Contribution, ...] = ()


class Devices(Shape):
    devices: list[Device]
    total: int = 0


class Alerts(Shape):
    alerts: list[Alert]
    next: str | None = None


class Sensor(Shape):
    name: str
    unit: str = ""
    low: float | None = None
    high: float | None = None


class Model(Shape):
    name: str
    version: str
    sha256: str = ""
    sample_period_s: float | None = None
    sensors: list[Sensor] = []
    cell: str = ""
    metrics: dict[str, Any] | None = None
    card: str = ""


class Models(Shape):
    models: list[Model]


class Fault(Shape):
    device: str
    kind: str
    start: str
    end: str
    detected: bool
    sensor: str = ""
    size: float | None = None
    delay_s: float | None = None
    alert_id: str | None = None
    leading_sensor: str | None = None


class FalseAlarm(Shape):
    device: str
    time: str
    summary: str
    alert_id: str = ""


class Scoreboard(Shape):
    """What `gruard demo --report` writes, while the play goes on."""

    faults: list[Fault]
    speed: float = 1.0
    devices: int = 0
    device_days: float = 0.0
    readings: int = 0
    readings_per_second: float = 0.0
    faults_injected: int = 0
    faults_detected: int = 0
    faults_undecided: int = 0
    false_alarms: int = 0
    false_alarms_allowed: int = 0
    false_alarm_list: list[FalseAlarm] = []
    budget: float = 0.0
    dead_letters: int = 0
    finished: bool = False
