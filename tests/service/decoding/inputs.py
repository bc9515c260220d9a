"""Messages and records as short as tests want them."""

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import settings

from service.decoding import Decoder
from service.records import Headers, Readings, Records
from service.settings import MappingSettings

unhurried = settings(deadline=None)  # a busy machine is no failure

SENSORS = ("flow", "pressure")
TIME = "2026-11-21T08:03:23.123Z"
TIME_MS = 1795248203123


def decoder(mapping: MappingSettings | None = None, max_bytes: int = 1 << 20) -> Decoder:
    return Decoder(SENSORS, {"pump"}, mapping, max_bytes)


def message(**members: Any) -> bytes:
    """A good one, but for the members given; ... takes one away."""
    own = {"device": "pump-17", "time": TIME, "class": "pump", "values": {"flow": 32.1, "pressure": 2}}
    own |= {"class" if name == "kind" else name: value for name, value in members.items()}
    return json.dumps({name: value for name, value in own.items() if value is not ...}).encode()


def records(
    values: Sequence[bytes | None], keys: Sequence[bytes | None] | None = None, headers: Sequence[Headers] = ()
) -> Records:
    offsets = range(10, 10 + len(values))
    return Records(3, offsets, [1000 + at for at in offsets], keys or [None] * len(values), values, headers)  # type: ignore[arg-type]


def decode(*values: bytes | None) -> Readings:
    return decoder().decode(records(values))


def rows(readings: Readings) -> list[tuple[object, ...]]:
    """Each reading as something to compare."""
    values = [row.tobytes() for row in readings.values]
    return [
        (
            readings.devices[i],
            int(readings.times[i]),
            readings.classes[i],
            values[i],
            readings.named.get(i),
            readings.labels.get(i),
        )
        for i in range(len(readings.devices))
    ]
