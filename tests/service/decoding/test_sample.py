"""What `gruard config --sample` tells about a message."""

from service.decoding import Decoder
from service.decoding.sample import explain
from service.settings import MappingSettings
from tests.service.decoding.inputs import TIME, decoder, message


def test_a_reading_is_shown_field_by_field() -> None:
    lines = explain(message(values={"flow": 32.1, "odd": 1}, labels={"site": "north"}, seq=1), decoder(), b"other")
    for line in (
        'device: "pump-17"',
        f"  time:   {TIME}",
        '  class:  "pump", known',
        "  flow = 32.1",
        "  missing: pressure",
        '  label site = "north"',
        "members that nothing asks for, ignored: 1",
        "values of sensors that no model knows, ignored: 1",
        "readings whose record key is not the device id: 1",
    ):
        assert line in lines


def test_a_dead_letter_is_shown_with_its_reason() -> None:
    lines = explain(b"[" + message(kind="kiln") + b",3]", decoder())
    assert '[0] device: "pump-17"' in lines
    assert '  class:  "kiln", unknown' in lines
    assert lines[0].endswith("1 reading, 1 dead letter")
    assert any(line.startswith("dead letter `schema`: [1] reading is 3") for line in lines)


def test_long_batches_and_wide_readings_are_cut() -> None:
    wide = message(kind=..., values={f"s{i}": i for i in range(100)})
    lines = explain(b"[" + b",".join([wide] * 50) + b"]", decoder())
    assert "... and 45 more readings" in lines
    assert "  ... and 80 more sensors" in lines
    assert len(lines) < 150


def test_key_and_headers_take_part() -> None:
    own = Decoder((), (), MappingSettings(device="key", time="header:ts", values=""), 1 << 20)
    lines = explain(b'{"heat": 3.5}', own, b"dev-1", (("ts", b"1795248203123"),))
    assert lines[1:] == ['device: "dev-1"', f"  time:   {TIME}", "  class:  no class given", "  heat = 3.5"]
