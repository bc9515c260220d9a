"""Events as they are published: the alert's JSON, in an order that no cut of the input changes."""

from typing import NamedTuple

import service.detector.explain as explain
from service.detector.account import Spoken
from service.detector.alerts import Alert, Budget, Event, ModelName, Source, alert_id
from service.detector.cases import Case, OpenAlert
from service.detector.devices import Work
from service.detector.partition import Overlay, Signature
from service.detector.tables import TableRules
from service.records import AlertRecord, Readings

INFO = {"clock_skew"}  # nothing was lost: for information


class Occurrence(NamedTuple):
    """An event with what it sorts by."""

    offset: int
    device: str
    kind: str
    sensor: str
    record: AlertRecord


class Publisher:
    """The events of one batch of one partition."""

    def __init__(
        self, overlay: Overlay, readings: Readings, place: tuple[str, int], rules: dict[str, TableRules]
    ) -> None:
        self.occurrences: list[Occurrence] = []
        self.rules = rules
        self._signatures = overlay.partition.signatures
        self._readings = readings
        self._topic, self._partition = place

    def signature(self, work: Work, row: int) -> Signature:
        return self._signatures[int(work.columns["signature"][row])]

    def open_quality(
        self, work: Work, row: int, case: Case, type_: str, sensor: str, record: int, spoken: Spoken
    ) -> None:
        device = work.ids[row]
        assert device is not None
        alert = OpenAlert(
            alert_id=alert_id(device, "data_quality", type_, sensor, spoken.time_ms),
            kind="data_quality",
            type=type_,
            sensor=sensor,
            onset_ms=spoken.time_ms,
            severity="info" if type_ in INFO else "warning",
            score_max=1.0,
        )
        case.quality[f"{type_}/{sensor}"] = alert
        self.publish(work, row, alert, "opened", record, spoken)

    def close_quality(self, work: Work, row: int, case: Case, name: str, record: int, time_ms: int) -> None:
        alert = case.quality.pop(name, None)
        if alert is not None:
            self.end(work, row, alert, record, time_ms, "recovered")

    def end(self, work: Work, row: int, alert: OpenAlert, record: int, time_ms: int, reason: str) -> None:
        alert.sequence += 1
        summary = explain.ending(alert, reason, time_ms)
        self.publish(work, row, alert, "resolved", record, Spoken(time_ms, 0.0, False, [], summary, reason))

    def publish(self, work: Work, row: int, alert: OpenAlert, event: Event, record: int, spoken: Spoken) -> None:
        device = work.ids[row]
        assert device is not None
        offset = int(self._readings.offsets[record])
        alert.value = self._value(work, row, alert, event, offset, spoken)
        said = AlertRecord(
            device, alert.alert_id, event, alert.sequence, alert.kind, alert.severity, offset, alert.value
        )
        self.occurrences.append(Occurrence(offset, device, alert.kind, alert.sensor, said))

    def _value(self, work: Work, row: int, alert: OpenAlert, event: Event, offset: int, spoken: Spoken) -> bytes:
        manifest, signature = work.table.layout.bundle.manifest, self.signature(work, row)
        budget = self.rules[work.table.key].budget_of(signature.device_class)
        time = explain.rfc3339(spoken.time_ms)
        value = Alert(
            alert_id=alert.alert_id,
            event=event,
            sequence=alert.sequence,
            kind=alert.kind,
            type=alert.type,
            severity=alert.severity,
            device_id=work.ids[row] or "",
            device_class=signature.device_class,
            labels=alert.labels,
            onset_time=explain.rfc3339(alert.onset_ms),
            reading_time=time,
            resolved_time=time if event == "resolved" else None,
            resolved_reason=spoken.reason or None,
            duration_s=max(spoken.time_ms - alert.onset_ms, 0) / 1000,
            score=explain.number(spoken.score) or 0.0,
            score_max=explain.number(alert.score_max) or 0.0,
            budget=Budget(false_alarms_per_device_day=budget, extrapolated=spoken.extrapolated),
            contributions=spoken.contributions,
            summary=f"{work.ids[row]}: {spoken.summary}",
            model=ModelName(name=manifest.name, version=manifest.version, sha256=manifest.sha256),
            source=Source(topic=self._topic, partition=self._partition, offset=offset),
        )
        return value.model_dump_json(by_alias=True).encode()
