"""The real thing for oracles: shipped models, the real decoder and detector, a simulated fleet with faults."""

from functools import cache
from pathlib import Path

from service.bundle import Bundles
from service.fleet import Fleet, message
from service.host import engine
from service.settings import Settings
from service.streams.embedded import EmbeddedLog, Message
from service.worker.engine import Engine
from tests.service.rig import START_MS

MODELS = Path(__file__).parents[2] / "models"
BUDGET = 30.0  # per device-day, so that an hour or two holds more than a dozen alerts
BAD = (b"", b"{", b'{"device": "x"}', b'{"device": "x", "time": 0, "values": {}}', b"\xff\xfe", b"[1, 2]")


def settings(rules: str = "") -> Settings:
    made = {"models": {"path": MODELS}, "detector": {"false_alarms_per_device_day": float(rules or BUDGET)}}
    return Settings.model_validate(made)


def real_engine(rules: str = "") -> Engine:
    own = settings(rules)
    return engine(own, Bundles(own.models.path, own.models.default))


@cache
def fleet_messages(seed: int, devices: int = 88, seconds: float = 1800.0, faults: int = 88) -> tuple[Message, ...]:
    """With late, repeated and future readings as the fleet makes them, and every 150th message no reading at all.

    Only the slower classes, for few waves; every fifth device's class is one that no model is made for.
    """
    found: list[Message] = []
    for sample in Fleet(devices, seed, START_MS, faults).readings(seconds):
        if sample.class_name not in ("server", "meter"):
            continue
        named = "press" if sample.device.endswith(("0", "5")) else sample.class_name
        key, value = message(sample._replace(class_name=named))
        found.append(Message(key, value, sample.arrival_ms))
        if len(found) % 150 == 149:
            found.append(Message(key, BAD[len(found) // 150 % len(BAD)], sample.arrival_ms))
    return tuple(found)


def rows(path: Path) -> dict[str, bytes]:
    """Every device's whole state, as the snapshots of a stopped worker hold it."""
    log, own = EmbeddedLog(path), real_engine()
    for partition in range(log.partitions):
        pages = [(r.key, r.value) for r in log.state(partition) if r.key.startswith("page/") and r.value is not None]
        own.detector.load(partition, pages)
    log.close()
    return {device: row for partition in range(log.partitions) for device, row in own.detector.rows(partition).items()}
