"""A device is a row: one table of columns for each bundle and width, its slots cut into pages.

Owns where a device's state lies. A step never touches a table: it works on `Work`, a copy of the rows it needs,
and `Work.fold` writes them back once the caller has committed. What only troubled devices have (open alerts, runs of
odd values) is a `Case` beside the row, so a healthy device pays nothing for it.
"""

import mmap
from bisect import insort
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from service.bundle import Bundle
from service.detector.cases import Case
from service.detector.limits import KEPT, seeded
from service.detector.model import Model
from service.detector.scoring import Plan

PAGE = 64  # rows
PAGE_BYTES = 256 * 1024  # a page of wide rows holds fewer, so a snapshot record stays small
STRETCH = 16_384  # rows looked at together when all have to be
NEVER = np.iinfo(np.int64).min // 4

ALERTING = np.uint8(1)  # a process alert is open
CASE = np.uint8(2)  # a case lies beside the row
SILENT = np.uint8(4)

Indexes = NDArray[np.intp]
Columns = dict[str, NDArray[Any]]


class Layout:
    """The columns of one bundle at one width, and what a newborn device has in them."""

    def __init__(self, bundle: Bundle, width: int) -> None:
        self.bundle = bundle
        self.width = width
        self.model = Model(bundle, width)
        self.plan = Plan(bundle.manifest)
        count = len(self.plan.names)
        top, age, blocks = seeded([bundle.manifest.limit_seeds[name] for name in self.plan.names])
        self.newborn: Columns = {
            "state": np.zeros(self.model.row_size, np.float32),
            "smooth": np.zeros(len(self.plan.smoothed), np.float32),
            "floor": np.zeros(count, np.float32),  # running mean of each strength
            "block": np.zeros(count, np.float16),  # maximum of the block that is under way
            "top": top,
            "age": age,
            "blocks": np.asarray(np.uint8(blocks)),
            "last_time": np.asarray(np.int64(NEVER)),  # event time, Unix ms
            "heard": np.asarray(np.int64(NEVER)),  # stream time, Unix ms
            "count": np.asarray(np.uint32(0)),  # readings stepped
            "since": np.asarray(np.uint16(65535)),  # readings since the last event
            "loudest": np.asarray(np.float16(0)),  # evidence of the last event
            "digest": np.asarray(np.uint32(0)),  # of the last reading's values
            "signature": np.asarray(np.int32(0)),  # class and sensors
            "flags": np.asarray(np.uint8(0)),
        }
        if bundle.manifest.sample_period_s is None:
            self.newborn["period"] = np.asarray(np.float32(0))  # seconds, learnt
        self.row_bytes = sum(value.nbytes for value in self.newborn.values())
        self.page_rows = max(1, min(PAGE, PAGE_BYTES // self.row_bytes))
        assert top.shape[1] == KEPT

    def empty(self, rows: int) -> Columns:
        return {n: np.empty((rows, *v.shape), v.dtype) for n, v in self.newborn.items()}


class Table:
    """All devices of one partition that one bundle serves at one width."""

    def __init__(self, key: str, layout: Layout) -> None:
        self.key = key
        self.layout = layout
        self.columns = layout.empty(0)
        self.ids: list[str | None] = []
        self.free: list[int] = []  # ascending: the lowest slot is taken first, so pages stay full
        self.cases: dict[int, Case] = {}
        self.dirty: set[int] = set()  # pages
        self.written: dict[int, int] = {}  # page -> the snapshot it was last part of
        self._capacity = 0

    def slot(self, nth: int) -> int:
        """The slot that the nth newcomer from now gets."""
        return self.free[nth] if nth < len(self.free) else len(self.ids) + nth - len(self.free)

    def reserve(self, slots: int) -> None:
        """Room for slots 0 to slots - 1. Doubling costs no memory: the half not yet used is not resident."""
        while len(self.ids) < slots:
            self.ids.append(None)
        if slots <= self._capacity:
            return
        self._capacity = capacity = max(PAGE, 2 * self._capacity, slots)
        for name, column in self.columns.items():
            grown = mapped((capacity, *column.shape[1:]), column.dtype)
            grown[: len(column)] = column
            self.columns[name] = grown

    def alive(self) -> Iterator[Indexes]:
        """Slots in use, a stretch at a time, so that looking at everybody takes no memory a device."""
        for first in range(0, len(self.ids), STRETCH):
            ids = self.ids[first : first + STRETCH]
            yield np.array([first + i for i, id_ in enumerate(ids) if id_ is not None], np.intp)

    def release(self, slot: int) -> None:
        self.ids[slot] = None
        self.cases.pop(slot, None)
        insort(self.free, slot)


def mapped(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """An array in pages of its own: those never touched are not resident, and all go back when it is dropped."""
    size = int(np.prod(shape)) * dtype.itemsize
    return np.ndarray(shape, dtype, buffer=mmap.mmap(-1, max(size, 1)))


class Work:
    """Copies of the rows that one step may change. Rows 0 to len - 1; `slots` says where each will be written."""

    def __init__(self, table: Table, slots: Indexes) -> None:
        self.table = table
        self.slots = slots
        self.columns = {name: column[slots] for name, column in table.columns.items()}
        self.ids: list[str | None] = [table.ids[slot] for slot in slots]
        self.cases: dict[int, Case | None] = {}  # None: the case was closed
        self.born = 0  # newcomers among the rows
        self.dead: set[int] = set()
        self._row_of: dict[int, int] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def grow(self, ids: Sequence[str], signatures: Sequence[int]) -> int:
        """Add newborn devices; the first one's row comes back."""
        first = len(self)
        slots = [self.table.slot(self.born + i) for i in range(len(ids))]
        self.born += len(ids)
        self.slots = np.concatenate([self.slots, np.asarray(slots, np.intp)])
        for name, value in self.table.layout.newborn.items():
            rows = np.broadcast_to(value, (len(ids), *value.shape))
            self.columns[name] = np.concatenate([self.columns[name], rows])
        self.columns["signature"][first:] = signatures
        self.ids += ids
        self._row_of = None
        return first

    def touch(self, slots: Indexes) -> Indexes:
        """Rows of these slots, copied now if they were not yet."""
        if self._row_of is None:
            self._row_of = {int(slot): row for row, slot in enumerate(self.slots)}
        fresh = [int(slot) for slot in slots if int(slot) not in self._row_of]
        if fresh:
            self._row_of.update({slot: len(self) + i for i, slot in enumerate(fresh)})
            self.slots = np.concatenate([self.slots, np.asarray(fresh, np.intp)])
            for name, column in self.table.columns.items():
                self.columns[name] = np.concatenate([self.columns[name], column[fresh]])
            self.ids += [self.table.ids[slot] for slot in fresh]
        return np.asarray([self._row_of[int(slot)] for slot in slots], np.intp)

    def rebirth(self, row: int) -> None:
        """The device was forgotten and is back: the same row, nothing remembered but its class and sensors."""
        for name, value in self.table.layout.newborn.items():
            if name != "signature":
                self.columns[name][row] = value
        self.cases[row] = None

    def case(self, row: int) -> Case:
        """The row's case, a copy to change freely; made when there is none."""
        found = self.cases.get(row)
        if found is None:
            base = None if row in self.cases else self.table.cases.get(int(self.slots[row]))
            found = base.copy() if base is not None else Case()
            self.cases[row] = found
            self.columns["flags"][row] |= CASE
        return found

    def peek(self, row: int) -> Case | None:
        if row in self.cases:
            return self.cases[row]
        return self.table.cases.get(int(self.slots[row]))

    def settle(self, row: int) -> None:
        """Drop a case that has nothing left to say."""
        case = self.cases.get(row)
        if case is not None and case.idle():
            self.cases[row] = None
            self.columns["flags"][row] &= ~CASE

    def fold(self) -> None:
        """Write the rows back; the table is then as if it had never been anything else."""
        table = self.table
        del table.free[: min(self.born, len(table.free))]
        if len(self.slots):
            table.reserve(int(self.slots.max()) + 1)
        for name, column in self.columns.items():
            table.columns[name][self.slots] = column
        for row, slot in enumerate(self.slots.tolist()):
            table.ids[slot] = self.ids[row]
        for row, case in self.cases.items():
            if case is None:
                table.cases.pop(int(self.slots[row]), None)
            else:
                table.cases[int(self.slots[row])] = case
        table.dirty.update((self.slots // table.layout.page_rows).tolist())
        for row in self.dead:
            table.release(int(self.slots[row]))


def row_bytes(columns: Columns, at: int, case: Case | None, sensors: Iterable[str]) -> bytes:
    """One device's whole state as bytes, for comparing two histories."""
    parts = [columns[name][at].tobytes() for name in sorted(columns) if name != "signature"]
    return b"".join(parts) + msgspec.msgpack.encode(case) + "\0".join(sensors).encode()
