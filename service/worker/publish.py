"""How an alert and a dead letter look on the outside: keys, values and headers of what a transaction carries.

Values come from the input alone. The wall clock shows in headers only, so it never makes two runs differ.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from service.records import AlertRecord, Headers, Records, Reject
from service.streams.port import Output

ALERT_TYPE = "gruard.alert"
MAX_ERROR = 500


@dataclass(frozen=True)
class Origin:
    """Who publishes, for headers. `readings` is the text of all settings that decide how a message is read."""

    place: Callable[[int], tuple[str, int]] = lambda partition: ("telemetry.readings.v1", partition)
    group: str = "gruard"
    version: str = "0"
    model: str = ""
    readings: str = ""


class _When(msgspec.Struct):
    reading_time: str


def alert(record: AlertRecord, partition: int, origin: Origin, now_ms: int) -> Output:
    """A CloudEvent in binary mode: its attributes are headers, the value is the alert alone."""
    texts = {
        "ce_specversion": "1.0",
        "ce_id": f"{record.alert_id}-{record.sequence}",
        "ce_type": f"{ALERT_TYPE}.{record.event}",
        "ce_source": f"/gruard/{origin.group}/{origin.place(partition)[0]}",
        "ce_subject": record.device,
        "ce_time": msgspec.json.decode(record.value, type=_When).reading_time,
        "content-type": "application/json",
        "detected_time": _rfc3339(now_ms),
    }
    return Output(partition, record.offset, record.device.encode(), record.value, _headers(texts))


def dead_letters(records: Records, rejects: Iterable[Reject], origin: Origin, now_ms: int) -> list[Output]:
    """In the order of the input; key and value are the untouched bytes of the message."""
    ordered = sorted(rejects, key=lambda reject: (reject.record, -1 if reject.element is None else reject.element))
    return [_dead_letter(records, reject, origin, now_ms) for reject in ordered]


def _dead_letter(records: Records, reject: Reject, origin: Origin, now_ms: int) -> Output:
    offset = records.offsets[reject.record]
    topic, partition = origin.place(records.partition)
    texts = {
        "dlq.reason": reject.reason,
        "dlq.error": reject.error[:MAX_ERROR],
        "dlq.topic": topic,
        "dlq.partition": str(partition),
        "dlq.offset": str(offset),
        "dlq.timestamp": str(records.arrivals[reject.record]),
        "dlq.group": origin.group,
        "dlq.service-version": origin.version,
        "dlq.model-digest": origin.model,
        "dlq.time": _rfc3339(now_ms),
    }
    if reject.element is not None:
        texts["dlq.element"] = str(reject.element)
    own = records.headers[reject.record] if records.headers else ()
    value = records.values[reject.record]
    return Output(records.partition, offset, records.keys[reject.record], value, own + _headers(texts))


def _headers(texts: dict[str, str]) -> Headers:
    # surrogatepass would hide a bad error text; "replace" keeps the header readable by everybody.
    return tuple((name, text.encode("utf-8", "replace")) for name, text in texts.items())


def _rfc3339(now_ms: int) -> str:
    return datetime.fromtimestamp(now_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
