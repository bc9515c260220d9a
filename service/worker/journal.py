"""The journal: whatever altered output and is not in the input itself, at the input offset where it was applied.

An entry is written in the transaction that applies it, once into the state (a snapshot removes it) and once beside the
input (kept as long). A replay applies it right before the record at its offset.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from service.errors import DataRuleError
from service.records import Records
from service.streams.port import Output, StateRecord

PREFIX = "journal/"


class Entry(msgspec.Struct, frozen=True, order=True):
    offset: int  # of the next record to be read when it was applied
    sequence: int  # among the entries at this offset, from 0
    kind: str  # tick
    payload: dict[str, int]

    @property
    def key(self) -> str:
        return f"{PREFIX}{self.offset}/{self.sequence}"

    def value(self) -> bytes:
        return msgspec.json.encode(self)

    def state(self, partition: int) -> StateRecord:
        return StateRecord(partition, self.key, self.value())

    def output(self, partition: int) -> Output:
        return Output(partition, self.offset, None, self.value())


def tick(offset: int, sequence: int, time_ms: int) -> Entry:
    return Entry(offset, sequence, "tick", {"time_ms": time_ms})


def parse(value: bytes) -> Entry:
    try:
        return msgspec.json.decode(value, type=Entry)
    except msgspec.MsgspecError as error:
        raise DataRuleError(f"a journal record can't be read: {error}: {value[:80]!r}") from error


def interleaved(batches: Iterable[Records], entries: Sequence[Entry]) -> Iterator[Records | Entry]:
    """One partition's records in offset order, cut where an entry comes first; entries past the last record follow."""
    rest = sorted(entries, key=lambda entry: (entry.offset, entry.sequence))
    for records in batches:
        start = 0
        while rest and rest[0].offset <= records.offsets[-1]:
            cut = bisect_left(records.offsets, rest[0].offset)
            if cut > start:
                yield records.cut(start, cut)
            start = max(start, cut)
            yield rest.pop(0)
        yield records.cut(start, len(records)) if start else records
    yield from rest
