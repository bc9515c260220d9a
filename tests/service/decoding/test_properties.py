"""Claims over everything a stream may hold: nothing raises, nothing is lost, ways and cuts make no difference."""

import itertools
import json
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from service.decoding import Decoder
from service.records import Readings, Records
from service.settings import MappingSettings
from tests.service.decoding.inputs import SENSORS, TIME, TIME_MS, decoder, message, rows, unhurried
from tests.service.decoding.test_bad_messages import BAD

names = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=8)
numbers = st.one_of(
    st.floats(width=32, allow_nan=False, allow_infinity=False, allow_subnormal=False), st.integers(-(10**30), 10**30)
)
sensors = st.one_of(st.sampled_from(SENSORS), names)
good = st.fixed_dictionaries(
    {
        "device": names,
        "time": st.sampled_from([TIME, TIME_MS, "2026-11-21T10:03:23+02:00", 1795248203.25]),
        "values": st.dictionaries(sensors, st.one_of(st.none(), numbers), max_size=6),
    },
    optional={
        "class": st.sampled_from(["pump", "kiln", None]),
        "labels": st.dictionaries(names, st.text(max_size=80), max_size=4),
        "seq": st.one_of(st.integers(), st.text(max_size=3), st.lists(st.integers(), max_size=2)),
    },
)
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_subnormal=False), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=4)),
    max_leaves=8,
)
nearly = st.fixed_dictionaries(
    {},
    optional={name: st.one_of(json_values, st.just(TIME)) for name in ("device", "time", "class", "values", "labels")},
)
dumped = st.one_of(good, nearly, json_values, st.lists(good, max_size=4)).map(lambda value: json.dumps(value).encode())
cut = st.builds(lambda raw, at: raw[: at % (len(raw) + 1)], dumped, st.integers(0))
spoilt = st.builds(
    lambda raw, at, byte: raw[: at % len(raw)] + bytes([byte]) + raw[at % len(raw) + 1 :],
    dumped,
    st.integers(0),
    st.integers(0, 255),
)
raws = st.one_of(
    dumped, cut, spoilt, st.binary(max_size=60), st.sampled_from([bad.raw for bad in BAD if len(bad.raw or b"") < 1000])
)


def held(own: Decoder, values: list[bytes | None], begin: int = 0) -> Readings:
    offsets = range(begin, begin + len(values))
    return own.decode(Records(0, offsets, offsets, [b"k"] * len(values), values))  # type: ignore[arg-type]


@unhurried
@given(st.lists(raws, max_size=8))
def test_no_bytes_raise_and_every_record_is_readings_or_rejects(values: list[bytes | None]) -> None:
    for mapping in (None, MappingSettings(values="", device="key"), MappingSettings(sensor="/class", value="/device")):
        readings = held(decoder(mapping), values)
        assert set(readings.record.tolist()) | {reject.record for reject in readings.rejects} == set(range(len(values)))
        assert not np.isinf(readings.values).any()
        n = len(readings.devices)
        assert [len(readings.times), len(readings.classes), len(readings.values), len(readings.record)] == [n] * 4
        assert (np.diff(readings.record) >= 0).all()
        assert all(reject.error.isprintable() and len(reject.error) <= 500 for reject in readings.rejects)


def expected(document: dict[str, Any], classes: tuple[str, ...] = ("pump",)) -> tuple[object, ...]:
    """What a reader without any fast way makes of a good message."""
    values = document["values"]
    row = np.full(len(SENSORS), np.nan, dtype=np.float32)
    known = document.get("class") in classes
    if known:
        row[:] = [np.nan if values.get(name) is None else values[name] for name in SENSORS]
    named = None if known else {name: float(value) for name, value in values.items() if value is not None}
    times = {TIME: TIME_MS, "2026-11-21T10:03:23+02:00": TIME_MS - 123, 1795248203.25: TIME_MS + 127}
    time = times.get(document["time"], TIME_MS)
    return (document["device"], time, document.get("class"), row.tobytes(), named, document.get("labels") or None)


@unhurried
@given(st.lists(good, min_size=1, max_size=30))
def test_every_way_reads_what_the_json_says(documents: list[dict[str, Any]]) -> None:
    values: list[bytes | None] = [json.dumps(document).encode() for document in documents]
    oracle = [expected(json.loads(raw or b"")) for raw in values]
    learnt = decoder()
    for _ in range(3):  # as it comes, then with whatever the decoder has built in
        assert rows(held(learnt, values)) == oracle
    slow = Decoder(SENSORS, {"pump"}, MappingSettings(), 1 << 20)
    assert rows(held(slow, values)) == oracle
    by_name = Decoder(SENSORS, (), None, 1 << 20)
    assert rows(held(by_name, values)) == [expected(json.loads(raw or b""), ()) for raw in values]


@unhurried
@given(st.lists(raws, max_size=12), st.lists(st.integers(0, 12), max_size=4), st.booleans())
def test_any_cut_of_the_records_gives_the_same_readings(
    values: list[bytes | None], cuts: list[int], used: bool
) -> None:
    whole = held(decoder(), values)
    own = decoder()
    if used:  # what it has seen before changes nothing either
        held(own, [message(seq=1, values={"odd": 1})] * 40 + [message(kind="kiln")] * 100)
    edges = sorted({0, len(values), *(at for at in cuts if at < len(values))})
    parts = [(begin, held(own, values[begin:end], begin)) for begin, end in itertools.pairwise(edges)]
    assert [row for _, part in parts for row in rows(part)] == rows(whole)
    assert [
        reject._replace(record=reject.record + begin) for begin, part in parts for reject in part.rejects
    ] == whole.rejects
    counted: dict[str, int] = {}
    for _, part in parts:
        counted = {name: counted.get(name, 0) + part.counts.get(name, 0) for name in counted | part.counts}
    assert counted == whole.counts


@unhurried
@given(st.lists(st.one_of(good, nearly, json_values), min_size=1, max_size=8))
def test_an_array_is_its_elements_sent_singly(elements: list[Any]) -> None:
    elements = [element for element in elements if not isinstance(element, list)] or [{}]
    together = held(decoder(), [json.dumps(elements).encode()])
    singly = held(decoder(), [json.dumps(element).encode() for element in elements])
    assert rows(together) == rows(singly)
    assert [(reject.element, reject.reason) for reject in together.rejects] == [
        (reject.record, reject.reason) for reject in singly.rejects
    ]
    assert together.counts == singly.counts
