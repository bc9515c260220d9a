"""A partition's state as records and back: pages of rows, each with its own checksum, and the partition's own page.

Keys are `page/<table>/<number>` and `page/partition`; an empty page becomes a tombstone. What is loaded steps on bit
for bit as if it had never left.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import msgspec
import numpy as np

from service.detector.cases import Case
from service.detector.devices import Columns, Table, Work
from service.detector.order import StreamTime
from service.detector.partition import SLOT_BITS, Overlay, Partition, Pending, Signature
from service.errors import DataRuleError

FORMAT = 2  # raise it when a page's meaning changes; an older one is then refused, never misread
PARTITION_KEY = "page/partition"
CLEAN_SHARE = 20  # every snapshot also rewrites the oldest twentieth of the clean pages, so none grows too old


class Page(msgspec.Struct, array_like=True):
    format: int
    table: str
    sha256: str  # of the bundle: a row means nothing to another one
    first: int  # slot
    ids: list[str | None]
    columns: dict[str, bytes]
    cases: dict[int, Case]  # by slot
    signatures: list[Signature]  # what the rows' column `signature` refers to


class PartitionPage(msgspec.Struct, array_like=True):
    format: int
    stream: StreamTime
    pending: dict[str, Pending]


PageType = TypeVar("PageType", Page, PartitionPage)


def pack(value: object) -> bytes:
    body = msgspec.msgpack.encode(value)
    return zlib.crc32(body).to_bytes(4, "big") + body


def unpack(key: str, data: bytes, type_: type[PageType]) -> PageType:
    if zlib.crc32(data[4:]) != int.from_bytes(data[:4], "big"):
        raise DataRuleError(
            f"state record {key!r} is damaged (its checksum is off); start without the snapshot or restore it"
        )
    try:
        page = msgspec.msgpack.decode(data[4:], type=type_)
    except msgspec.MsgspecError as error:
        raise DataRuleError(f"state record {key!r} can't be read: {error}") from error
    if page.format != FORMAT:
        raise DataRuleError(f"state record {key!r} has format {page.format}, this version reads {FORMAT}")
    return page


class Snapshot:
    """What the pages of a partition are once `overlay` is folded in; nothing is changed by reading it."""

    def __init__(self, partition: Partition, overlay: Overlay | None) -> None:
        self._partition = partition
        self._overlay = overlay or Overlay(partition)
        self._rows = {
            number: {int(slot): row for row, slot in enumerate(work.slots)}
            for number, work in self._overlay.works.items()
        }

    def chosen(self, full: bool) -> Iterator[tuple[int, int]]:
        """(table number, page) of what a snapshot has to write: the dirty, and the clean whose turn it is."""
        for number, table in enumerate(self._partition.tables):
            rows = table.layout.page_rows
            work = self._overlay.works.get(number)
            slots = max(len(table.ids), int(work.slots.max(initial=-1)) + 1 if work is not None else 0)
            pages = range(-(-slots // rows))
            dirty = set(pages) if full else set(table.dirty)
            if work is not None:
                dirty.update((work.slots // rows).tolist())
            clean = sorted((table.written.get(page, 0), page) for page in pages if page not in dirty)
            turn = [page for _, page in clean[: -(-len(clean) // CLEAN_SHARE)]]
            yield from ((number, page) for page in sorted([*dirty, *turn]))

    def records(self, full: bool) -> Iterator[tuple[str, bytes | None, tuple[int, int] | None]]:
        pending = dict(self._partition.pending)
        for device, waiting in self._overlay.pending.items():
            pending.pop(device, None)
            if waiting is not None:
                pending[device] = waiting
        yield PARTITION_KEY, pack(PartitionPage(FORMAT, self._overlay.stream, pending)), None
        for number, page in self.chosen(full):
            yield self._key(number, page), self._page(number, page), (number, page)

    def _key(self, number: int, page: int) -> str:
        return f"page/{self._partition.tables[number].key}/{page}"

    def _page(self, number: int, page: int) -> bytes | None:
        table, work = self._partition.tables[number], self._overlay.works.get(number)
        rows = table.layout.page_rows
        first = page * rows
        slots = range(first, first + rows)
        ids = [self._id(number, slot) for slot in slots]
        while ids and ids[-1] is None:
            ids.pop()
        if not ids:
            return None
        columns = table.layout.empty(len(ids))
        kept = [i for i, id_ in enumerate(ids) if id_ is not None]
        for name, column in columns.items():
            column[...] = table.layout.newborn[name]
            for i in kept:
                column[i] = self._source(table, work, number, first + i, name)
        cases = {first + i: case for i in kept if (case := self._case(table, work, number, first + i)) is not None}
        signatures = self._signatures(columns, kept)
        data = {name: column.tobytes() for name, column in columns.items()}
        sha256 = table.layout.bundle.manifest.sha256
        return pack(Page(FORMAT, table.key, sha256, first, ids, data, cases, signatures))

    def _signatures(self, columns: Columns, kept: list[int]) -> list[Signature]:
        """The page's own list of signatures; its rows are renumbered to it."""
        numbers = sorted({int(columns["signature"][i]) for i in kept})
        place = {number: n for n, number in enumerate(numbers)}
        for i in kept:
            columns["signature"][i] = place[int(columns["signature"][i])]
        return [self._partition.signatures[number] for number in numbers]

    def _id(self, number: int, slot: int) -> str | None:
        work, table = self._overlay.works.get(number), self._partition.tables[number]
        row = self._rows.get(number, {}).get(slot)
        if work is not None and row is not None:
            return None if row in work.dead else work.ids[row]
        return table.ids[slot] if slot < len(table.ids) else None

    def _source(self, table: Table, work: Work | None, number: int, slot: int, name: str) -> Any:
        row = self._rows.get(number, {}).get(slot)
        return table.columns[name][slot] if work is None or row is None else work.columns[name][row]

    def _case(self, table: Table, work: Work | None, number: int, slot: int) -> Case | None:
        row = self._rows.get(number, {}).get(slot)
        return table.cases.get(slot) if work is None or row is None else work.peek(row)


def load(partition: Partition, pages: Iterable[tuple[str, bytes]], table_for: Callable[[str, str], int | None]) -> int:
    """Fill an empty partition; how many devices could not be kept because their bundle is gone or another one.

    `table_for` gives the number of the table with a key and a bundle's digest, made when there is none.
    """
    dropped = 0
    for key, data in pages:
        if key == PARTITION_KEY:
            own = unpack(key, data, PartitionPage)
            partition.stream, partition.pending = own.stream, dict(own.pending)
        else:
            page = unpack(key, data, Page)
            table_number = table_for(page.table, page.sha256)
            if table_number is None:
                dropped += sum(device is not None for device in page.ids)
            else:
                _load_page(partition, key, page, table_number)
    for table in partition.tables:
        table.free = [slot for slot, id_ in enumerate(table.ids) if id_ is None]
    return dropped


def _load_page(partition: Partition, key: str, page: Page, number: int) -> None:
    table = partition.tables[number]
    table.reserve(page.first + len(page.ids))
    numbers = np.array([partition.signature(signature) for signature in page.signatures], np.int32)
    for name, template in table.layout.newborn.items():
        data = np.frombuffer(page.columns[name], template.dtype).reshape(-1, *template.shape)
        if len(data) != len(page.ids):
            raise DataRuleError(f"state record {key!r}: column {name} has {len(data)} rows for {len(page.ids)} devices")
        if name == "signature" and len(numbers):
            data = numbers[data]
        table.columns[name][page.first : page.first + len(page.ids)] = data
    table.ids[page.first : page.first + len(page.ids)] = page.ids
    slots = {device: page.first + i for i, device in enumerate(page.ids) if device is not None}
    partition.codes.update({device: (number << SLOT_BITS) | slot for device, slot in slots.items()})
    table.cases.update(page.cases)
