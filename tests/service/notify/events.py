"""Alert events as a worker publishes them, made up: lives of alerts, interleaved over devices, sites and classes."""

import random
from collections.abc import Iterable, Iterator

from service.detector.alerts import Alert, Budget, ModelName, Source
from service.notify.news import News, read
from service.streams.port import Output

SITES = ("north", "south", "")
CLASSES = ("pump", "fan")
ONSET = "2026-11-21T08:00:00.000Z"


def value(
    alert_id: str,
    sequence: int = 1,
    event: str = "opened",
    severity: str = "warning",
    device: str = "pump-17",
    class_: str = "pump",
    site: str = "north",
    **changes: object,
) -> bytes:
    ended = "2026-11-21T08:05:00.000Z" if event == "resolved" else None
    given: dict[str, object] = {
        "alert_id": alert_id, "event": event, "sequence": sequence, "kind": "process", "type": "level",
        "severity": severity, "device_id": device, "device_class": class_, "labels": {"site": site} if site else {},
        "onset_time": ONSET, "reading_time": ended or ONSET, "resolved_time": ended,
        "resolved_reason": "recovered" if ended else None, "duration_s": 300.0 if ended else 0.0,
        "score": 1.5, "score_max": 1.5, "budget": Budget(false_alarms_per_device_day=0.5, extrapolated=False),
        "contributions": [], "summary": f"{device}: flow is 12 l/min above what was expected",
        "model": ModelName(name="pump", version="1", sha256="0" * 64),
        "source": Source(topic="telemetry.readings.v1", partition=0, offset=7),
    }  # fmt: skip
    return Alert(**{**given, **changes}).model_dump_json(by_alias=True).encode()  # type: ignore[arg-type]


def news(offset: int, alert_id: str = "a", sequence: int = 1, partition: int = 0, **changes: object) -> News:
    found = value(alert_id, sequence, **changes)  # type: ignore[arg-type]
    return News(partition, offset, read(found), found)


def life(chance: random.Random, number: int) -> list[bytes]:
    """One alert from opened on; not all of them end."""
    site, class_ = chance.choice(SITES), chance.choice(CLASSES)
    known = {"device": f"{class_}-{number % 40}", "class_": class_, "site": site}
    events = ["opened", *chance.choice(((), ("updated",), ("escalated",), ("updated", "escalated", "updated")))]
    events += ["resolved"] * (chance.random() < 0.7)
    severity, found = "warning", []
    for sequence, event in enumerate(events, 1):
        severity = "critical" if event == "escalated" else severity
        found.append(value(f"{number:08x}", sequence, event, severity, **known))
    return found


def lives(seed: int, count: int) -> Iterator[bytes]:
    """Of so many alerts, each in its order, interleaved."""
    chance = random.Random(seed)
    waiting = [iter(life(chance, number)) for number in range(count)]
    running: list[Iterator[bytes]] = []
    while waiting or running:
        if waiting and (not running or chance.random() < 0.4):
            running.append(waiting.pop())
        each = chance.choice(running)
        event = next(each, None)
        if event is None:
            running.remove(each)
        else:
            yield event


def outputs(values: Iterable[bytes]) -> list[Output]:
    found = []
    for number, each in enumerate(values):
        event = read(each)
        headers = (("ce_id", event.id.encode()), ("ce_type", f"gruard.alert.{event.event}".encode()))
        found.append(Output(0, number, event.device_id.encode(), each, headers))
    return found


def wanted(values: Iterable[bytes]) -> set[str]:
    """Ids of what a target with the default filter is to be told."""
    return {event.id for event in map(read, values) if event.event != "updated"}
