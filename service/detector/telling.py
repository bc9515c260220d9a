"""From verdicts to published events: opens, continues and ends alerts, and writes what is said of them.

Called only for the few devices that have something to say. Every event carries the offset of the record that caused
it; the detector sorts them, so how the input was cut into polls changes nothing.
"""

from collections import Counter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.detector import explain
from service.detector.alerts import (
    Alert,
    Budget,
    Contribution,
    Event,
    ModelName,
    Reading,
    Source,
    alert_id,
    continue_process,
    open_process,
    score,
    told,
)
from service.detector.cases import Case, OpenAlert
from service.detector.devices import ALERTING, SILENT, Work
from service.detector.limits import BLOCK
from service.detector.partition import Overlay, Signature
from service.detector.quality import Verdict, note_ahead, note_held, note_range
from service.detector.rules import AlertsSettings
from service.detector.scored import Scored
from service.detector.scoring import exceedance
from service.detector.tables import TableRules
from service.records import AlertRecord, Readings, Reject

CLOCK_BACK = 3  # readings on time that end a clock alert
INFO = {"change", "clock_skew"}  # nothing was lost: for information


class Told(NamedTuple):
    opening: bool
    changing: bool
    outside: NDArray[np.bool_]  # (S,) sensors outside their physical range


class Occurrence(NamedTuple):
    """An event with what it sorts by."""

    offset: int
    device: str
    kind: str
    sensor: str
    record: AlertRecord


class Teller:
    """Events and dead letters of one batch of one partition."""

    def __init__(
        self, overlay: Overlay, readings: Readings, stream: NDArray[np.int64], alerts: AlertsSettings, topic: str
    ) -> None:
        self.occurrences: list[Occurrence] = []
        self.rejects: list[Reject] = []
        self.counts: Counter[str] = Counter()
        self._overlay = overlay
        self._readings = readings
        self._stream = stream
        self._alerts = alerts
        self._topic = topic
        self.rules: dict[str, TableRules] = {}
        self.dead_letter_late = False

    # Order: what arrivals and clocks say of a device.

    def late(self, at: int, last_ms: int) -> None:
        if self.dead_letter_late:
            time = explain.rfc3339(int(self._readings.times[at]))
            self._reject(at, "late", f"time {time} is before the device's last reading at {explain.rfc3339(last_ms)}")

    def ahead(self, work: Work, row: int, at: int, ahead_ms: int) -> None:
        time = explain.rfc3339(int(self._readings.times[at]))
        self._reject(
            at, "future", f"time {time} is {ahead_ms / 1000:.0f} s ahead of its arrival; set the device's clock"
        )
        case = work.case(row)
        record = int(self._readings.record[at])
        if "clock_skew/" not in case.quality:
            self._open_quality(work, row, case, "clock_skew", "", record, int(self._readings.times[at]))
        if note_ahead(case, ahead_ms):
            self.counts["clock_corrected"] += 1

    def on_time(self, work: Work, row: int, at: int) -> None:
        case = work.peek(row)
        if case is None or not (case.ahead or "clock_skew/" in case.quality):
            return
        case = work.case(row)
        case.ahead = min(case.ahead, 0) - 1
        if case.ahead <= -CLOCK_BACK:
            case.ahead = 0
            record, time = int(self._readings.record[at]), int(self._readings.times[at])
            self._close_quality(work, row, case, "clock_skew/", record, time, "recovered")
        work.settle(row)

    def silent(self, work: Work, row: int, deadline_ms: int) -> None:
        """The deadline fires at the first record whose stream time has reached it."""
        work.columns["flags"][row] |= SILENT
        record = int(np.searchsorted(self._stream, deadline_ms, side="left"))
        self._open_quality(work, row, work.case(row), "silent", "", record, deadline_ms)

    def heard_again(self, work: Work, row: int, record: int, now_ms: int) -> None:
        work.columns["flags"][row] &= ~SILENT
        self._close_quality(work, row, work.case(row), "silent/", record, now_ms, "recovered")
        work.settle(row)

    def forget(self, work: Work, row: int) -> None:
        """Time to live is over: what is open ends with the device."""
        deadline = int(work.columns["heard"][row]) + self._rules(work).time_to_live_ms
        record = int(np.searchsorted(self._stream, deadline, side="left"))
        case = work.case(row)
        for alert in case.open():
            self._end(work, row, alert, record, deadline, "forgotten")
        self.counts["evicted"] += 1

    # Readings: what a step says of the sensors and of the process.

    def without_stuck(
        self, work: Work, rows: NDArray[np.intp], terms: NDArray[np.float32], troubled: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Terms (rows, W, S) less those of sensors known to be stuck: that is a data-quality matter, told already."""
        terms = terms.copy()
        for i in np.flatnonzero(troubled).tolist():
            case = work.peek(int(rows[i]))
            if case is not None and case.quality:
                sensors = self._signature(work, int(rows[i])).sensors
                terms[i][:, [s for s, name in enumerate(sensors) if f"stuck/{name}" in case.quality]] = 0
        return terms

    def tell(self, scored: Scored, i: int, what: Told) -> None:
        work, row = scored.group.work, int(scored.rows[i])
        at = int(scored.group.at[scored.picked[i]])
        record, time = int(self._readings.record[at]), int(scored.times[i])
        self._tell_quality(scored, i, what.outside, record, time)
        case = work.case(row) if what.opening or what.changing else work.peek(row)
        if case is None:
            return
        if case.process is not None:
            self._continue(scored, i, work.case(row), record, at)
        elif what.opening:
            self._open(scored, i, case, record, at)
        if what.changing or case.change is not None:
            self._tell_change(scored, i, work.case(row), record, at, what.changing)
        work.settle(row)

    def _tell_quality(self, scored: Scored, i: int, outside: NDArray[np.bool_], record: int, time: int) -> None:
        work, row = scored.group.work, int(scored.rows[i])
        case, ranges = work.peek(row), self._rules(work).ranges
        held, readings = scored.bucket.out.held[i], int(work.columns["count"][row])
        for s, sensor in enumerate(self._sensors(scored, i)):
            verdicts: list[Verdict] = []
            if outside[s] or (
                case is not None and (sensor in case.outside or f"out_of_range/{sensor}" in case.quality)
            ):
                case = work.case(row)
                verdict = note_range(case, sensor, bool(outside[s]))
                verdicts += [verdict] if verdict is not None else []
            else:
                if case is not None and f"stuck/{sensor}" in case.quality:
                    case = work.case(row)  # its run is counted in it
                verdicts += note_held(case, sensor, float(held[s]), float(ranges.stuck[s]), readings)
            for verdict in verdicts:
                case = work.case(row)
                if verdict.begins:
                    self._open_quality(work, row, case, verdict.type, sensor, record, time, scored, i)
                else:
                    self._close_quality(work, row, case, f"{verdict.type}/{sensor}", record, time, "recovered")
        work.settle(row)

    def _open(self, scored: Scored, i: int, case: Case, record: int, at: int) -> None:
        device = scored.group.work.ids[int(scored.rows[i])]
        assert device is not None
        share = self._shares(scored, i, None)
        alert = open_process(device, self._reading(scored, i, share))
        alert.shares, alert.labels = share.tolist(), self._readings.labels.get(at, {})
        case.process = alert
        scored.group.work.columns["flags"][scored.rows[i]] |= ALERTING
        self._publish(
            scored.group.work, int(scored.rows[i]), alert, "opened", record, self._told(scored, i, alert, share)
        )

    def _continue(self, scored: Scored, i: int, case: Case, record: int, at: int) -> None:
        alert, row = case.process, int(scored.rows[i])
        assert alert is not None
        share = self._shares(scored, i, alert)
        alert.shares = share.tolist()
        reading = self._reading(scored, i, share)
        event, reason = continue_process(alert, reading, self._alerts)
        if event is None:
            return
        told(alert, reading, event)
        spoken = self._told(scored, i, alert, share)
        if event == "resolved":
            case.process = None
            scored.group.work.columns["flags"][row] &= ~ALERTING
            spoken = spoken._replace(reason=reason, summary=explain.ending(alert, reason, reading.time_ms))
        self._publish(scored.group.work, row, alert, event, record, spoken)

    def _tell_change(self, scored: Scored, i: int, case: Case, record: int, at: int, changing: bool) -> None:
        """A change of level that returns within the limits is an event of its own, silent for 40 readings."""
        work, row = scored.group.work, int(scored.rows[i])
        reading = self._reading(scored, i, self._change_shares(scored, i))
        if case.change is not None and reading.readings - case.change.opened_count >= 40 and not changing:
            self._end(work, row, case.change, record, reading.time_ms, "recovered")
            case.change = None
        elif case.change is None and changing and case.process is None:
            device = work.ids[row]
            assert device is not None
            alert = open_process(device, reading._replace(evidence=float(scored.judged.change[i])), "change")
            alert.severity, alert.labels = "info", self._readings.labels.get(at, {})
            case.change = alert
            share = self._change_shares(scored, i)
            self._publish(work, row, alert, "opened", record, self._told(scored, i, alert, share))

    # Writing.

    def _open_quality(
        self,
        work: Work,
        row: int,
        case: Case,
        type_: str,
        sensor: str,
        record: int,
        time: int,
        scored: Scored | None = None,
        i: int = 0,
    ) -> None:
        device = work.ids[row]
        assert device is not None
        alert = OpenAlert(
            alert_id=alert_id(device, "data_quality", type_, sensor, time),
            kind="data_quality",
            type=type_,
            sensor=sensor,
            onset_ms=time,
            severity="info" if type_ in INFO else "warning",
            score_max=1.0,
        )
        case.quality[f"{type_}/{sensor}"] = alert
        parts = [] if scored is None else self._one_sensor(scored, i, sensor)
        summary = explain.QUALITY_TEXT[type_].format(sensor=sensor)
        self._publish(work, row, alert, "opened", record, Spoken(time, 1.0, False, parts, summary))

    def _close_quality(self, work: Work, row: int, case: Case, name: str, record: int, time: int, reason: str) -> None:
        alert = case.quality.pop(name, None)
        if alert is not None:
            self._end(work, row, alert, record, time, reason)

    def _end(self, work: Work, row: int, alert: OpenAlert, record: int, time: int, reason: str) -> None:
        alert.sequence += 1
        summary = explain.ending(alert, reason, time)
        self._publish(work, row, alert, "resolved", record, Spoken(time, 0.0, False, [], summary, reason))

    def _publish(self, work: Work, row: int, alert: OpenAlert, event: Event, record: int, spoken: "Spoken") -> None:
        device, signature = work.ids[row], self._signature(work, row)
        assert device is not None
        offset = int(self._readings.offsets[record])
        manifest = work.table.layout.bundle.manifest
        resolved = event == "resolved"
        value = Alert(
            alert_id=alert.alert_id,
            event=event,
            sequence=alert.sequence,
            kind=alert.kind,
            type=alert.type,
            severity=alert.severity,
            device_id=device,
            device_class=signature.device_class,
            labels=alert.labels,
            onset_time=explain.rfc3339(alert.onset_ms),
            reading_time=explain.rfc3339(spoken.time_ms),
            resolved_time=explain.rfc3339(spoken.time_ms) if resolved else None,
            resolved_reason=spoken.reason or None,
            duration_s=max(spoken.time_ms - alert.onset_ms, 0) / 1000,
            score=explain.number(spoken.score) or 0.0,
            score_max=explain.number(alert.score_max) or 0.0,
            budget=Budget(
                false_alarms_per_device_day=self._rules(work).budget_of(signature.device_class),
                extrapolated=spoken.extrapolated,
            ),
            contributions=spoken.contributions,
            summary=f"{device}: {spoken.summary}",
            model=ModelName(name=manifest.name, version=manifest.version, sha256=manifest.sha256),
            source=Source(topic=self._topic, partition=self._readings.partition, offset=offset),
        ).model_dump_json(by_alias=True)
        alert.value = value.encode()
        said = AlertRecord(
            device, alert.alert_id, event, alert.sequence, alert.kind, alert.severity, offset, alert.value
        )
        self.occurrences.append(Occurrence(offset, device, alert.kind, alert.sensor, said))

    # Reading a scored chunk.

    def _told(self, scored: Scored, i: int, alert: OpenAlert, share: NDArray[np.float32]) -> "Spoken":
        work = scored.group.work
        sensors = self._sensors(scored, i)
        out, size = scored.bucket.out, len(sensors)
        by_level = alert.type in ("level", "season", "change")
        expected = (out.reference if by_level else out.mean)[i, :size]
        half = (out.reference_scale * np.float32(explain.REFERENCE_BAND) if by_level else out.scale)[i, :size]
        parts = explain.contributions(sensors, self._units(work), share, scored.values[i, :size], expected, half)
        evidence = float(scored.judged.change[i] if alert.type == "change" else scored.judged.evidence[i])
        return Spoken(
            int(scored.times[i]),
            score(evidence),
            bool(scored.extrapolated[i]),
            parts,
            explain.sentence(alert.type, parts),
        )

    def _one_sensor(self, scored: Scored, i: int, sensor: str) -> list[Contribution]:
        work, s, out = scored.group.work, self._sensors(scored, i).index(sensor), scored.bucket.out
        alone = np.ones(1, np.float32)
        observed = scored.group.values[scored.picked[i], s : s + 1]
        return explain.contributions(
            [sensor], self._units(work), alone, observed, out.mean[i, s : s + 1], out.scale[i, s : s + 1]
        )

    def _shares(self, scored: Scored, i: int, alert: OpenAlert | None) -> NDArray[np.float32]:
        """Each sensor's part now; of an open alert, of late, so that a smoothed strength can still be explained."""
        work, size = scored.group.work, len(self._sensors(scored, i))
        beyond = exceedance(scored.strength[i], scored.limit[i]) - scored.judged.taken_off[i]
        share = explain.shares(work.table.layout.plan, scored.terms[i, :, :size], beyond)
        if alert is None:
            return share
        past = np.zeros(size, np.float32)
        past[: len(alert.shares)] = alert.shares  # a universal device may have got a sensor since
        return past + np.float32(0.1) * (share - past) if share.any() else past

    def _change_shares(self, scored: Scored, i: int) -> NDArray[np.float32]:
        plan, size = scored.group.work.table.layout.plan, len(self._sensors(scored, i))
        terms = scored.terms[i, plan.witness_of[plan.change[0]], :size]
        return terms / np.float32(max(sum(terms.tolist()), 1e-9))

    def _reading(self, scored: Scored, i: int, share: NDArray[np.float32]) -> Reading:
        work, row = scored.group.work, int(scored.rows[i])
        plan = work.table.layout.plan
        sensors = self._sensors(scored, i)
        count = int(work.columns["count"][row])
        return Reading(
            time_ms=int(scored.times[i]),
            readings=count,
            evidence=float(scored.judged.evidence[i]),
            strength=scored.strength[i, plan.evidence],
            limit=scored.limit[i, plan.evidence],
            taken_off=scored.judged.taken_off[i, plan.evidence],
            leading_sensor=sensors[int(np.argmax(share))] if len(share) else "",
            type=explain.family(plan.names[int(scored.judged.leading[i])]),
            ends_block=count % BLOCK == 0,
        )

    def _sensors(self, scored: Scored, i: int) -> tuple[str, ...]:
        """A device's sensors as of this reading: a later one of the same batch may have brought more."""
        work = scored.group.work
        sensors = self._signature(work, int(scored.rows[i])).sensors
        universal = work.table.layout.bundle.manifest.universal
        return sensors[: int(scored.group.sensors[scored.picked[i]])] if universal else sensors

    def _signature(self, work: Work, row: int) -> Signature:
        return self._overlay.partition.signatures[int(work.columns["signature"][row])]

    def _rules(self, work: Work) -> TableRules:
        return self.rules[work.table.key]

    def _units(self, work: Work) -> dict[str, str]:
        return {sensor.name: sensor.unit for sensor in work.table.layout.bundle.manifest.sensors}

    def _reject(self, at: int, reason: str, error: str) -> None:
        self.rejects.append(
            Reject(int(self._readings.record[at]), self._readings.elements.get(at), reason, error[:500])
        )


class Spoken(NamedTuple):
    """What one event says beside the alert's own facts."""

    time_ms: int
    score: float
    extrapolated: bool
    contributions: list[Contribution]
    summary: str
    reason: str = ""
