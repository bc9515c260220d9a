"""Which events a batch makes: opens, continues and ends alerts of the few devices that have something to say.

Every event carries the record that caused it; the detector sorts them, so how the input was cut changes nothing.
"""

from collections import Counter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import service.detector.explain as explain
from service.detector.account import Account, Spoken
from service.detector.alerts import continue_process, open_process, told
from service.detector.cases import Case, OpenAlert
from service.detector.devices import ALERTING, SILENT, Work
from service.detector.publishing import Publisher
from service.detector.quality import Verdict, note_ahead, note_held, note_range
from service.detector.rules import AlertsSettings
from service.detector.scored import Scored
from service.detector.tables import TableRules
from service.records import Readings, Reject

CLOCK_BACK = 3  # readings on time that end a clock alert
CHANGE_SILENCE = 40  # readings


class Told(NamedTuple):
    """Why a reading is looked at."""

    opening: bool
    changing: bool
    outside: NDArray[np.bool_]  # (S,) sensors outside their physical range


class Teller:
    """Events and dead letters of one batch of one partition; `stream` is the stream time at each record."""

    def __init__(
        self,
        publisher: Publisher,
        readings: Readings,
        stream: NDArray[np.int64],
        alerts: AlertsSettings,
        dead_letter_late: bool,
    ) -> None:
        self.publisher = publisher
        self.rejects: list[Reject] = []
        self.counts: Counter[str] = Counter()
        self._readings = readings
        self._stream = stream
        self._alerts = alerts
        self._dead_letter_late = dead_letter_late

    @property
    def rules(self) -> dict[str, TableRules]:
        return self.publisher.rules

    # What arrivals and clocks say of a device.

    def late(self, at: int, last_ms: int) -> None:
        if self._dead_letter_late:
            time = explain.rfc3339(int(self._readings.times[at]))
            self._reject(at, "late", f"time {time} is before the device's last reading at {explain.rfc3339(last_ms)}")

    def ahead(self, work: Work, row: int, at: int, ahead_ms: int) -> None:
        time_ms, record = int(self._readings.times[at]), int(self._readings.record[at])
        text = f"time {explain.rfc3339(time_ms)} is {ahead_ms / 1000:.0f} s ahead of arrival; set the device clock"
        self._reject(at, "future", text)
        case = work.case(row)
        if "clock_skew/" not in case.quality:
            self._open_quality(work, row, case, "clock_skew", record, time_ms)
        if note_ahead(case, time_ms, ahead_ms):
            self.counts["clock_corrected"] += 1

    def on_time(self, work: Work, row: int, at: int) -> None:
        case = work.peek(row)
        if case is None or not (case.ahead or "clock_skew/" in case.quality):
            return
        case = work.case(row)
        case.ahead = min(case.ahead, 0) - 1
        if case.ahead <= -CLOCK_BACK:
            case.ahead = 0
            record, time_ms = int(self._readings.record[at]), int(self._readings.times[at])
            self.publisher.close_quality(work, row, case, "clock_skew/", record, time_ms)
        work.settle(row)

    def silent(self, work: Work, row: int, deadline_ms: int) -> None:
        """The deadline fires at the first record whose stream time has reached it."""
        work.columns["flags"][row] |= SILENT
        self._open_quality(work, row, work.case(row), "silent", self._reached(deadline_ms), deadline_ms)

    def heard_again(self, work: Work, row: int, record: int, now_ms: int) -> None:
        work.columns["flags"][row] &= ~SILENT
        self.publisher.close_quality(work, row, work.case(row), "silent/", record, now_ms)
        work.settle(row)

    def forget(self, work: Work, row: int) -> None:
        """Time to live is over: what is open ends with the device."""
        deadline = int(work.columns["heard"][row]) + self.rules[work.table.key].time_to_live_ms
        for alert in work.case(row).open():
            self.publisher.end(work, row, alert, self._reached(deadline), deadline, "forgotten")
        self.counts["evicted"] += 1

    def _reached(self, deadline_ms: int) -> int:
        return int(np.searchsorted(self._stream, deadline_ms, side="left"))

    # What a step says of the sensors and of the process.

    def without_stuck(
        self, work: Work, rows: NDArray[np.intp], terms: NDArray[np.float32], troubled: NDArray[np.bool_]
    ) -> NDArray[np.float32]:
        """Terms (rows, W, S) less those of sensors known to be stuck: a data-quality matter, told already."""
        terms = terms.copy()
        for i in np.flatnonzero(troubled).tolist():
            case = work.peek(int(rows[i]))
            if case is not None and case.quality:
                sensors = self.publisher.signature(work, int(rows[i])).sensors
                terms[i][:, [s for s, name in enumerate(sensors) if f"stuck/{name}" in case.quality]] = 0
        return terms

    def tell(self, scored: Scored, i: int, what: Told) -> None:
        work, row, at = scored.group.work, int(scored.rows[i]), int(scored.group.at[scored.picked[i]])
        account = Account(scored, i, self.publisher.signature(work, row))
        record = int(self._readings.record[at])
        self._tell_quality(account, what.outside, record)
        case = work.case(row) if what.opening or what.changing else work.peek(row)
        if case is None:
            return
        if case.process is not None:
            self._continue(account, work.case(row), record)
        elif what.opening:
            self._open(account, case, record, at)
        if what.changing or case.change is not None:
            self._tell_change(account, work.case(row), record, at, what.changing)
        work.settle(row)

    def _tell_quality(self, account: Account, outside: NDArray[np.bool_], record: int) -> None:
        work, row = account.work, account.row
        held, stuck_after = account.scored.bucket.out.held[account.i], self.rules[work.table.key].ranges.stuck
        for s, sensor in enumerate(account.sensors):
            for verdict in self._verdicts(account, sensor, bool(outside[s]), float(held[s]), float(stuck_after[s])):
                if verdict.begins:
                    spoken = quality_words(account.time_ms, verdict.type, sensor)
                    spoken = spoken._replace(contributions=account.of_sensor(sensor))
                    self.publisher.open_quality(work, row, work.case(row), verdict.type, sensor, record, spoken)
                else:
                    name = f"{verdict.type}/{sensor}"
                    self.publisher.close_quality(work, row, work.case(row), name, record, account.time_ms)
        work.settle(row)

    def _verdicts(self, account: Account, sensor: str, outside: bool, held: float, stuck_after: float) -> list[Verdict]:
        work, row = account.work, account.row
        case = work.peek(row)
        if outside or (case is not None and (sensor in case.outside or f"out_of_range/{sensor}" in case.quality)):
            verdict = note_range(work.case(row), sensor, outside)
            return [] if verdict is None else [verdict]
        if case is not None and f"stuck/{sensor}" in case.quality:
            case = work.case(row)  # its run is counted in it
        return note_held(case, sensor, held, stuck_after, account.count)

    def _open(self, account: Account, case: Case, record: int, at: int) -> None:
        share = account.shares()
        alert = self._born(account, share, at)
        case.process = alert
        account.work.columns["flags"][account.row] |= ALERTING
        self.publisher.publish(account.work, account.row, alert, "opened", record, account.spoken(alert, share))

    def _continue(self, account: Account, case: Case, record: int) -> None:
        alert = case.process
        assert alert is not None
        share = account.shares(alert)
        alert.shares = share.tolist()
        reading = account.reading(share)
        event, reason = continue_process(alert, reading, self._alerts)
        if event is None:
            return
        told(alert, reading, event)
        spoken = account.spoken(alert, share)
        if event == "resolved":
            case.process = None
            account.work.columns["flags"][account.row] &= ~ALERTING
            spoken = spoken._replace(reason=reason, summary=explain.ending(alert, reason, reading.time_ms))
        self.publisher.publish(account.work, account.row, alert, event, record, spoken)

    def _tell_change(self, account: Account, case: Case, record: int, at: int, changing: bool) -> None:
        """A change of level that returns within the limits is an event of its own, then silent for a while."""
        if case.change is not None and account.count - case.change.opened_count >= CHANGE_SILENCE and not changing:
            self.publisher.end(account.work, account.row, case.change, record, account.time_ms, "recovered")
            case.change = None
        elif case.change is None and changing and case.process is None:
            share = account.change_shares()
            case.change = self._born(account, share, at, change=True)
            spoken = account.spoken(case.change, share)
            self.publisher.publish(account.work, account.row, case.change, "opened", record, spoken)

    def _born(self, account: Account, share: NDArray[np.float32], at: int, change: bool = False) -> OpenAlert:
        device = account.work.ids[account.row]
        assert device is not None
        alert = open_process(device, account.reading(share, change))
        alert.shares, alert.labels = share.tolist(), self._readings.labels.get(at, {})
        if change:
            alert.severity = "info"
        return alert

    def _open_quality(self, work: Work, row: int, case: Case, type_: str, record: int, time_ms: int) -> None:
        self.publisher.open_quality(work, row, case, type_, "", record, quality_words(time_ms, type_, ""))

    def _reject(self, at: int, reason: str, error: str) -> None:
        record, element = int(self._readings.record[at]), self._readings.elements.get(at)
        self.rejects.append(Reject(record, element, reason, error[:500]))


def quality_words(time_ms: int, type_: str, sensor: str) -> Spoken:
    return Spoken(time_ms, 1.0, False, [], explain.QUALITY_TEXT[type_].format(sensor=sensor))
