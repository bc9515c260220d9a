"""Where a message has its device, time, class, values and labels: Gruard's own layout, or `readings.mapping`.

A place is a JSON pointer (RFC 6901; the empty one is the message, or the element of a batch, itself), `key`, or
`header:NAME`. Out comes the content of one reading by Gruard's own names, whatever the layout was.
"""

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from service.decoding.faults import RejectError
from service.decoding.wording import shown, shown_bytes
from service.errors import ConfigurationError
from service.records import Headers
from service.settings import MappingSettings

ABSENT: Any = object()
FIELDS = ("device", "time", "class", "values", "labels")

_NUMBER = re.compile(r"-?\d{1,30}(\.\d{1,30})?", flags=re.ASCII)


class Source(NamedTuple):
    """What of a record is outside its value."""

    key: bytes | None = None
    headers: Headers = ()


class OwnLayout:
    foreign = False
    time = "time"  # as a dotted path

    def __init__(self) -> None:
        self.places: dict[str, str] = {}

    def pick(self, document: Any, source: Source) -> dict[str, Any]:
        """The content that is there, by its names, and whatever else the message holds."""
        if not isinstance(document, dict):
            raise RejectError(
                "schema", f'reading is {shown(document)}, not an object with "device", "time" and "values"'
            )
        return document


@dataclass(frozen=True)
class Pointer:
    steps: tuple[str, ...]

    def find(self, document: Any, source: Source) -> Any:
        for step in self.steps:
            if isinstance(document, dict) and step in document:
                document = document[step]
            elif isinstance(document, list) and step.isdecimal() and int(step) < len(document):
                document = document[int(step)]
            else:
                return ABSENT
        return document


@dataclass(frozen=True)
class KeyPlace:
    def find(self, document: Any, source: Source) -> Any:
        return ABSENT if source.key is None else _text("key", source.key)


@dataclass(frozen=True)
class HeaderPlace:
    name: str

    def find(self, document: Any, source: Source) -> Any:
        found = [value for name, value in source.headers if name == self.name]
        return _text(f"header:{self.name}", found[-1]) if found else ABSENT  # the last of a name, as Kafka reads it


Place = Pointer | KeyPlace | HeaderPlace


@dataclass(frozen=True)
class ObjectOfValues:
    """An object of sensor to number; in a flat message other fields stand beside the sensors and are none."""

    place: Pointer
    beside: frozenset[str]

    def find(self, document: Any, source: Source) -> Any:
        values = self.place.find(document, source)
        if isinstance(values, dict):
            return {name: value for name, value in values.items() if name not in self.beside}
        return values


@dataclass(frozen=True)
class OneSensor:
    sensor: Place
    value: Pointer
    places: dict[str, str]

    def find(self, document: Any, source: Source) -> Any:
        sensor, value = self.sensor.find(document, source), self.value.find(document, source)
        if not isinstance(sensor, str):
            what = "missing" if sensor is ABSENT else f"{shown(sensor)}, not text"
            raise RejectError(
                "schema", f"sensor (at {self.places['sensor']}) is {what}: the sensor's name belongs there"
            )
        if value is ABSENT:
            raise RejectError("schema", f"value (at {self.places['value']}) is missing: a number or null belongs there")
        return {sensor: value}


class ForeignLayout:
    foreign = True

    def __init__(self, mapping: MappingSettings) -> None:
        """Raises ConfigurationError."""
        given = mapping.model_dump(by_alias=True, exclude_none=True)
        self.places = {name: _described(place) for name, place in given.items()}
        places = {name: _place(name, place) for name, place in given.items()}
        values = _values(places, self.places)
        if isinstance(values, OneSensor):
            self.places["values"] = self.places["value"]
        self._places = [(name, values if name == "values" else places[name]) for name in FIELDS]
        self._time_is_text = not isinstance(places["time"], Pointer)  # keys and headers know no numbers
        self.time = ".".join(places["time"].steps) if isinstance(places["time"], Pointer) else ""

    def pick(self, document: Any, source: Source) -> dict[str, Any]:
        picked = {}
        for name, place in self._places:
            value = place.find(document, source)
            if value is not ABSENT:
                picked[name] = value
        if self._time_is_text and "time" in picked:
            picked["time"] = _number(picked["time"])
        return picked


Layout = OwnLayout | ForeignLayout


def _values(places: dict[str, Place], described: dict[str, str]) -> ObjectOfValues | OneSensor:
    if "sensor" in places or "value" in places:
        if not ("sensor" in places and "value" in places):
            raise ConfigurationError("readings.mapping has one of sensor and value: give both, or neither for `values`")
        return OneSensor(places["sensor"], _inside("value", places), described)
    values = _inside("values", places)
    depth = len(values.steps)
    steps = [place.steps for name, place in places.items() if name != "values" and isinstance(place, Pointer)]
    beside = {path[depth] for path in steps if len(path) > depth and path[:depth] == values.steps}
    return ObjectOfValues(values, frozenset(beside))


def _inside(name: str, places: dict[str, Place]) -> Pointer:
    place = places[name]
    if not isinstance(place, Pointer):
        raise ConfigurationError(f"readings.mapping.{name} is no JSON pointer: numbers are only read from the message")
    return place


def _place(name: str, text: str) -> Place:
    if text == "key":
        return KeyPlace()
    if text.startswith("header:") and len(text) > len("header:"):
        return HeaderPlace(text.removeprefix("header:"))
    if text and not text.startswith("/"):
        ways = f'a JSON pointer such as "/{name}", "" for the whole message, "key", or "header:NAME"'
        raise ConfigurationError(f"readings.mapping.{name} is {shown(text)}: write {ways}")
    return Pointer(tuple(step.replace("~1", "/").replace("~0", "~") for step in text.split("/")[1:]))


def _described(place: str) -> str:
    return place or "the message itself"


def _text(place: str, raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as bad:
        where = f"{place} is not UTF-8 at byte {bad.start}, in {shown_bytes(raw)}"
        raise RejectError("decode", f"{where}: send UTF-8") from None


def _number(text: str) -> str | int | float:
    match = _NUMBER.fullmatch(text)
    if match is None:
        return text
    return float(text) if match[1] else int(text)


def layout(mapping: MappingSettings | None) -> Layout:
    """Raises ConfigurationError."""
    return ForeignLayout(mapping) if mapping else OwnLayout()
