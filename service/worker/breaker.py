"""The breaker of a partition: when too many of its records are no readings, it is read no further.

Whoever writes such records has deployed a mistake, and a week of dead letters helps nobody. What trips it is a function
of the records alone, one after another, never of how they were cut into polls: the record at which it trips is the last
one that is read, until the configuration says `worker.breaker: off`. It is part of a partition's snapshot.
"""

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass

import msgspec
import numpy as np

from service.errors import DataRuleError
from service.records import Readings
from service.worker.settings import WorkerSettings

KEY = "breaker"


class Trip(msgspec.Struct, frozen=True):
    offset: int  # of the record that was one too many
    why: str


@dataclass(frozen=True)
class Rules:
    in_a_row: int
    window: int
    share: float

    @classmethod
    def of(cls, settings: WorkerSettings) -> "Rules | None":
        if not settings.breaker:
            return None
        return cls(settings.breaker_in_a_row, settings.breaker_window, settings.breaker_share)

    def judge(self, row: int, invalid: int, seen: int) -> str:
        """What is wrong, or nothing."""
        if row >= self.in_a_row:
            return f"{row} records in a row are no readings"
        if invalid > self.share * self.window:
            return f"{invalid} of the last {min(seen, self.window)} records are no readings"
        return ""


class Breaker(msgspec.Struct, frozen=True):
    """As of one record of the partition; `trip` is set once and for good."""

    seen: int = 0  # records
    row: int = 0  # invalid ones in a row, up to the last one seen
    invalid: tuple[int, ...] = ()  # numbers of the invalid ones among the last of a window, the first record being 0
    trip: Trip | None = None

    def value(self) -> bytes:
        return msgspec.json.encode(self)

    @classmethod
    def parse(cls, value: bytes) -> "Breaker":
        try:
            return msgspec.json.decode(value, type=cls)
        except msgspec.MsgspecError as error:
            raise DataRuleError(f"state record {KEY!r} can't be read: {error}") from error

    def after(self, readings: Readings, rules: Rules, judging: bool = True) -> "Breaker":
        """With these records; where one of them trips it, only up to that one. A replay does not judge again."""
        row, last, invalid = self.row, -1, list(self.invalid)
        for at, reason in _invalid(readings):
            row = row + 1 if at == last + 1 else 1
            last, seen = at, self.seen + at + 1
            invalid = [*_within(invalid, seen, rules.window), seen - 1]
            if judging and (why := rules.judge(row, len(invalid), seen)):
                trip = Trip(int(readings.offsets[at]), f"{why} (the last one: {reason})")
                return Breaker(seen, row, tuple(invalid), trip)
        seen = self.seen + len(readings.offsets)
        row = row if last == len(readings.offsets) - 1 else 0
        return Breaker(seen, row, tuple(_within(invalid, seen, rules.window)))


def told(trip: Trip, place: tuple[str, int]) -> str:
    """For logs and readiness."""
    topic, partition = place
    return (
        f"the breaker of {topic} partition {partition} is open since offset {trip.offset}: {trip.why}; mend what "
        "writes them, or restart with worker.breaker: off to go on from there with a dead letter for each"
    )


def _within(numbers: list[int], seen: int, window: int) -> list[int]:
    """Those among the last `window` of the records seen."""
    return numbers[bisect_left(numbers, seen - window) :]


def _invalid(readings: Readings) -> list[tuple[int, str]]:
    """Records of which more was refused than read, by position, each with the reason of its first refusal."""
    if not readings.rejects:
        return []
    refused = Counter(reject.record for reject in readings.rejects)
    reasons = {reject.record: reject.reason for reject in reversed(readings.rejects)}
    positions = np.array(sorted(refused), np.int32)
    starts, ends = (np.searchsorted(readings.record, positions, side=side) for side in ("left", "right"))
    read = dict(zip(positions.tolist(), (ends - starts).tolist(), strict=True))
    return [(at, reasons[at]) for at in read if refused[at] > read[at]]
