"""What one message is read as under the configured mapping: the reading, or why it would be a dead letter."""

import json
from datetime import UTC, datetime
from typing import Any

from service.decoding import Decoder
from service.records import Readings, Records
from service.settings import Settings


def show(message: str, settings: Settings, key: str | None = None) -> None:
    """Without a model every sensor is known by name alone, so this works before anything was trained."""
    own = settings.readings
    decoder = Decoder((), (), own.mapping, own.max_message_bytes)
    raw_key = None if key is None else key.encode("utf-8", "surrogateescape")
    readings = decoder.decode(Records(0, [0], [0], [raw_key], [message.encode("utf-8", "surrogateescape")]))
    for i in range(len(readings.devices)):
        print(json.dumps(_reading(readings, i), ensure_ascii=False))
    for reject in readings.rejects:
        element = "" if reject.element is None else f" element {reject.element}"
        print(f"dead letter `{reject.reason}`{element}: {reject.error}")


def _reading(readings: Readings, i: int) -> dict[str, Any]:
    time = datetime.fromtimestamp(readings.times[i] / 1000, UTC).isoformat(timespec="milliseconds")
    return {
        "device": readings.devices[i],
        "time": time.replace("+00:00", "Z"),
        "class": readings.classes[i],
        "values": {name: float(value) for name, value in readings.named.get(i, {}).items()},
        "labels": readings.labels.get(i, {}),
    }
