"""The last readings of many devices of one table, in arrays: a ring a device, all rings side by side.

So a step's readings of all watched devices are written at once, however many they are. Slots are dense: the last one
moves into a place that gets free, and arrays shrink with their use, so memory follows what is recorded now.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.detector.devices import Layout, mapped
from service.detector.seen import Seen

FEWEST = 16  # slots
EVIDENCE, LIMIT, ALERT, LEADING, FIXED = range(5)  # columns of a reading before those of its sensors

Floats = NDArray[np.float32]
Slots = NDArray[np.intp]


@dataclass(frozen=True)
class Copied:
    """One device's ring, oldest first, cut out for a reader."""

    layout: Layout
    signature: tuple[str, tuple[str, ...]]  # class and sensors
    times: NDArray[np.int64]
    cells: Floats  # (n, FIXED + 3 * width)
    terms: Floats  # (witnesses, width) of the last reading
    beyond: Floats  # (strengths,)

    def column(self, which: int) -> Floats:
        return self.cells[:, which]

    def values(self) -> tuple[Floats, Floats, Floats]:
        """(n, width) each: observed, mean, scale."""
        width = self.layout.width
        observed, mean, scale = (self.cells[:, FIXED + i * width :][:, :width] for i in range(3))
        return observed, mean, scale


class Shelf:
    def __init__(self, layout: Layout, readings: int) -> None:
        self.layout, self._readings = layout, readings
        self.devices: list[str] = []  # of each slot
        self._slots: dict[str, int] = {}
        self._signatures: dict[int, Sequence[tuple[str, tuple[str, ...]]]] = {}  # of each partition
        self._written = np.zeros(0, np.int64)  # readings ever; the next one's place is that modulo the ring's length
        self._kept = np.zeros(0, np.int64)
        plan, width = layout.plan, layout.width
        self._shapes: dict[str, tuple[tuple[int, ...], np.dtype[Any]]] = {
            "times": ((readings,), np.dtype(np.int64)),
            "cells": ((readings, FIXED + 3 * width), np.dtype(np.float32)),
            "terms": ((len(plan.witnesses), width), np.dtype(np.float32)),
            "beyond": ((len(plan.names),), np.dtype(np.float32)),
            "signature": ((), np.dtype(np.int32)),
            "partition": ((), np.dtype(np.int32)),
        }
        self._arrays = {name: np.empty((0, *shape), dtype) for name, (shape, dtype) in self._shapes.items()}

    @property
    def slots(self) -> int:
        """That there is room for."""
        return len(self._written)

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for array in self._arrays.values())

    def __len__(self) -> int:
        return len(self.devices)

    def add(self, device: str) -> None:
        slot = len(self.devices)
        if slot == self.slots:
            self._resize(max(FEWEST, 2 * self.slots))
        self.devices.append(device)
        self._slots[device] = slot
        self._written[slot] = self._kept[slot] = 0

    def remove(self, device: str) -> None:
        slot, last, moved = self._slots.pop(device), len(self.devices) - 1, self.devices.pop()
        if slot != last:
            self.devices[slot], self._slots[moved] = moved, slot
            for array in (*self._arrays.values(), self._written, self._kept):
                array[slot] = array[last]
        if self.slots > FEWEST and len(self.devices) <= self.slots // 4:
            self._resize(self.slots // 2)

    def of(self, partition: int) -> list[str]:
        """Devices whose last reading came from there."""
        found = np.flatnonzero(self._arrays["partition"][: len(self)] == partition)
        return [self.devices[slot] for slot in found.tolist()]

    def find(self, devices: Sequence[str]) -> Slots:
        """-1: it has no ring here."""
        return np.fromiter((self._slots.get(device, -1) for device in devices), np.intp, len(devices))

    def _resize(self, slots: int) -> None:
        used = len(self.devices)
        for name, (shape, dtype) in self._shapes.items():
            sized = mapped((slots, *shape), dtype)  # pages never written are not resident
            sized[:used] = self._arrays[name][:used]
            self._arrays[name] = sized
        counts = np.zeros((2, slots), np.int64)
        counts[:, :used] = self._written[:used], self._kept[:used]
        self._written, self._kept = counts

    def write(self, slots: Slots, partition: int, seen: Sequence[Seen]) -> None:
        """slots: as `find` has them, of every row; a device's rows are in order."""
        mine = np.flatnonzero(slots >= 0)
        order = mine[np.argsort(slots[mine].astype(np.int16), kind="stable")]
        slots, times = slots[order], joined(seen, "times")[order]
        if not len(slots):
            return
        first = np.flatnonzero(np.diff(slots, prepend=-1))
        runs = np.diff(first, append=len(slots))
        owners, ends = slots[first], order[first + runs - 1]
        self._cut(owners, times[first])
        rank = np.arange(len(slots)) - np.repeat(first, runs)
        fits = np.repeat(runs, runs) - rank <= self._readings  # of more than a ring holds, the last
        place = (self._written[slots] + rank)[fits] % self._readings
        self._arrays["times"][slots[fits], place] = times[fits]
        self._arrays["cells"][slots[fits], place] = _cells(seen)[order[fits]]
        for name in ("terms", "beyond", "signature"):
            self._arrays[name][owners] = joined(seen, name)[ends]
        self._arrays["partition"][owners] = partition
        self._signatures[partition] = seen[-1].signatures
        self._written[owners] += runs
        self._kept[owners] = np.minimum(self._kept[owners] + runs, self._readings)

    def _cut(self, owners: Slots, times: NDArray[np.int64]) -> None:
        """What is not older than the next reading goes: a restore replays it, or the device began anew."""
        newest = self._arrays["times"][owners, (self._written[owners] - 1) % self._readings]
        for at in np.flatnonzero((self._kept[owners] > 0) & (newest >= times)).tolist():
            slot = int(owners[at])
            stale = int((self._arrays["times"][slot, self._places(slot)] >= times[at]).sum())
            self._written[slot] -= stale
            self._kept[slot] -= stale

    def _places(self, slot: int) -> NDArray[np.int64]:
        """Of its readings, oldest first."""
        written, kept = int(self._written[slot]), int(self._kept[slot])
        return np.arange(written - kept, written) % self._readings

    def evidence(self, device: str) -> float:
        """Of the last reading; NaN before the first."""
        slot = self._slots[device]
        if not self._kept[slot]:
            return float("nan")
        return float(self._arrays["cells"][slot, (self._written[slot] - 1) % self._readings, EVIDENCE])

    def copied(self, device: str) -> Copied | None:
        """None: no reading yet."""
        slot, arrays = self._slots[device], self._arrays
        if not self._kept[slot]:
            return None
        places = self._places(slot)
        signatures = self._signatures[int(arrays["partition"][slot])]
        return Copied(
            self.layout,
            signatures[int(arrays["signature"][slot])],
            arrays["times"][slot, places],
            arrays["cells"][slot, places],
            arrays["terms"][slot].copy(),
            arrays["beyond"][slot].copy(),
        )


def joined(seen: Sequence[Seen], name: str) -> NDArray[Any]:
    column: NDArray[Any] = np.concatenate([getattr(each, name) for each in seen])
    return column


def _cells(seen: Sequence[Seen]) -> Floats:
    facts = [joined(seen, name)[:, None] for name in ("evidence", "limit", "alert", "leading")]
    values = [joined(seen, name) for name in ("values", "mean", "scale")]
    return np.concatenate([*facts, *values], axis=1, dtype=np.float32, casting="unsafe")
