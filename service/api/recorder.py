"""The recent readings of watched devices, bounded in devices, readings and memory.

A Watcher of the detector: it hears on the worker's thread what was committed or replayed, and answers on others. One
lock guards it. It is held for one vectorised write a step, or to copy one device's ring (tens of microseconds), never
while anything is sorted, encoded or sent; so a reader can't hold up the worker.
"""

import threading
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from service.api.shelf import Copied, Shelf
from service.api.watchlist import Watchlist
from service.detector.seen import Seen


class Recorder:
    def __init__(self, devices: int, readings: int) -> None:
        self._readings = readings
        self._list = Watchlist(devices)
        self._shelves: dict[str, Shelf] = {}  # by table
        self._tables: dict[str, str] = {}  # of each device that has a ring
        self._labels: dict[str, dict[str, str]] = {}
        self._lock = threading.Lock()

    # On the worker's thread.

    def chosen(self, devices: Sequence[str]) -> NDArray[np.bool_]:
        mask = self._among(devices)
        if self._list.room > 0 and not mask.all():
            with self._lock:
                for at in np.flatnonzero(~mask).tolist():
                    self._list.see(devices[at])
            mask = self._among(devices)
        return mask

    def _among(self, devices: Sequence[str]) -> NDArray[np.bool_]:
        return np.fromiter(map(self._list.watched.__contains__, devices), np.bool_, len(devices))

    def folded(self, partition: int, seen: Sequence[Seen]) -> None:
        tables: dict[str, list[Seen]] = {}
        for each in seen:
            tables.setdefault(each.table, []).append(each)
        with self._lock:
            for table, parts in tables.items():
                self._write(partition, table, parts)

    def _write(self, partition: int, table: str, parts: Sequence[Seen]) -> None:
        for part in parts:
            newcomers = [device for device in part.devices if self._tables.get(device) != table]
            for device in newcomers:
                self._settle(device, part)
            self._labels.update((device, own) for device, own in part.labels.items() if device in self._tables)
        if table in self._shelves:
            self._shelves[table].write(partition, parts)

    def _settle(self, device: str, part: Seen) -> None:
        """A new ring, if it is still watched; what a narrower table held of the device is gone."""
        if device not in self._list.watched:
            return
        self._clear(device)
        if part.table not in self._shelves:
            self._shelves[part.table] = Shelf(part.layout, self._readings)
        self._shelves[part.table].add(device)
        self._tables[device] = part.table

    def troubled(self, devices: Iterable[str]) -> None:
        with self._lock:
            for device in devices:
                self._clear(self._list.alert(device))

    def calm(self, device: str) -> None:
        with self._lock:
            self._list.calm(device)

    def dropped(self, partition: int) -> None:
        with self._lock:
            for device in [device for shelf in self._shelves.values() for device in shelf.of(partition)]:
                self._clear(device)
                self._list.forget(device)

    def _clear(self, device: str | None) -> None:
        table = self._tables.pop(device, None) if device is not None else None
        if device is None or table is None:
            return
        self._labels.pop(device, None)
        shelf = self._shelves[table]
        shelf.remove(device)
        if not len(shelf):
            del self._shelves[table]

    # On any thread.

    def ask(self, device: str) -> None:
        """It is recorded from its next reading on, unless only devices with open alerts are left to make room."""
        with self._lock:
            self._clear(self._list.ask(device))

    def copied(self, device: str) -> tuple[Copied, dict[str, str]] | None:
        """Its ring and its labels; None: it is not recorded yet."""
        with self._lock:
            table = self._tables.get(device)
            copied = self._shelves[table].copied(device) if table is not None else None
            return (copied, self._labels.get(device, {})) if copied is not None else None

    def evidence(self, devices: Iterable[str]) -> dict[str, float]:
        """Of the last reading of those among them that are recorded."""
        with self._lock:
            tables = [(device, self._tables[device]) for device in devices if device in self._tables]
            return {device: self._shelves[table].evidence(device) for device, table in tables}

    @property
    def nbytes(self) -> int:
        with self._lock:
            return sum(shelf.nbytes for shelf in self._shelves.values())
