"""A partition's devices: which table and slot each one has, its class and sensors, and the partition's stream time.

`Overlay` is what one step would change of it. Dropping the overlay undoes the step; `fold` makes it so.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.bundle import Bundle
from service.detector.devices import NEVER, Layout, Table, Work, mapped
from service.detector.directory import Directory
from service.detector.order import StreamTime
from service.detector.seen import Seen, Watcher
from service.manifest import WIDTHS
from service.records import Measured

SLOT_BITS = 32  # a device's code is its table's number and its slot
SLOT_MASK = (1 << SLOT_BITS) - 1


class Signature(NamedTuple):
    """What devices have in common; rows refer to it by number."""

    device_class: str
    sensors: tuple[str, ...]  # of a universal device: in the order of first sight


class Pending(NamedTuple):
    """A reading that is still being gathered from messages of one sensor each."""

    time_ms: int
    deadline_ms: int  # stream time
    values: dict[str, float]
    class_name: str | None
    labels: dict[str, str]


class Partition:
    def __init__(self, number: int) -> None:
        self.number = number
        self.stream = StreamTime()
        self.tables: list[Table] = []
        self.codes = Directory(self._ids)
        self.signatures: list[Signature] = []
        self.pending: dict[str, Pending] = {}
        self.deadline = NEVER  # no deadline of any device lies before it; NEVER = look
        self.snapshots = 0
        self.tombstones: set[str] = set()  # keys of pages that are empty and were written
        self.staged: dict[str, tuple[Table, int] | None] = {}  # what the snapshot under way holds
        self._table_numbers: dict[str, int] = {}
        self._signature_numbers: dict[Signature, int] = {}

    def _ids(self, codes: NDArray[np.int64]) -> list[str | None]:
        tables = np.unique(codes >> SLOT_BITS).tolist()
        if len(tables) == 1:
            return list(map(self.tables[tables[0]].ids.__getitem__, (codes & SLOT_MASK).tolist()))
        return [self.tables[code >> SLOT_BITS].ids[code & SLOT_MASK] for code in codes.tolist()]

    def newcomers(self, devices: Sequence[str]) -> int:
        """How many of them are not known."""
        return int((self.codes.find(list(set(devices))) < 0).sum())

    def sensors(self, table: Table, slot: int) -> tuple[str, ...]:
        return self.signatures[int(table.columns["signature"][slot])].sensors

    def signature(self, signature: Signature) -> int:
        """Its number. Numbers are names only: giving one out changes no output, so it needs no undoing."""
        number = self._signature_numbers.setdefault(signature, len(self.signatures))
        if number == len(self.signatures):
            self.signatures.append(signature)
        return number

    def table(self, layout: Layout) -> int:
        """The number of the table for this bundle and width, made when there is none."""
        key = table_key(layout.bundle, layout.width)
        number = self._table_numbers.setdefault(key, len(self.tables))
        if number == len(self.tables):
            self.tables.append(Table(key, layout))
        return number


def table_key(bundle: Bundle, width: int) -> str:
    return f"{bundle.manifest.name}@{bundle.manifest.version}/{width}"


def width_for(sensors: int) -> int:
    """The width a universal graph is stepped at for so many sensors."""
    return next((width for width in WIDTHS if width >= sensors), WIDTHS[-1])


class Overlay:
    def __init__(self, partition: Partition) -> None:
        self.partition = partition
        self.stream = partition.stream
        self.deadline = partition.deadline
        self.works: dict[int, Work] = {}
        self.codes: dict[str, int] = {}  # of devices that were born or moved
        self.gone: set[str] = set()  # forgotten or moved; `codes` tells those that are back
        self._more = 0  # devices born less devices forgotten
        self.pending: dict[str, Pending | None] = {}
        self.seen: list[Seen] = []  # of watched devices
        self.measured: dict[str, Measured] = {}  # by class: what the step showed

    def find(self, devices: Sequence[str]) -> NDArray[np.int64]:
        """(n,) codes; -1 = not known."""
        codes = self.partition.codes.find(devices)
        if self.codes or self.gone:
            for at, device in enumerate(devices):
                codes[at] = self.codes.get(device, -1 if device in self.gone else codes[at])
        return codes

    @property
    def devices(self) -> int:
        return len(self.partition.codes) + self._more

    def work(self, table: int) -> Work:
        if table not in self.works:
            self.works[table] = Work(self.partition.tables[table], np.empty(0, np.intp))
        return self.works[table]

    def rows(self, table: int, slots: NDArray[np.intp]) -> NDArray[np.intp]:
        """Work rows of these slots (repeats allowed), copied when they were not yet."""
        if table in self.works:
            return self.works[table].touch(slots)
        mark = mapped((len(self.partition.tables[table].ids) + 1,), np.dtype(np.int32))  # scratch of this step alone
        order = np.arange(len(slots), dtype=np.int32)
        mark[slots] = order
        unique = slots[mark[slots] == order]  # one of each, without a sort
        mark[unique] = np.arange(len(unique), dtype=np.int32)
        self.works[table] = Work(self.partition.tables[table], unique)
        return mark[slots].astype(np.intp)

    def birth(self, table: int, devices: list[str], signatures: list[int]) -> int:
        """Newborn rows for these devices; the first one's row."""
        work = self.work(table)
        first = work.grow(devices, signatures)
        for device, slot in zip(devices, work.slots[first:].tolist(), strict=True):
            self.codes[device] = (table << SLOT_BITS) | slot
        self._more += len(devices)
        return first

    def forget(self, table: int, row: int) -> None:
        work = self.works[table]
        work.dead.add(row)
        device = work.ids[row]
        assert device is not None
        self.codes.pop(device, None)
        self.gone.add(device)
        self._more -= 1

    def find_pending(self, device: str) -> Pending | None:
        return self.pending[device] if device in self.pending else self.partition.pending.get(device)

    def show(self, watcher: Watcher) -> None:
        if self.seen:
            watcher.folded(self.partition.number, self.seen)
        if forgotten := self.gone - self.codes.keys():
            watcher.forgotten(forgotten)

    def fold(self) -> None:
        partition = self.partition
        partition.stream, partition.deadline = self.stream, self.deadline
        for device in self.gone:
            partition.codes.remove(device)
        for device, pending in self.pending.items():
            if pending is None:
                partition.pending.pop(device, None)
            else:
                partition.pending[device] = pending
        for work in self.works.values():
            work.fold()
        partition.codes.update(self.codes)  # after the rows: it asks them for ids
