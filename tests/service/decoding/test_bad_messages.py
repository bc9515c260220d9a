"""Every kind of bad message ends as one reject that tells a person what to mend, and harms nobody beside it."""

import json
from dataclasses import dataclass

import pytest

from service.decoding import Decoder
from tests.service.decoding.inputs import TIME, TIME_MS, decode, message, records, rows


@dataclass
class Bad:
    kind: str
    raw: bytes | None
    reason: str
    field: str  # what the error names ...
    value: str = ""  # ... and shows of its value


def text(field: str, written: str) -> bytes:
    """A message with this member written in a way that `json.dumps` would not."""
    return message(**{field: "@"}).replace(b'"@"', written.encode())


def value(written: str) -> bytes:
    return message(values={"flow": "@", "pressure": 1}).replace(b'"@"', written.encode())


DEEP = "[" * 20_000 + "]" * 20_000

BAD = [
    Bad("no bytes at all", b"", "decode", "message", "empty"),
    Bad("tombstone", None, "decode", "message", "empty"),
    Bad("only spaces", b"  \n", "decode", "message", "Expecting value"),
    Bad("cut in a string", message()[:25], "decode", "message", '{"device": "pump-17", "ti'),
    Bad("cut in a number", message()[:-18], "decode", "message", '{"flow": 32'),
    Bad("plain text", b"hello", "decode", "message", "hello"),
    Bad("XML", b"<reading><flow>1</flow></reading>", "decode", "message", "<reading>"),
    Bad("single quotes", message().replace(b'"', b"'"), "decode", "message", "{'device'"),
    Bad("trailing comma", message()[:-1] + b",}", "decode", "message", ",}"),
    Bad("comment", b"// hi\n" + message(), "decode", "message", "// hi"),
    Bad("leading zero", value("01"), "decode", "message", '"flow": 01'),
    Bad("two documents", message() + b"\n" + message(), "decode", "message", "Extra data"),
    Bad("a document and half of one", message() + message()[:30], "decode", "message", "Extra data"),
    Bad("JSON after a reading", message() + b"]", "decode", "message", "Extra data"),
    Bad("byte order mark", b"\xef\xbb\xbf" + message(), "decode", "message", "byte order mark"),
    Bad("UTF-16", message().decode().encode("utf-16"), "decode", "message", "UTF-16"),
    Bad("UTF-16 without a mark", message().decode().encode("utf-16-le"), "decode", "message", "{\\x00"),
    Bad("UTF-32", message().decode().encode("utf-32"), "decode", "message", "UTF-16 or UTF-32"),
    Bad("invalid UTF-8 in the id", message().replace(b"pump-17", b"pump-\xff"), "decode", "device", "pump-\\xff"),
    Bad("invalid UTF-8 elsewhere", text("note", '"é"').replace(b"\xc3", b""), "decode", "note", "\\xa9"),
    Bad("lone surrogate", message().replace(b"pump-17", b"\\ud800"), "decode", "device", "\\ud800"),
    Bad("raw control character in a string", message().replace(b"pump-17", b"a\nb"), "decode", "device", "a\\nb"),
    Bad("gzip", b"\x1f\x8b\x08\x00" + bytes(range(60)), "decode", "message", "\\x8b"),
    Bad("NUL bytes", bytes(100), "decode", "message", "\\x00"),
    Bad("deep array", DEEP.encode(), "decode", "message", "[[[["),
    Bad("deep array, never closed", b"[" * 20_000, "decode", "message", "20000"),
    Bad("deep unknown member", text("note", DEEP), "decode", "message", "20001"),
    Bad("deep value", value(DEEP), "decode", "message", "20002"),
    Bad("deep object", b'{"a":' * 20_000 + b"1" + b"}" * 20_000, "decode", "message", '{"a":{"a":'),
    Bad("5 MB", message(note="x" * 5_000_000), "oversize", "message", "5000"),
    Bad("5 MB of brackets", b"[" * 5_000_000, "oversize", "message", "5000000"),
    Bad("null", b"null", "schema", "reading", "null"),
    Bad("true", b"true", "schema", "reading", "true"),
    Bad("a number", b"21.5", "schema", "reading", "21.5"),
    Bad("a text", b'"pump-17"', "schema", "reading", "pump-17"),
    Bad("empty array", b"[]", "schema", "message", "[]"),
    Bad("too long an array", json.dumps([1] * 20_000).encode(), "schema", "message", "20000"),
    Bad("empty object", b"{}", "device", "device", "missing"),
    Bad("device missing", message(device=...), "device", "device", "missing"),
    Bad("device null", message(device=None), "device", "device", "null"),
    Bad("device empty", message(device=""), "device", "device", "empty"),
    Bad("device a number", message(device=17), "device", "device", "17"),
    Bad("device a list", message(device=["pump-17"]), "device", "device", "an array of 1"),
    Bad("device of 10 kB", message(device="p" * 10_000), "device", "device", "p" * 40 + "p…"),
    Bad("device of 257 bytes in 129 characters", message(device="é" * 128 + "p"), "device", "device", "é" * 40),
    Bad("device with NUL", message(device="pump\0"), "device", "device", "pump\\x00"),
    Bad("device with a line break", message(device="a\nb"), "device", "device", "a\\nb"),
    Bad("device with a direction mark", message(device="a\u202eb"), "device", "device", "a\\u202eb"),
    Bad("time missing", message(time=...), "time", "time", "missing"),
    Bad("time null", message(time=None), "time", "time", "null"),
    Bad("time empty", message(time=""), "time", "time", '""'),
    Bad("time true", message(time=True), "time", "time", "true"),
    Bad("time a list", message(time=[TIME]), "time", "time", "an array of 1"),
    Bad("time zone-less", message(time="2026-11-21T08:03:23"), "time", "time", "2026-11-21T08:03:23"),
    Bad("time a date", message(time="2026-11-21"), "time", "time", "2026-11-21"),
    Bad("time in year 9999", message(time="9999-12-31T23:59:59Z"), "time", "time", "9999-12-31T23:59:59Z"),
    Bad("time before 1990", message(time="1970-01-01T00:00:00Z"), "time", "time", "1970-01-01T00:00:00Z"),
    Bad("time negative", message(time=-1795248203), "time", "time", "-1795248203"),
    Bad("time zero", message(time=0), "time", "time", "0"),
    Bad("time between s and ms", message(time=99_999_999_999), "time", "time", "99999999999"),
    Bad("time of too many digits", message(time=int("9" * 400)), "time", "time", "9" * 40),
    Bad("time of 5000 digits", text("time", "9" * 5000), "time", "time", "9" * 40),
    Bad("time 1e999", text("time", "1e999"), "time", "time", "1e999"),
    Bad("time NaN", message(time=float("nan")), "time", "time", "NaN"),
    Bad("time a number in quotes", message(time=str(TIME_MS)), "time", "time", f'"{TIME_MS}"'),
    Bad("time on 30 February", message(time="2026-02-30T08:03:23Z"), "time", "time", "2026-02-30"),
    Bad("time at 25 o'clock", message(time="2026-11-21T25:03:23Z"), "time", "time", "25:03"),
    Bad("time with an offset of 24 h", message(time="2026-11-21T08:03:23+24:00"), "time", "time", "+24:00"),
    Bad("time in words", message(time="Sat, 21 Nov 2026 08:03:23 GMT"), "time", "time", "Sat, 21 Nov"),
    Bad("class a number", message(kind=7), "schema", "class", "7"),
    Bad("class of 10 kB", message(kind="c" * 10_000), "schema", "class", "c" * 40),
    Bad("class with a line break", message(kind="a\nb"), "schema", "class", "a\\nb"),
    Bad("values missing", message(values=...), "schema", "values", "missing"),
    Bad("values null", message(values=None), "schema", "values", "null"),
    Bad("values a list", message(values=[32.1, 2]), "schema", "values", "an array of 2"),
    Bad("values a number", message(values=32.1), "schema", "values", "32.1"),
    Bad("value a text", value('"32.1"'), "schema", "values.flow", '"32.1"'),
    Bad("value an empty text", value('""'), "schema", "values.flow", '""'),
    Bad("value a truth value", value("true"), "schema", "values.flow", "true"),
    Bad("value an object", value('{"v": 32.1}'), "schema", "values.flow", "an object of 1"),
    Bad("value a list", value("[32.1]"), "schema", "values.flow", "an array of 1"),
    Bad("value NaN", value("NaN"), "not-finite", "values.flow", "NaN"),
    Bad("value Infinity", value("Infinity"), "not-finite", "values.flow", "Infinity"),
    Bad("value -Infinity", value("-Infinity"), "not-finite", "values.flow", "-Infinity"),
    Bad("value 1e39", value("1e39"), "not-finite", "values.flow", "1e+39"),
    Bad("value -1e308", value("-1e308"), "not-finite", "values.flow", "-1e+308"),
    Bad("value 1e999", value("1e999"), "not-finite", "values.flow", "1e999"),
    Bad("value of 400 digits", value("9" * 400), "not-finite", "values.flow", "9" * 40),
    Bad("value of 5000 digits", value("9" * 5000), "not-finite", "values.flow", "9" * 40),
    Bad("least value that rounds beyond", value("3.4028235677973366e38"), "not-finite", "values.flow", "3.402823567"),
    Bad("NaN in a member nobody asks for", message(note=float("nan")), "not-finite", "note", "NaN"),
    Bad("last of duplicate keys bad", message()[:-1] + b', "values": 3}', "schema", "values", "3"),
    Bad("value a text, class unknown", message(kind="kiln", values={"heat": "hot"}), "schema", "values.heat", '"hot"'),
    Bad(
        "value 1e39, class unknown",
        message(kind=..., values={"a": 1, "heat": 1e39}),
        "not-finite",
        "values.heat",
        "1e+39",
    ),
    Bad("10 000 sensors", message(kind=..., values={f"s{i}": i for i in range(10_000)}), "schema", "values", "10000"),
    Bad("sensor without a name", message(kind=..., values={"": 1}), "schema", "values", '""'),
    Bad("sensor's name of 10 kB", message(kind=..., values={"n" * 10_000: 1}), "schema", "values", "n" * 40),
    Bad("sensor's name with a line break", message(kind=..., values={"a\nb": 1}), "schema", "values", "a\\nb"),
]


@pytest.fixture(scope="module")
def shared() -> Decoder:
    return Decoder(("flow", "pressure"), {"pump"}, None, 1 << 20)


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.kind)
def test_a_bad_message_is_one_reject_that_names_field_and_value(bad: Bad) -> None:
    readings = decode(message(device="a"), bad.raw, message(device="b"))
    assert [(reject.record, reject.element, reject.reason) for reject in readings.rejects] == [(1, None, bad.reason)]
    error = readings.rejects[0].error
    assert bad.field in error
    assert bad.value in error
    assert len(error) <= 500
    assert error.isprintable()  # one line that no terminal chokes on
    assert readings.record.tolist() == [0, 2]
    assert rows(readings) == rows(decode(message(device="a"), message(device="b")))


@pytest.mark.parametrize("bad", [bad for bad in BAD if bad.raw and bad.raw[:1] == b"{"], ids=lambda bad: bad.kind)
def test_a_bad_element_leaves_the_others_of_its_array_alone(bad: Bad) -> None:
    assert bad.raw is not None
    readings = decode(b"[" + b",".join([message(device="a"), bad.raw, message(device="b")]) + b"]")
    if bad.reason == "decode":  # no array at all, or one that was cut at another place
        assert {reject.reason for reject in readings.rejects} <= {"decode", "schema", "device"}
    elif bad.reason == "oversize":
        assert [reject.reason for reject in readings.rejects] == ["oversize"]
    else:
        assert [(reject.record, reject.element, reject.reason) for reject in readings.rejects] == [(0, 1, bad.reason)]
        assert bad.value in readings.rejects[0].error
        assert list(readings.elements.values()) == [0, 2]
        assert rows(readings) == rows(decode(message(device="a"), message(device="b")))


def test_all_bad_messages_at_once_give_what_they_give_alone(shared: Decoder) -> None:
    together = shared.decode(records([bad.raw for bad in BAD]))
    alone = [decode(bad.raw).rejects[0]._replace(record=at) for at, bad in enumerate(BAD)]
    assert together.rejects == alone
    assert together.devices == []


@pytest.mark.parametrize("element", [b"1", message(time="never"), message(values={"flow": 1e39}), message(device="")])
def test_a_hundred_bad_elements_are_not_a_hundred_dead_letters_of_the_whole_message(element: bytes) -> None:
    readings = decode(b"[" + b",".join([element] * 100 + [message()]) + b"]")
    assert [reject.element for reject in readings.rejects] == list(range(64))
    assert all(reject.error.startswith(f"[{reject.element}] ") for reject in readings.rejects)
    assert "36 more elements up to [99]" in readings.rejects[-1].error
    assert len(readings.devices) == 1
