"""The recent readings of watched devices, bounded in devices, readings and memory.

A Watcher of the detector: it hears on the worker's thread what was committed or replayed, and answers on others. One
lock guards it. It is held for one vectorised write a step, or to copy one device's ring (tens of microseconds), never
while anything is sorted, encoded or sent; so a reader can't hold up the worker.
"""

import threading
from collections.abc import Iterable, Sequence, Set

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

    def forgotten(self, devices: Set[str]) -> None:
        with self._lock:
            for device in devices & self._list.watched.keys():
                self._clear(device)
                self._list.forget(device)

    def _write(self, partition: int, table: str, parts: Sequence[Seen]) -> None:
        devices = [device for part in parts for device in part.devices]
        shelf = self._shelves[table] if table in self._shelves else Shelf(parts[0].layout, self._readings)
        slots = shelf.find(devices)
        if (slots < 0).any():
            for at in np.flatnonzero(slots < 0).tolist():
                self._settle(devices[at], table, shelf)
            slots = shelf.find(devices)
        shelf.write(slots, partition, parts)
        for part in parts:
            self._labels.update((device, own) for device, own in part.labels.items() if device in self._tables)

    def _settle(self, device: str, table: str, shelf: Shelf) -> None:
        """A new ring, if it is still watched; what a narrower table held of the device is gone."""
        if device not in self._list.watched or self._tables.get(device) == table:
            return
        self._clear(device)
        shelf.add(device)
        self._shelves[table], self._tables[device] = shelf, table

    def told(self, troubled: Iterable[str], calm: Iterable[str]) -> None:
        """Devices that have open alerts, and some that have none any more."""
        with self._lock:
            for device in calm:
                self._list.calm(device)
            for device in troubled:
                self._clear(self._list.alert(device))

    def dropped(self, partition: int, devices: Iterable[str]) -> None:
        """devices: those that had open alerts there."""
        with self._lock:
            for device in [*devices, *(device for shelf in self._shelves.values() for device in shelf.of(partition))]:
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
