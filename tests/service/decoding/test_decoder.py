"""Good messages, whichever way they take: what is read, what is ignored and counted, and what a batch is."""

import msgspec
import numpy as np
import pytest

from service.decoding import Decoder
from tests.service.decoding.inputs import SENSORS, TIME_MS, decode, decoder, message, records, rows


def test_a_message_of_a_known_class_fills_the_columns() -> None:
    readings = decode(message(labels={"site": "north"}))
    assert (readings.partition, readings.offsets.tolist(), readings.arrivals.tolist()) == (3, [10], [1010])
    assert (readings.devices, readings.times.tolist(), readings.classes) == (["pump-17"], [TIME_MS], ["pump"])
    assert readings.sensors == SENSORS
    assert readings.values.dtype == np.float32
    assert readings.values.tolist() == [[np.float32(32.1), 2.0]]
    assert (readings.named, readings.labels, readings.counts) == ({}, {0: {"site": "north"}}, {})


@pytest.mark.parametrize("kind", [..., None, "", "kiln"])
def test_a_message_of_no_known_class_keeps_its_sensors_by_name_and_in_order(kind: object) -> None:
    readings = decode(message(kind=kind, values={"z": 1, "flow": 2.5, "a": None}))
    assert list(readings.named[0].items()) == [("z", 1.0), ("flow", 2.5)]
    assert np.isnan(readings.values).all()
    assert readings.classes == ["kiln" if kind == "kiln" else None]


def test_null_and_absent_sensors_are_missing_alike() -> None:
    readings = decode(message(values={"flow": None}), message(values={}), message(kind=..., values={"a": None}))
    assert np.isnan(readings.values).all()
    assert readings.named == {2: {}}


def test_an_unknown_member_is_ignored_and_counted() -> None:
    readings = decode(message(seq=1, note={"a": [1]}), message(), message(kind=..., seq=2))
    assert readings.counts == {"unknown_member": 3}
    assert len(readings.devices) == 3


def test_a_sensor_that_no_model_of_a_known_class_knows_is_ignored_whatever_it_holds_and_counted() -> None:
    readings = decode(message(values={"flow": 1, "fw": "1.2", "odd": 1e39, "list": [1], "nothing": None}))
    assert readings.counts == {"unknown_sensor": 3}
    assert readings.values[0, 0] == 1


def test_names_met_often_cost_no_count_and_change_no_reading() -> None:
    raw = [message(seq=i, values={"flow": i, "odd": None if i % 3 else 1.5}) for i in range(40)]
    raw += [message(kind=..., seq=1), message(seq=[1]), message(values={"odd": "text"}), message(seq=None)]
    learnt = decoder()
    first, again = learnt.decode(records(raw)), learnt.decode(records(raw))
    assert rows(first) == rows(again)
    assert first.counts == again.counts == {"unknown_member": 43, "unknown_sensor": 15}


def test_the_unknown_names_of_an_attacker_are_forgotten() -> None:
    learnt = decoder()
    for batch in range(5):
        learnt.decode(records([message(**{f"m{batch}_{i}": 1}) for i in range(1000)]))
    readings = learnt.decode(records([message(**{f"m{i}": 1}) for i in range(2000)] * 20))
    assert readings.counts == {"unknown_member": 40_000}
    assert learnt.decode(records([message()])).devices == ["pump-17"]


def test_the_last_of_duplicate_members_wins() -> None:
    raw = message()[:-1] + b', "device": "other", "values": {"flow": "bad", "flow": 7}}'
    readings = decode(raw)
    assert readings.devices == ["other"]
    assert readings.values[0, 0] == 7


def test_escapes_and_other_alphabets_name_devices_and_sensors() -> None:
    own = Decoder(("débit",), {"pump"}, None, 1 << 20)
    raw = rb'{"device":"\u00e9-\ud83d\ude00","time":1795248203,"class":"pump","values":{"d\u00e9bit":1}}'
    readings = own.decode(records([raw, raw.replace(rb"d\u00e9bit", "débit".encode())]))
    assert readings.devices == ["é-😀"] * 2
    assert readings.values.tolist() == [[1.0], [1.0]]


@pytest.mark.parametrize("odd", ['a"b', "a\\b", "a b", "class", "f0", ""])
def test_a_sensor_may_have_any_name_that_a_model_gives_it(odd: str) -> None:
    own = Decoder(("flow", odd), {"pump"}, None, 1 << 20)
    raw = message(values={odd: 3.5, "flow": 1, "more": 2})
    readings = own.decode(records([raw] * 20))
    assert readings.values.tolist() == [[1.0, 3.5]] * 20
    assert readings.counts == {"unknown_sensor": 20}


@pytest.mark.parametrize("count", [1, 15, 16, 17, 300])
def test_columns_are_the_same_for_few_rows_and_many_with_and_without_nulls(count: int) -> None:
    numbers = [[i * 1.1, None if i % 7 == 3 else -i / 3] for i in range(count)]
    raw = [message(device=f"d{i}", values=dict(zip(SENSORS, row, strict=True))) for i, row in enumerate(numbers)]
    expected = np.array(numbers, dtype=np.float64).astype(np.float32)
    np.testing.assert_array_equal(decode(*raw).values, expected)


def test_the_greatest_float32_and_what_rounds_to_it_are_read() -> None:
    readings = decode(*[message(values={"flow": flow}) for flow in (3.4028234663852886e38, -3.4028235e38, 1e-50, -0.0)])
    assert readings.rejects == []
    assert np.isfinite(readings.values[:, 0]).all()


def test_values_are_one_block_of_memory() -> None:
    own = decoder()
    raw = [message(values={"flow": 1, "odd": 2})] * 40
    for _ in range(2):  # the second time with a column that is only counted
        values = own.decode(records(raw)).values
        assert values.flags.c_contiguous
        assert values.shape == (40, 2)


def test_a_batch_is_a_message_with_many_readings() -> None:
    batch = b" [" + b",".join(message(device=f"d{i}", kind="pump" if i % 2 else ...) for i in range(4)) + b"]\n"
    readings = decode(message(device="a"), batch, message(device="b"))
    assert readings.devices == ["a", "d0", "d1", "d2", "d3", "b"]
    assert readings.record.tolist() == [0, 1, 1, 1, 1, 2]
    assert readings.elements == {1: 0, 2: 1, 3: 2, 4: 3}
    assert sorted(readings.named) == [1, 3]


def test_one_nan_in_a_batch_costs_one_reading() -> None:
    batch = b"[" + b",".join([message(device="a"), message(values={"flow": float("nan")}), message(device="b")]) + b"]"
    readings = decode(batch)
    assert readings.devices == ["a", "b"]
    assert [(reject.element, reject.reason) for reject in readings.rejects] == [(1, "not-finite")]


def test_a_key_that_is_not_the_device_is_counted_and_a_record_without_one_is_not() -> None:
    raw = [message(device=name) for name in ("a", "b", "c", "d")]
    assert decoder().decode(records(raw, [b"a", b"x", None, b"d"])).counts == {"key_mismatch": 1}
    assert decoder().decode(records(raw, [b"a", b"b", b"c", b"d"])).counts == {}
    # The same keys in the same order, but on other records.
    batch = [b"[]", b"[" + message(device="a") + b"," + message(device="b") + b"]"]
    assert decoder().decode(records(batch, [b"a", b"b"])).counts == {"key_mismatch": 1}


def test_labels_are_texts_within_limits_and_the_others_are_counted() -> None:
    labels = {"site": "north", "line": 4, "spare": True, "none": None, "list": [1], "long": "x" * 257, "é" * 128: "y"}
    readings = decode(message(labels=labels), message(labels="north"), message(labels=None), message(labels={}))
    assert readings.labels == {0: {"site": "north", "line": "4", "spare": "true", "é" * 128: "y"}}
    assert readings.counts == {"label_ignored": 4}
    many = decode(message(labels={f"l{i}": "x" * 256 for i in range(20)}))
    assert list(many.labels[0]) == [f"l{i}" for i in range(16)]
    assert many.counts == {"label_ignored": 4}


def test_a_message_as_long_as_the_limit_is_read_and_one_byte_more_is_not() -> None:
    raw = message()
    readings = decoder(max_bytes=len(raw)).decode(records([raw, raw + b" "]))
    assert readings.record.tolist() == [0]
    assert [(reject.record, reject.reason) for reject in readings.rejects] == [(1, "oversize")]


def test_no_records_give_no_readings() -> None:
    readings = decode()
    assert (len(readings.devices), readings.values.shape, readings.rejects) == (0, (0, 2), [])


def test_without_any_model_every_sensor_is_known_by_name() -> None:
    readings = Decoder((), (), None, 1 << 20).decode(records([message()] * 3))
    assert readings.values.shape == (3, 0)
    assert readings.named == {i: {"flow": 32.1, "pressure": 2.0} for i in range(3)}


def test_a_stream_of_unknown_classes_reads_the_same_when_the_decoder_has_noticed() -> None:
    own = decoder()
    raw = [message(kind="kiln", values={"b": i, "a": 1}) for i in range(20)] + [message(), message(values={"odd": 1})]
    first, again = own.decode(records(raw)), own.decode(records(raw))
    assert rows(first) == rows(again)
    assert first.counts == again.counts == {"unknown_sensor": 1}


def test_a_list_keeps_what_was_added_before_the_iterator_raised() -> None:
    """The decoder's loop stands on this."""
    kept: list[int] = []
    with pytest.raises(msgspec.DecodeError):
        kept.extend(map(msgspec.json.Decoder(int).decode, [b"1", b"2", b"x", b"3"]))
    assert kept == [1, 2]
