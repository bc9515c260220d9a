"""The seeded input of the matrix: simulated meters with faults, as messages in the partitions of one topic.

Everything is a function of a `Traffic`. Meters alone, since many devices of one class step together: the matrix spends
its time on faults and not on matrix products.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from service.fleet import START_MS, Sample, message
from service.fleet.classes import CLASSES
from service.fleet.faults import Fault, Injection, plan
from service.fleet.machine import Machine, device_name, generator, rounded

KIND = CLASSES["meter"]
PARTITIONS = 6
SITES = ("north", "south", "east", "west")  # each with a gateway and a producer of its own
LONGEST_DELAY_MS = 900
HELD_UP_MS = (13_000, 25_000)  # one or two readings overtake it
LATE_MS = (600_000, 1_800_000)
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
BAD = (b"", b"{", b'{"device": "x"}', b'{"device": "x", "time": 0, "values": {}}', b"\xff\xfe", b"[1, 2]", b"\x00" * 99)


class Message(NamedTuple):
    partition: int
    key: bytes
    value: bytes
    arrival_ms: int


@dataclass(frozen=True)
class Traffic:
    seed: int
    devices: int = 200
    readings: int = 100_000  # at least; duplicates and messages that are no readings come on top
    faults: int = 300
    duplicates: float = 0.002
    disorder: float = 0.002
    late: float = 0.0005
    poison: float = 0.002  # messages that are no readings, for every reading
    hot: float = 0.0  # share of the readings that one device sends
    silent: bool = False  # from the middle on, all devices of one gateway
    hour_off: bool = False  # one device's clock
    day_ahead: bool = False  # the record timestamps of one producer

    def but(self, **changes: object) -> Self:
        return replace(self, **changes)  # type: ignore[arg-type]


class _Column(NamedTuple):
    """A device's readings in the order of the clock that measured them."""

    name: str
    times: NDArray[np.int64]
    values: NDArray[np.object_]


@cache
def messages(traffic: Traffic) -> tuple[Message, ...]:
    """In the order of arrival."""
    sent = sorted(_sent(traffic), key=lambda sample: sample.arrival_ms)
    chance = generator(traffic.seed, "poison")
    found: list[Message] = []
    for sample in sent:
        key, value = message(sample)
        partition = zlib.crc32(key) % PARTITIONS
        ahead = DAY_MS if traffic.day_ahead and sample.labels["site"] == "west" and chance.random() < 0.5 else 0
        found.append(Message(partition, key, value, sample.arrival_ms + ahead))
        if chance.random() < traffic.poison:
            found.append(Message(partition, key, BAD[chance.integers(len(BAD))], sample.arrival_ms))
    return tuple(found)


def _sent(traffic: Traffic) -> Iterator[Sample]:
    for number, column in enumerate(_columns(traffic), 1):
        yield from _line(traffic, number, column)


def _columns(traffic: Traffic) -> Iterator[_Column]:
    """Every device's share of the readings; a hot one sends so much more often."""
    count = -(-int(traffic.readings * (1 - traffic.hot)) // traffic.devices)
    duration_ms = int(max(count, 1) * KIND.period_s * 1000)
    members = [(device_name(KIND, number), KIND) for number in range(1, traffic.devices + 1)]
    faults = plan(members, START_MS, START_MS + duration_ms, traffic.faults, traffic.seed)
    for number, (name, _) in enumerate(members, 1):
        own = [fault for fault in faults if fault.device == name]
        if number == 1 and traffic.hot:
            yield _hot(traffic, count, own)
        else:
            yield _measured(traffic.seed, number, count, own)


def _measured(seed: int, number: int, count: int, faults: list[Fault]) -> _Column:
    machine = Machine(KIND, number, seed, START_MS)
    injections = [Injection(fault, KIND, seed) for fault in faults]
    last = np.zeros(len(KIND.sensors))
    times, values = [], []
    while sum(map(len, times)) < count:
        block = machine.block()
        for injection in injections:
            injection.apply(block, last)
        last = block.observed[-1]
        sent = rounded(KIND, block.observed).astype(object)
        sent[block.lost] = None
        times.append(block.times)
        values.append(sent)
    return _Column(machine.name, np.concatenate(times)[:count], np.concatenate(values)[:count])


def _hot(traffic: Traffic, count: int, faults: list[Fault]) -> _Column:
    """In the same span of time, so many more."""
    column = _measured(traffic.seed, 1, count + int(traffic.readings * traffic.hot), faults)
    times = np.linspace(START_MS, START_MS + count * KIND.period_s * 1000, len(column.times)).astype(np.int64)
    return column._replace(times=times)


def _line(traffic: Traffic, number: int, column: _Column) -> Iterator[Sample]:
    site = SITES[number % len(SITES)]
    size = len(column.times) // (2 if traffic.silent and site == "east" else 1)
    chance = generator(traffic.seed, column.name, "transport")
    delay = chance.integers(15, LONGEST_DELAY_MS, size)
    delay += (chance.random(size) < traffic.disorder) * chance.integers(*HELD_UP_MS, size)
    delay += (chance.random(size) < traffic.late) * chance.integers(*LATE_MS, size)
    again = chance.random(size) < traffic.duplicates
    off = HOUR_MS if traffic.hour_off and number == 2 else 0
    names, labels = [sensor.name for sensor in KIND.sensors], {"site": site}
    arrivals = (column.times[:size] + delay).tolist()
    for row, (time, arrival) in enumerate(zip(column.times[:size].tolist(), arrivals, strict=True)):
        values = dict(zip(names, column.values[row], strict=True))
        sample = Sample(column.name, KIND.name, time + off, arrival, values, labels, None)
        yield sample
        if again[row]:
            yield sample._replace(arrival_ms=arrival + 700)
