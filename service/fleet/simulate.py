"""A fleet of simulated devices: readings in the order in which they arrive, with the faults that were put into them.

Devices go in turn through the four classes. Event times and arrivals are both simulated, no clock is read; everything
is a function of (devices, seed, start, duration, faults). Blocks of 20 minutes are made, merged and forgotten, so a
fleet can run for ever in the same memory.
"""

import heapq
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from operator import attrgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.errors import UsageError
from service.fleet.classes import CLASSES, DeviceClass
from service.fleet.faults import Fault, Injection, plan
from service.fleet.machine import BLOCK_S, Block, Machine, device_name, generator, rounded

START_MS = 1_767_600_000_000  # Monday 2026-01-05, 08:00 UTC
BLOCK_MS = int(BLOCK_S * 1000)
EARLIEST_MS = 1000  # what jitter may bring a block's first readings forward, generously
PLAN_MS = 6 * BLOCK_MS  # a fleet without an end gets its faults for two hours at a time
SITES = ("north", "south", "east", "west")
DELAY_MS = 60.0  # of transport, mean of what comes on top of LEAST_DELAY_MS
LEAST_DELAY_MS = 15.0
LONGEST_DELAY_MS = 900.0  # shorter than any period: only a reading that is held up arrives out of order
CLOCK_FAULTS = np.array([0.001, 0.0001, 0.001])  # shares of readings: held up on the way, clock ahead, sent again
CLOCKS = np.array([None, "late", "ahead", "duplicate"], object)
HELD_UP_PERIODS = (1.3, 2.5)
AHEAD_MS = (360_000, 900_000)  # beyond the five minutes that a detector lets pass
RESENT_MS = (50, 1500)


class Sample(NamedTuple):
    device: str
    class_name: str
    time_ms: int
    arrival_ms: int
    values: dict[str, float | None]
    labels: dict[str, str]
    clock: str | None  # duplicate, late or ahead, where the line or the device's clock was at fault


@dataclass
class _Rows:
    """One device's messages of a block; the last few are those that were sent again."""

    measured: NDArray[np.int64]  # when it was, by a true clock
    times: NDArray[np.int64]
    arrivals: NDArray[np.int64]
    values: NDArray[np.object_]  # (n, sensors) float or None
    clocks: list[str | None]


class _Member:
    """A device with its faults and its line to the log."""

    def __init__(self, fleet: "Fleet", number: int) -> None:
        self.kind, nth = _place(number)
        self._machine = Machine(self.kind, nth, fleet.seed, fleet.start_ms)
        self.name = self._machine.name
        self._labels = {"site": SITES[(nth - 1) % len(SITES)]}
        self._names = [sensor.name for sensor in self.kind.sensors]
        self._clean, self._seed = fleet.clean, fleet.seed
        self._line = generator(fleet.seed, self.name, "transport")
        self._faults: list[Injection] = []
        self._last = np.zeros(len(self._names))

    def suffer(self, fault: Fault) -> None:
        self._faults.append(Injection(fault, self.kind, self._seed))

    def rows(self) -> _Rows:
        """Give the next block's messages."""
        block = self._machine.block()
        block.lost &= not self._clean
        for injection in self._faults:
            injection.apply(block, self._last)
        self._last = block.observed[-1]
        self._faults = [each for each in self._faults if each.fault.end_ms > block.times[-1]]
        return self._sent(block)

    def _sent(self, block: Block) -> _Rows:
        """Put the readings on the line: delays, and the few whose clock or way is at fault."""
        size = len(block.times)
        late, ahead, twice = self._line.random((3, size)) < (not self._clean) * CLOCK_FAULTS[:, None]
        forward, held_up = self._line.integers(*AHEAD_MS, size), self._line.uniform(*HELD_UP_PERIODS, size)
        resent = self._line.integers(*RESENT_MS, size)
        delay = np.minimum(LEAST_DELAY_MS + self._line.exponential(DELAY_MS, size), LONGEST_DELAY_MS)
        arrivals = block.times + (delay + late * held_up * self.kind.period_s * 1000).astype(np.int64)
        values = rounded(self.kind, block.observed).astype(object)
        values[block.lost] = None
        order = np.concatenate([np.arange(size), np.flatnonzero(twice)])
        again = np.arange(len(order)) >= size
        return _Rows(
            block.times[order],
            (block.times + ahead * forward)[order],
            arrivals[order] + again * resent[order],
            values[order],
            CLOCKS[np.where(again, 3, np.where(ahead, 2, late)[order])].tolist(),
        )

    def sample(self, rows: _Rows, row: int) -> Sample:
        values = dict(zip(self._names, rows.values[row], strict=True))
        time, arrival = int(rows.times[row]), int(rows.arrivals[row])
        return Sample(self.name, self.kind.name, time, arrival, values, self._labels, rows.clocks[row])


def _place(number: int) -> tuple[DeviceClass, int]:
    """Class of the fleet's device `number` (from 0), and its own number within the class (from 1)."""
    kinds = list(CLASSES.values())
    return kinds[number % len(kinds)], number // len(kinds) + 1


def readings_per_second(devices: int) -> float:
    """Tell how many readings a second of event time a fleet makes: a wish for N readings lasts N over this."""
    return sum(1 / _place(number)[0].period_s for number in range(devices))


class Fleet:
    """`devices` simulated devices and their labelled faults.

    faults: how many, by default one for every two devices: over `duration_s`, or every two hours in a fleet without
    an end. At most two a device, and none where no time is left for one. clean: nothing missing, no clock faults.
    Raises UsageError.
    """

    def __init__(
        self,
        devices: int,
        seed: int,
        start_ms: int = START_MS,
        faults: int | None = None,
        clean: bool = False,
        duration_s: float | None = None,
    ) -> None:
        for name, value, least in (("devices", devices, 1), ("seed", seed, 0), ("faults", faults or 0, 0)):
            if value < least:
                raise UsageError(f"{name} is {value}: give {least} or more")
        self.devices, self.seed, self.start_ms, self.clean = devices, seed, start_ms, clean
        self.duration_s = duration_s
        self._faults_a_plan = devices // 2 if faults is None else faults
        self._plans = [self._plan(0)]

    @property
    def faults(self) -> list[Fault]:
        """All faults; of a fleet without an end, those of the hours that `readings` has reached."""
        return [fault for plan in self._plans for fault in plan]

    def readings(self, duration_s: float | None = None) -> Iterator[Sample]:
        """Give the readings in order of arrival, from the start each time; for ever where nothing says how long.

        duration_s: in place of the fleet's; `math.inf` plays on, in health, after a planned end.
        """
        duration_s = self.duration_s if duration_s is None else duration_s
        stop_ms = None if duration_s in (None, math.inf) else self.start_ms + int(duration_s * 1000)
        members = [_Member(self, number) for number in range(self.devices)]
        carried: list[Sample] = []  # arrive after the next block's first
        for start_ms in count(self.start_ms, BLOCK_MS):
            if stop_ms is not None and start_ms >= stop_ms:
                break
            self._break_down(members, start_ms)
            arriving = heapq.merge(carried, _block(members, stop_ms), key=attrgetter("arrival_ms"))
            carried = []
            for sample in arriving:
                if sample.arrival_ms < start_ms + BLOCK_MS - EARLIEST_MS:
                    yield sample
                else:
                    carried.append(sample)
        yield from carried

    def _break_down(self, members: list[_Member], start_ms: int) -> None:
        """Hand the devices the faults of the plan that starts with this block."""
        number, within = divmod(start_ms - self.start_ms, PLAN_MS)
        if within or (number and self.duration_s is not None):
            return
        if number == len(self._plans):
            self._plans.append(self._plan(number))
        by_name = {member.name: member for member in members}
        for fault in self._plans[number]:
            by_name[fault.device].suffer(fault)

    def _plan(self, number: int) -> list[Fault]:
        start = self.start_ms + number * PLAN_MS
        stop = start + (PLAN_MS if self.duration_s is None else int(self.duration_s * 1000))
        places = [_place(device) for device in range(self.devices)]
        members = [(device_name(kind, nth), kind) for kind, nth in places]
        return plan(members, start, stop, self._faults_a_plan, self.seed)


def _block(members: list[_Member], stop_ms: int | None) -> Iterator[Sample]:
    """Give one block of all devices in order of arrival; a sample exists only once its turn has come."""
    rows = [member.rows() for member in members]
    keep = [each.measured < stop_ms if stop_ms is not None else np.ones(len(each.measured), bool) for each in rows]
    arrivals = np.concatenate([each.arrivals[kept] for each, kept in zip(rows, keep, strict=True)])
    places = [(i, row) for i, kept in enumerate(keep) for row in np.flatnonzero(kept).tolist()]
    for position in np.argsort(arrivals, kind="stable").tolist():
        i, row = places[position]
        yield members[i].sample(rows[i], row)


ENCODE = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def message(sample: Sample) -> tuple[bytes, bytes]:
    """Give key and value as they go into `telemetry.readings.v1`."""
    time = datetime.fromtimestamp(sample.time_ms / 1000, UTC).isoformat(timespec="milliseconds")
    reading = {
        "device": sample.device,
        "time": time.replace("+00:00", "Z"),
        "class": sample.class_name,
        "values": sample.values,
        "labels": sample.labels,
    }
    return sample.device.encode(), ENCODE(reading).encode()


def history(
    class_name: str, devices: int, duration_s: float, seed: int, start_ms: int = START_MS
) -> list[tuple[str, NDArray[np.int64], NDArray[np.float32]]]:
    """Give healthy devices as (name, times in Unix ms, values (n, sensors), NaN = missing): what training learns from.

    The same readings as those of the same device in a `Fleet` of the same seed, without faults of machine or clock.
    """
    kind = CLASSES[class_name]
    return [_healthy(Machine(kind, nth, seed, start_ms), duration_s, start_ms) for nth in range(1, devices + 1)]


def _healthy(machine: Machine, duration_s: float, start_ms: int) -> tuple[str, NDArray[np.int64], NDArray[np.float32]]:
    times, values = [], []
    for _ in range(math.ceil(duration_s / BLOCK_S)):
        block = machine.block()
        times.append(block.times)
        values.append(np.where(block.lost, np.nan, rounded(machine.kind, block.observed)).astype(np.float32))
    inside = (all_times := np.concatenate(times)) < start_ms + int(duration_s * 1000)
    return machine.name, all_times[inside], np.concatenate(values)[inside]
