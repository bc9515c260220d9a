"""The columns that travel from a stream to the detector and back: records, readings, and what a step made of them.

Plain data without behaviour, known to streams, detector and worker alike, so none of them needs to know another.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Headers = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True)
class Records:
    """Consecutive records of one partition in offset order (offsets may have gaps)."""

    partition: int
    offsets: Sequence[int]
    arrivals: Sequence[int]  # Unix ms at which the log took the record
    keys: Sequence[bytes | None]
    values: Sequence[bytes]
    headers: Sequence[Headers] = ()  # empty: no record has any

    def __len__(self) -> int:
        return len(self.offsets)

    def cut(self, start: int, stop: int) -> "Records":
        columns = (self.offsets, self.arrivals, self.keys, self.values, self.headers)
        return Records(self.partition, *(column[start:stop] for column in columns))  # type: ignore[arg-type]


class Reject(NamedTuple):
    """A message, or one element of a batch message, that could not become a reading."""

    record: int  # position in the records
    element: int | None  # index in a JSON array; None = the whole message
    reason: str  # closed set: decode, schema, oversize, not-finite, time, device, late, future, no-model ...
    error: str  # one line that names field, value and the way out; at most 500 characters


@dataclass
class Readings:
    """Readings of one partition as columns. n readings out of R records; a record gives 0, 1 or many."""

    partition: int
    offsets: NDArray[np.int64]  # (R,) of every record, also of those that gave no reading
    arrivals: NDArray[np.int64]  # (R,) Unix ms
    record: NDArray[np.int32]  # (n,) position of each reading's record, not decreasing
    devices: list[str]  # (n,)
    times: NDArray[np.int64]  # (n,) event time, Unix ms
    classes: list[str | None]  # (n,)
    sensors: tuple[str, ...]  # U names of the columns of `values`
    values: NDArray[np.float32]  # (n, U) NaN = missing
    named: dict[int, dict[str, float]] = field(
        default_factory=dict
    )  # reading -> its sensors, where `values` is not used
    labels: dict[int, dict[str, str]] = field(default_factory=dict)  # reading -> labels, where it has any
    elements: dict[int, int] = field(default_factory=dict)  # reading -> index in its message, for batch messages
    rejects: list[Reject] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)  # e.g. unknown_member, key_mismatch


class AlertRecord(NamedTuple):
    """One event of an alert's life, as it is published."""

    device: str
    alert_id: str
    event: str  # opened, updated, escalated, resolved
    sequence: int
    kind: str
    severity: str
    offset: int
    value: bytes  # the JSON of design 9: a function of the input alone


@dataclass
class Scores:
    """What a backtest writes a row of: one entry per stepped reading, in the order of the input."""

    stepped: Readings  # partial readings made whole
    reading: NDArray[np.int64]  # (m,) position in `stepped`
    score: NDArray[np.float32]
    evidence: NDArray[np.float32]
    limit: NDArray[np.float32]  # of the leading strength
    event: NDArray[np.bool_]  # the weak event rule of the benchmarks fires at this reading
    change: NDArray[np.float32]  # evidence of the change row
    alert: NDArray[np.bool_]  # a process alert is open after this reading
    leading: list[str]  # sensor
    expected: NDArray[np.float32] | None = None  # (m, U) where asked for
    lower: NDArray[np.float32] | None = None
    upper: NDArray[np.float32] | None = None


OTHER = "other"  # in place of a class that has no bundle of its own: a closed set for metrics
SCORE_EDGES = (0.1, 0.25, 0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0, 4.0)  # of scores; 1 is the limit


@dataclass
class Measured:
    """What one step showed of one class's devices. Nothing is decided by it."""

    scores: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(SCORE_EDGES) + 1, np.int64))
    score_sum: float = 0.0
    device_s: float = 0.0  # device time that was scored, without maintenance
    allowed: float = 0.0  # false alarms that the budget allows for it
    present: int = 0  # sensor values
    missing: int = 0


@dataclass
class Outcome:
    """All that one step would change, not yet applied: `Detector.fold` applies it, dropping it undoes it."""

    partition: int
    alerts: list[AlertRecord]  # sorted by (offset, device, kind, sensor)
    rejects: list[Reject]  # dead letters that only the detector can tell (future, late when asked, no-model)
    counts: dict[str, int]  # readings by outcome
    scores: Scores | None
    overlay: object  # the detector's own
    measured: dict[str, Measured] = field(default_factory=dict)  # by class of the bundle, or `other`
