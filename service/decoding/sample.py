"""What a message is read as, line by line, for a person who sets up a mapping."""

from datetime import UTC, datetime
from math import isnan

from service.decoding import Decoder
from service.decoding.wording import listed, shown
from service.records import Headers, Readings, Records

MOST_READINGS = 5  # of a batch are shown
MOST_SENSORS = 20

_COUNTS = {
    "unknown_member": "members that nothing asks for, ignored",
    "unknown_sensor": "values of sensors that no model knows, ignored",
    "label_ignored": "labels that are no short text, ignored",
    "key_mismatch": "readings whose record key is not the device id",
}


def explain(message: bytes, decoder: Decoder, key: bytes | None = None, headers: Headers = ()) -> list[str]:
    """Never raises: a message that is no reading is shown with its reason."""
    readings = decoder.decode(Records(0, [0], [0], [key], [message], [headers] if headers else ()))
    good, bad = len(readings.devices), len(readings.rejects)
    lines = [f"{len(message)} bytes: {_plural(good, 'reading')}, {_plural(bad, 'dead letter')}"]
    for i in range(min(good, MOST_READINGS)):
        lines += _reading(readings, i, decoder)
    if good > MOST_READINGS:
        lines.append(f"... and {good - MOST_READINGS} more readings")
    lines += [f"dead letter `{reject.reason}`: {reject.error}" for reject in readings.rejects]
    lines += [f"{_COUNTS[name]}: {count}" for name, count in readings.counts.items()]
    return lines


def _reading(readings: Readings, i: int, decoder: Decoder) -> list[str]:
    where = f"[{readings.elements[i]}] " if i in readings.elements else ""
    kind = readings.classes[i]
    known = "no class given" if kind is None else f"{shown(kind)}, {'known' if i not in readings.named else 'unknown'}"
    when = datetime.fromtimestamp(readings.times[i] / 1000, UTC).isoformat(timespec="milliseconds")
    lines = [
        f"{where}device: {shown(readings.devices[i])}",
        f"  time:   {when.replace('+00:00', 'Z')}",
        f"  class:  {known}",
    ]
    values = _values(readings, i)
    lines += [f"  {name} = {value:g}" for name, value in list(values.items())[:MOST_SENSORS]]
    if len(values) > MOST_SENSORS:
        lines.append(f"  ... and {len(values) - MOST_SENSORS} more sensors")
    missing = [name for name in readings.sensors if name not in values] if i not in readings.named else []
    if missing:
        lines.append(f"  missing: {listed(missing)}")
    labels = readings.labels.get(i, {})
    return [*lines, *(f"  label {name} = {shown(text)}" for name, text in labels.items())]


def _values(readings: Readings, i: int) -> dict[str, float]:
    if i in readings.named:
        return readings.named[i]
    row = readings.values[i].tolist()
    return {name: value for name, value in zip(readings.sensors, row, strict=True) if not isnan(value)}


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
