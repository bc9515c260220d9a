"""Interleaving keeps every record and entry, and puts each entry right before the record at its offset."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import DataRuleError
from service.records import Records
from service.worker import journal
from service.worker.journal import Entry, interleaved


def batch(offsets: list[int]) -> Records:
    names = [str(offset).encode() for offset in offsets]
    return Records(0, offsets, [o * 10 for o in offsets], names, names, [((str(o), b""),) for o in offsets])


@given(
    st.lists(st.integers(0, 40), unique=True, max_size=30).map(sorted),
    st.lists(st.tuples(st.integers(0, 45), st.integers(0, 12)), unique=True, max_size=12),
    st.lists(st.integers(0, 30), max_size=5),
)
def test_every_entry_comes_right_before_the_record_at_its_offset(offsets, positions, cuts):
    bounds = sorted({0, len(offsets), *(c for c in cuts if c < len(offsets))})
    batches = [batch(offsets[a:b]) for a, b in pairwise(bounds)]
    entries = [journal.tick(offset, sequence, 7) for offset, sequence in positions]
    found: list[tuple[int, int, int]] = []
    for item in interleaved(batches, entries):
        if isinstance(item, Entry):
            found.append((item.offset, 0, item.sequence))
        else:
            assert len(item) > 0
            assert list(item.values) == list(item.keys) == [str(o).encode() for o in item.offsets]
            assert [h[0][0] for h in item.headers] == [str(o) for o in item.offsets]
            assert list(item.arrivals) == [o * 10 for o in item.offsets]
            found += [(offset, 1, 0) for offset in item.offsets]
    assert found == sorted([*((o, 1, 0) for o in offsets), *((o, 0, s) for o, s in positions)])


def test_an_entry_survives_its_way_through_the_state():
    entry = journal.tick(12, 3, 1_700_000_000_000)
    record = entry.state(5)
    assert record.key == "journal/12/3"
    assert record.partition == 5
    assert record.value is not None
    assert journal.parse(record.value) == entry
    assert entry.output(5).value == record.value


@pytest.mark.parametrize("value", [b"", b"{}", b'{"offset": "x"}', b"\xff"])
def test_an_entry_that_is_none_is_a_data_error(value):
    with pytest.raises(DataRuleError, match="a journal record can't be read"):
        journal.parse(value)
