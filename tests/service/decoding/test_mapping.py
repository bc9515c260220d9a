"""Foreign layouts: three that are met in the field, then every kind of place, and mappings that make no sense."""

import json
from typing import Any

import pytest

from service.decoding import Decoder
from service.errors import ConfigurationError
from service.records import Headers, Readings
from service.settings import MappingSettings
from tests.service.decoding.inputs import TIME, TIME_MS, message, records, rows


def read(mapping: dict[str, Any], *documents: Any, key: bytes | None = None, headers: Headers = ()) -> Readings:
    own = Decoder(("flow", "pressure"), {"pump"}, MappingSettings(**mapping), 1 << 20)
    raw = [json.dumps(document).encode() for document in documents]
    return own.decode(records(raw, [key] * len(raw), [headers] * len(raw)))


def test_one_message_a_device_as_a_metrics_agent_writes_it() -> None:
    mapping = {"device": "/tags/host", "time": "/timestamp", "class": "/name", "values": "/fields", "labels": "/tags"}
    document = {
        "fields": {"flow": 32.1, "pressure": None, "state": "ok", "up": True},
        "name": "pump",
        "tags": {"host": "pump-17", "site": "north"},
        "timestamp": 1795248203,
    }
    readings = read(mapping, document, document | {"name": "kiln"})
    assert readings.devices == ["pump-17"] * 2
    assert readings.times.tolist() == [TIME_MS - 123] * 2
    assert readings.values[0, 0] == pytest.approx(32.1)
    assert readings.named == {1: {"flow": 32.1}}
    assert readings.labels[0] == {"host": "pump-17", "site": "north"}
    assert readings.counts == {"unknown_sensor": 2, "unknown_member": 2}


def test_one_message_a_sensor_as_a_gateway_writes_it() -> None:
    mapping = {"device": "/dev/id", "time": "/ts", "sensor": "/sensor", "value": "/reading/0/v"}
    documents = [
        {"dev": {"id": "d1"}, "ts": TIME_MS, "sensor": name, "reading": [{"v": number}]}
        for name, number in (("flow", 32.1), ("heat", 7), ("heat", None))
    ]
    readings = read(mapping, *documents, documents[0] | {"class": "pump"})
    assert readings.named == {0: {"flow": 32.1}, 1: {"heat": 7.0}, 2: {}}
    assert readings.values[3, 0] == pytest.approx(32.1)
    assert readings.times.tolist() == [TIME_MS] * 4


def test_a_batch_of_flat_objects_as_a_logger_writes_it() -> None:
    mapping = {"device": "/id", "time": "/t", "class": "/kind", "values": ""}
    flat = [
        {"id": "a", "t": TIME, "kind": "pump", "flow": 1, "pressure": 2.5, "firmware": "1.2"},
        {"id": "b", "t": TIME, "heat": 7, "note": "x", "nested": {"a": 1}, "on": True},
        {"id": "c", "t": "yesterday", "heat": 7},
        {"id": "d", "t": TIME, "heat": None},
    ]
    readings = read(mapping, flat)
    assert readings.devices == ["a", "b", "d"]
    assert readings.values[0].tolist() == [1.0, 2.5]
    assert readings.named == {1: {"heat": 7.0}, 2: {}}
    assert readings.elements == {0: 0, 1: 1, 2: 3}
    assert [(reject.element, reject.reason) for reject in readings.rejects] == [(2, "time")]
    assert 'time (at /t) is "yesterday"' in readings.rejects[0].error


def test_gurards_own_layout_written_as_a_mapping_reads_the_same() -> None:
    raw = [message(), message(kind=..., labels={"a": "b"}), message(values={"flow": None}), message(time=TIME_MS)]
    own, foreign = (Decoder(("flow", "pressure"), {"pump"}, each, 1 << 20) for each in (None, MappingSettings()))
    assert rows(own.decode(records(raw))) == rows(foreign.decode(records(raw)))


def test_key_and_headers_give_what_the_message_has_not() -> None:
    mapping = {"device": "key", "time": "header:ts", "class": "header:class", "sensor": "header:name", "value": ""}
    headers = (("ts", b"5"), ("ts", str(TIME_MS).encode()), ("class", b"pump"), ("name", b"flow"))
    readings = read(mapping, 32.1, key=b"pump-17", headers=headers)
    assert (readings.devices, readings.classes, readings.times.tolist()) == (["pump-17"], ["pump"], [TIME_MS])
    assert readings.values[0, 0] == pytest.approx(32.1)


@pytest.mark.parametrize(("written", "expected"), [("1795248203.123", TIME_MS), (TIME, TIME_MS)])
def test_a_header_s_time_is_a_number_if_it_looks_like_one(written: str, expected: int) -> None:
    readings = read({"time": "header:ts"}, {"device": "a", "values": {}}, headers=(("ts", written.encode()),))
    assert readings.times.tolist() == [expected]


@pytest.mark.parametrize(
    ("mapping", "document", "key", "reason", "parts"),
    [
        ({"device": "key"}, {"time": TIME, "values": {}}, None, "device", ["device (at key)", "missing"]),
        ({"device": "key"}, {"time": TIME, "values": {}}, b"\xff", "decode", ["key", "\\xff"]),
        ({"device": "key"}, {"time": TIME, "values": {}}, b"", "device", ["device (at key)", "empty"]),
        ({"time": "header:ts"}, {"device": "a", "values": {}}, None, "time", ["time (at header:ts)", "missing"]),
        ({"device": "/a/b"}, {"a": 3, "time": TIME, "values": {}}, None, "device", ["device (at /a/b)", "missing"]),
        ({"values": "/v"}, {"device": "a", "time": TIME}, None, "schema", ["values (at /v)", "missing"]),
        ({"values": "/v"}, {"device": "a", "time": TIME, "v": {"x": "1"}}, None, "schema", ["values.x (at /v)", '"1"']),
        ({"time": "/t/s"}, {"device": "a", "t": {"s": float("nan")}, "values": {}}, None, "time", ["t.s", "NaN"]),
        ({"sensor": "/s", "value": "/v"}, {"device": "a", "time": TIME, "v": 1}, None, "schema", ["sensor (at /s)"]),
        ({"sensor": "/s", "value": "/v"}, {"s": 4, "v": 1}, None, "schema", ["sensor (at /s)", "4"]),
        ({"sensor": "/s", "value": "/v"}, {"s": "x"}, None, "schema", ["value (at /v)", "missing"]),
        (
            {"sensor": "/s", "value": "/v"},
            {"device": "a", "time": TIME, "s": "x", "v": "21"},
            None,
            "schema",
            ["values.x (at /v)", '"21"'],
        ),
        ({}, 3, None, "device", ["device (at /device)", "missing"]),
    ],
)
def test_what_is_not_where_the_mapping_says_is_told_with_its_place(
    mapping: dict[str, str], document: Any, key: bytes | None, reason: str, parts: list[str]
) -> None:
    (reject,) = read(mapping, document, key=key).rejects
    assert reject.reason == reason
    for part in parts:
        assert part in reject.error


def test_pointers_are_escaped_as_rfc_6901_says() -> None:
    mapping = {"device": "/a~1b", "time": "/c~0d", "values": "/ "}
    readings = read(mapping, {"a/b": "x", "c~d": TIME, " ": {"v": 1}})
    assert readings.named == {0: {"v": 1.0}}


@pytest.mark.parametrize(
    ("mapping", "field"),
    [
        ({"device": "device"}, "readings.mapping.device"),
        ({"time": "$.time"}, "readings.mapping.time"),
        ({"device": "header:"}, "readings.mapping.device"),
        ({"values": "key"}, "readings.mapping.values"),
        ({"sensor": "/s"}, "readings.mapping"),
        ({"value": "/v"}, "readings.mapping"),
        ({"sensor": "/s", "value": "header:v"}, "readings.mapping.value"),
    ],
)
def test_a_mapping_that_makes_no_sense_is_told_at_the_start(mapping: dict[str, str], field: str) -> None:
    with pytest.raises(ConfigurationError, match=field):
        Decoder((), (), MappingSettings(**mapping), 1 << 20)
