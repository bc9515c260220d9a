"""Labelled faults: which device, what, when, in which sensors, how large; and what each does to observed values.

A fault is laid over a healthy device's readings, so outside its interval, and in every other sensor, nothing changes.
Sizes are in spreads: standard deviations of the sensor within a healthy device of the class.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from service.fleet.classes import DeviceClass
from service.fleet.machine import Block, generator
from service.fleet.signals import Column, follow

SMALLEST, LARGEST = 2.0, 8.0
WARM_UP_S = 720.0  # no fault before a device has shown itself
REST_READINGS = 150  # between two faults of a device: a detector holds off for a while after an alert
AFTERMATH_S = 60.0  # between the last fault and the end, so that it can still be told
PER_DEVICE = 2
ATTEMPTS = 20


class Fault(NamedTuple):
    device: str
    kind: str
    start_ms: int  # event time, included
    end_ms: int  # excluded
    sensors: tuple[str, ...]
    size: float | None  # in spreads; None for stuck and dropout, which have no size


Profile = Callable[[int, int, np.random.Generator], Column]  # (readings, sensors) -> deviation over size and spread


def _signs(sensors: int, rng: np.random.Generator) -> Column:
    return rng.choice([-1.0, 1.0], sensors)


def spike(readings: int, sensors: int, rng: np.random.Generator) -> Column:
    """Bursts of one to three readings, minutes apart."""
    profile = np.zeros((readings, sensors))
    row = int(rng.integers(1, 6))
    while row < readings:
        profile[row : row + int(rng.integers(1, 4))] = _signs(sensors, rng)
        row += int(rng.integers(12, 41))
    return profile


def shift(readings: int, sensors: int, rng: np.random.Generator) -> Column:
    return np.tile(_signs(sensors, rng), (readings, 1))


def drift(readings: int, sensors: int, rng: np.random.Generator) -> Column:
    """A ramp that reaches its size after 60 % of the fault and stays there."""
    ramp = np.minimum(np.arange(1, readings + 1) / (0.6 * readings), 1)
    return np.outer(ramp, _signs(sensors, rng))


def noise(readings: int, sensors: int, rng: np.random.Generator) -> Column:
    return rng.standard_normal((readings, sensors))


def oscillation(readings: int, sensors: int, rng: np.random.Generator) -> Column:
    """A swing of 5 to 12 readings, faster than any healthy loop of the fleet; the size is its amplitude."""
    turns = np.arange(1, readings + 1) / rng.uniform(5, 12)
    return np.outer(np.sin(2 * np.pi * turns), _signs(sensors, rng))


def decoupled(readings: int, sensors: int, rng: np.random.Generator) -> Column:
    """A path of its own from where the sensor let go of its driver; the size is how far the path leads at most."""
    path = follow(0.9, follow(0.9, rng.standard_normal((readings, sensors)), np.zeros(sensors)), np.zeros(sensors))
    along: Column = path / np.abs(path).max(axis=0)
    return along


PROFILES: dict[str, Profile] = {
    "spike": spike,
    "shift": shift,
    "drift": drift,
    "noise": noise,
    "decoupled": decoupled,
    "oscillation": oscillation,
}
UNSIZED = ("stuck", "dropout")
KINDS = (*PROFILES, *UNSIZED)
AT_MOST = {"stuck": 1, "decoupled": 1, "dropout": 2}  # sensors that one fault takes; else three


def plan(members: Sequence[tuple[str, DeviceClass]], start_ms: int, stop_ms: int, count: int, seed: int) -> list[Fault]:
    """Draw up to `count` faults between two event times, by start; fewer where time or devices don't suffice.

    Kinds take turns, so eight faults are of eight kinds; no device has a second fault before every device has one.
    """
    rng = generator(seed, "faults", start_ms)
    faults: dict[str, list[Fault]] = {name: [] for name, _ in members}
    kinds: list[str] = []
    for _ in range(PER_DEVICE):
        for i in rng.permutation(len(members)):
            name, kind = members[i]
            kinds = kinds or list(rng.permutation(KINDS))
            if sum(map(len, faults.values())) < count and (when := _time(kind, start_ms, stop_ms, faults[name], rng)):
                faults[name].append(_fault(name, kind, str(kinds.pop()), when, rng))
    return sorted((fault for own in faults.values() for fault in own), key=lambda fault: (fault.start_ms, fault.device))


def _time(
    kind: DeviceClass, start_ms: int, stop_ms: int, taken: Sequence[Fault], rng: np.random.Generator
) -> tuple[int, int] | None:
    """60 to 240 readings of fast devices, 60 to 180 of slow ones, clear of the device's other faults."""
    rest_ms = int(REST_READINGS * kind.period_s * 1000)
    first = start_ms + max(int(WARM_UP_S * 1000), rest_ms)
    shortest, longest = (300, 1200) if kind.period_s <= 5 else (600, 1800)
    for _ in range(ATTEMPTS):
        lasts = int(1000 * rng.uniform(shortest, longest))
        latest = stop_ms - int(AFTERMATH_S * 1000) - lasts
        start = int(rng.integers(first, max(latest, first) + 1))
        clear = all(start >= f.end_ms + rest_ms or start + lasts + rest_ms <= f.start_ms for f in taken)
        if latest >= first and clear:
            return start, start + lasts
    return None


def _fault(device: str, kind: DeviceClass, what: str, when: tuple[int, int], rng: np.random.Generator) -> Fault:
    eligible = [s.name for s in kind.sensors if what != "decoupled" or s.name != kind.driver]
    chosen = rng.choice(len(eligible), int(rng.integers(1, AT_MOST.get(what, 3) + 1)), replace=False)
    size = None if what in UNSIZED else round(float(rng.uniform(SMALLEST, LARGEST)), 2)
    return Fault(device, what, *when, tuple(eligible[i] for i in sorted(chosen)), size)


class Injection:
    """One fault at work: remembers how far it has come between blocks."""

    def __init__(self, fault: Fault, kind: DeviceClass, seed: int) -> None:
        self.fault = fault
        self._columns = [i for i, sensor in enumerate(kind.sensors) if sensor.name in fault.sensors]
        self._spreads = np.array([kind.sensors[i].spread for i in self._columns])
        self._profile = self._draw(kind, generator(seed, fault.device, fault.start_ms))
        self._held: Column | None = None  # the sensors' values when the fault began
        self._done = 0  # readings of the fault that lie in earlier blocks

    def _draw(self, kind: DeviceClass, rng: np.random.Generator) -> Column:
        fault = self.fault
        if fault.size is None:
            return np.zeros((0, 0))
        readings = int((fault.end_ms - fault.start_ms) / (1000 * kind.period_s)) + 2  # jitter may let one more in
        return fault.size * self._spreads * PROFILES[fault.kind](readings, len(self._columns), rng)

    def apply(self, block: Block, last: Column) -> None:
        """Change the block's observed values; `last` is the observed row just before the block."""
        inside = np.flatnonzero((block.times >= self.fault.start_ms) & (block.times < self.fault.end_ms))
        if not len(inside):
            return
        rows, columns = slice(inside[0], inside[-1] + 1), self._columns
        if self._held is None:
            before = block.observed[inside[0] - 1] if inside[0] else last
            self._held = (block.truth[inside[0]] if self.fault.kind == "decoupled" else before)[columns]
        if self.fault.kind == "dropout":
            block.lost[rows, columns] = True
        elif self.fault.kind == "stuck":
            block.observed[rows, columns] = self._held
        else:
            self._deviate(block, rows)
        self._done += len(inside)

    def _deviate(self, block: Block, rows: slice) -> None:
        columns = self._columns
        if self.fault.kind == "decoupled" and self._held is not None:
            block.observed[rows, columns] += self._held - block.truth[rows, columns]
        block.observed[rows, columns] += self._profile[self._done : self._done + rows.stop - rows.start]
