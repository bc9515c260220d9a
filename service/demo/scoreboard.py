"""The rules of the demo's score: which injected faults were found, which alerts were false, and what chance allows.

Pure: labelled faults and opened alerts in, a verdict and its JSON out. The rules, so that nobody has to guess:

* Alerts of severity `info` (a clock that is ahead, say) count for nothing. All others do, process or data quality.
* A fault is found by the first alert that opens on its device between its start and its end plus a grace
  (GRACE_READINGS sample periods). An alert counts for one fault: the latest that had begun.
* An alert that opens up to RECOVERY_S after a fault's end is that fault's echo: it finds nothing, and is not false.
* A false alarm is any other alert. What opened before a fault is false, however long it stayed open.
* A fault that the play cut short before its grace was over, and that was not found, is undecided and not counted.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from service.chance import poisson_quantile
from service.fleet import Fault

# A witness smooths over 4 and 15 readings, so a fault of spread shows for some readings after its last one; what a
# count of readings decides (missing, stuck) doesn't.
GRACE_READINGS = {"stuck": 3, "dropout": 3}
GRACE_READINGS_ELSE = 6
RECOVERY_S = 300.0
BANDS = ((2.0, 4.0), (4.0, 6.0), (6.0, 8.0))  # spreads
TWICE, LEVEL = 2.0, 0.95  # false alarms stay below this quantile of a Poisson variable of twice the budget


class Opened(NamedTuple):
    device: str
    alert_id: str
    kind: str
    type: str
    severity: str
    time_ms: int  # event time of the reading or deadline at which it opened
    leading_sensor: str
    summary: str


class Judged(NamedTuple):
    fault: Fault
    alert: Opened | None

    @property
    def delay_s(self) -> float | None:
        return None if self.alert is None else (self.alert.time_ms - self.fault.start_ms) / 1000


@dataclass(frozen=True)
class Play:
    """What was played. Times and rates are in event time, but for `clock_s`."""

    seconds: float  # asked for, of the clock; without an end, those that it ran
    speed: float
    played_s: float
    clock_s: float
    readings: int
    dead_letters: int
    periods_s: Mapping[str, float]  # device -> sample period
    budgets: Mapping[str, float]  # device -> false alarms a device-day
    models: Sequence[Mapping[str, str]]

    @property
    def device_days(self) -> float:
        return len(self.periods_s) * self.played_s / 86400

    @property
    def budget(self) -> float:
        """Of the average device, a device-day."""
        return math.fsum(self.budgets.values()) / max(len(self.budgets), 1)

    @property
    def allowed(self) -> int:
        return poisson_quantile(TWICE * self.budget * self.device_days, LEVEL)


@dataclass(frozen=True)
class Verdict:
    judged: tuple[Judged, ...]
    undecided: tuple[Fault, ...]
    false_alarms: tuple[Opened, ...]

    @property
    def found(self) -> tuple[Judged, ...]:
        return tuple(each for each in self.judged if each.alert is not None)

    @property
    def missed(self) -> tuple[Fault, ...]:
        return tuple(each.fault for each in self.judged if each.alert is None)

    @property
    def named_first(self) -> int:
        """Found faults whose alert names a sensor at fault before all others."""
        return sum(each.alert is not None and each.alert.leading_sensor in each.fault.sensors for each in self.judged)


def judge(
    faults: Iterable[Fault],
    opened: Iterable[Opened],
    periods_s: Mapping[str, float],
    until_ms: int,
) -> Verdict:
    """until_ms: event time up to which the play came; what begins later is no part of it."""
    begun = [fault for fault in faults if fault.start_ms <= until_ms]
    finds: dict[Fault, Opened] = {}
    false_alarms = []
    told = (alert for alert in opened if alert.severity != "info")
    for alert in sorted(told, key=lambda alert: (alert.time_ms, alert.alert_id)):
        owner = _owner(alert, begun, periods_s)
        if owner is None:
            false_alarms.append(alert)
        elif alert.time_ms <= _grace_end(owner, periods_s):
            finds.setdefault(owner, alert)
    decided = [fault for fault in begun if fault in finds or _grace_end(fault, periods_s) <= until_ms]
    return Verdict(
        tuple(Judged(fault, finds.get(fault)) for fault in decided),
        tuple(fault for fault in begun if fault not in decided),
        tuple(false_alarms),
    )


def _owner(alert: Opened, faults: Sequence[Fault], periods_s: Mapping[str, float]) -> Fault | None:
    """The latest fault that had begun and is not yet forgotten; one that may still be found goes before an echo."""
    own = [fault for fault in faults if fault.device == alert.device and fault.start_ms <= alert.time_ms]
    findable = [fault for fault in own if alert.time_ms <= _grace_end(fault, periods_s)]
    echoing = [fault for fault in own if alert.time_ms <= fault.end_ms + RECOVERY_S * 1000]
    return max(findable or echoing, key=lambda fault: fault.start_ms, default=None)


def _grace_end(fault: Fault, periods_s: Mapping[str, float]) -> int:
    readings = GRACE_READINGS.get(fault.kind, GRACE_READINGS_ELSE)
    return fault.end_ms + int(readings * periods_s[fault.device] * 1000)


def band(fault: Fault) -> str:
    """The size band, in spreads; a sensor that is stuck or gone has no size."""
    if fault.size is None:
        return "no size"
    low, high = next((each for each in BANDS if fault.size < each[1]), BANDS[-1])
    return f"{low:g}-{high:g}"


def report(play: Play, verdict: Verdict) -> dict[str, Any]:
    """The JSON of `--report`: times are RFC 3339, times and rates are in event time."""
    false_alarms = len(verdict.false_alarms)
    return {
        "seconds": play.seconds,
        "speed": play.speed,
        "devices": len(play.periods_s),
        "device_days": round(play.device_days, 4),
        "readings": play.readings,
        "readings_per_second": round(play.readings / max(play.played_s, 1e-9), 3),
        "faults": [_told(each) for each in verdict.judged],
        "faults_injected": len(verdict.judged),
        "faults_detected": len(verdict.found),
        "faults_undecided": len(verdict.undecided),
        "recall_by_kind": _recall(verdict, lambda fault: fault.kind),
        "recall_by_size": _recall(verdict, band),
        "false_alarms": false_alarms,
        "false_alarms_per_device_day": round(false_alarms / max(play.device_days, 1e-9), 4),
        "false_alarms_allowed": play.allowed,
        "false_alarm_list": [_told_false(alert) for alert in verdict.false_alarms],
        "budget": play.budget,
        "dead_letters": play.dead_letters,
        "model": list(play.models),
    }


def _told(each: Judged) -> dict[str, Any]:
    fault, alert = each
    return {
        "device": fault.device,
        "kind": fault.kind,
        "start": rfc3339(fault.start_ms),
        "end": rfc3339(fault.end_ms),
        "size": fault.size,
        "detected": alert is not None,
        "delay_s": each.delay_s,
        "alert_id": alert.alert_id if alert else None,
        "sensor": ",".join(fault.sensors),
        "leading_sensor": alert.leading_sensor if alert else None,
    }


def _told_false(alert: Opened) -> dict[str, Any]:
    fields = alert._asdict()
    return {**fields, "time": rfc3339(fields.pop("time_ms"))}


def _recall(verdict: Verdict, key: Callable[[Fault], str]) -> dict[str, dict[str, int]]:
    groups: dict[str, dict[str, int]] = {}
    for each in verdict.judged:
        group = groups.setdefault(key(each.fault), {"injected": 0, "detected": 0})
        group["injected"] += 1
        group["detected"] += each.alert is not None
    return dict(sorted(groups.items()))


def rfc3339(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
