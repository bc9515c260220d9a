"""Data-quality verdicts: what the data says of the sensors, kept apart from what it says of the process.

Comes in: readings, and the graph's count of how long each sensor has not changed or been missing. Goes out: which
verdicts begin and end. A device's case remembers the runs; a healthy device has none.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.detector.cases import Case, OpenAlert
from service.detector.rules import SensorRule
from service.manifest import Manifest

OUTSIDE_AFTER = 3  # successive readings outside the range: one alone is a glitch of the line
INSIDE_AFTER = 60  # readings inside it that end the verdict
MOVING_AFTER = 3  # readings with a new value each that end a stuck verdict: one alone may follow a missing value
MISSING_AFTER = 20  # readings without a sensor that was there before
STEADY = 20  # successive readings ahead by the same offset that make it the device's correction
STEADY_MS = 2000  # what counts as the same


class Verdict(NamedTuple):
    type: str
    sensor: str
    begins: bool


class Ranges:
    """Physical ranges and stuck limits of one table's sensors, in the order of its columns."""

    def __init__(self, manifest: Manifest, rules: Mapping[str, SensorRule], width: int) -> None:
        self.low = np.full(width, -np.inf, np.float32)
        self.high = np.full(width, np.inf, np.float32)
        self.stuck = np.full(width, np.inf, np.float32)
        for s, sensor in enumerate(manifest.sensors):
            rule = rules.get(sensor.name, SensorRule())
            low = rule.low if rule.low is not None else sensor.low
            high = rule.high if rule.high is not None else sensor.high
            self.low[s] = -np.inf if low is None else low
            self.high[s] = np.inf if high is None else high
            self.stuck[s] = np.inf if sensor.stuck_after is None else sensor.stuck_after

    def outside(self, values: NDArray[np.float32]) -> NDArray[np.bool_]:
        return (values < self.low) | (values > self.high)  # NaN is neither


def note_range(case: Case, sensor: str, outside: bool) -> Verdict | None:
    """Count one more reading of a sensor against its range."""
    run = case.outside.get(sensor, 0)
    name = f"out_of_range/{sensor}"
    if outside:
        case.outside[sensor] = run = max(run, 0) + 1
        return Verdict("out_of_range", sensor, True) if run >= OUTSIDE_AFTER and name not in case.quality else None
    case.outside[sensor] = run = min(run, 0) - 1
    if name in case.quality and run > -INSIDE_AFTER:
        return None
    del case.outside[sensor]
    return Verdict("out_of_range", sensor, False) if name in case.quality else None


def note_held(case: Case | None, sensor: str, held: float, stuck_after: float, readings: int) -> list[Verdict]:
    """What `held` readings without a change (> 0) or without the sensor at all (< 0) begin or end."""
    open_ = case.quality if case is not None else {}
    verdicts = []
    was_stuck, was_missing = f"stuck/{sensor}" in open_, f"missing/{sensor}" in open_
    is_stuck = held >= stuck_after or (was_stuck and not moving(open_[f"stuck/{sensor}"], held))
    is_missing = -held >= MISSING_AFTER and -held < readings  # a sensor never seen is not missed
    if is_stuck != was_stuck:
        verdicts.append(Verdict("stuck", sensor, is_stuck))
    if is_missing != was_missing:
        verdicts.append(Verdict("missing", sensor, is_missing))
    return verdicts


def moving(alert: OpenAlert, held: float) -> bool:
    """Count one more reading of a sensor that was stuck; whether its value changes again for good."""
    alert.moved = alert.moved + 1 if held == 1 else 0
    return alert.moved >= MOVING_AFTER


def note_ahead(case: Case, time_ms: int, ahead_ms: int) -> bool:
    """Count a reading ahead of its arrival; True once the offset was steady for so long that it is corrected."""
    if time_ms == case.ahead_time:
        return False
    case.ahead_time = time_ms
    steady = case.ahead and abs(ahead_ms - case.ahead_ms) <= STEADY_MS
    case.ahead = case.ahead + 1 if steady else 1
    case.ahead_ms = ahead_ms
    if case.ahead < STEADY:
        return False
    case.correction_ms += ahead_ms
    case.ahead = 0
    return True
