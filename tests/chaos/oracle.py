"""What must come out: the same detector over the same log in one process, in one go, without Kafka, kill or commit."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from service.bundle import Bundles
from service.host import engine
from service.records import Records
from service.settings import Settings
from service.worker.engine import Engine
from tests.chaos.traffic import PARTITIONS, Message

CHUNK = 8192


class Letter(NamedTuple):
    """A dead letter by its coordinates, with its untouched bytes."""

    topic: str
    partition: int
    offset: int
    element: str
    reason: str
    key: bytes | None
    value: bytes


@dataclass(frozen=True)
class Outcome:
    """All that a reader can tell of a run, without wall clocks."""

    alerts: Mapping[str, Sequence[bytes]]  # by device, in order
    letters: Sequence[Letter]  # sorted
    rows: Mapping[str, bytes] = field(default_factory=dict)  # by device, as of the last snapshot

    def at(self, topic: str) -> "Outcome":
        """The same of a topic that holds the same, and whose name is as long: rows hold it, in open alerts."""
        (old,) = {letter.topic for letter in self.letters}
        assert len(old) == len(topic)
        alerts = {d: [_moved(value, old, topic) for value in values] for d, values in self.alerts.items()}
        letters = [letter._replace(topic=topic) for letter in self.letters]
        return Outcome(alerts, letters, {device: _moved(row, old, topic) for device, row in self.rows.items()})


def _moved(value: bytes, old: str, new: str) -> bytes:
    return value.replace(old.encode(), new.encode())


def real_engine(settings: Settings) -> Engine:
    return engine(settings, Bundles(settings.models.path, settings.models.default))


def expected(messages: Sequence[Message], topic: str, settings: Mapping[str, Any]) -> Outcome:
    made = real_engine(Settings.model_validate(settings))
    made.detector.locate(lambda partition: (topic, partition))
    alerts: dict[str, list[bytes]] = {}
    letters: list[Letter] = []
    rows: dict[str, bytes] = {}
    for partition in range(PARTITIONS):
        made.detector.open(partition)
        for records in _records(messages, partition):
            readings, outcome = made.step(records)
            for alert in outcome.alerts:
                alerts.setdefault(alert.device, []).append(alert.value)
            for reject in (*readings.rejects, *outcome.rejects):
                element = "" if reject.element is None else str(reject.element)
                at = reject.record
                letters.append(Letter(topic, partition, records.offsets[at], element, reject.reason,
                                      records.keys[at], records.values[at]))  # fmt: skip
            made.detector.fold(outcome)
        rows |= made.detector.rows(partition)
        made.detector.drop(partition)
    return Outcome(alerts, sorted(letters, key=_place), rows)


def _place(letter: Letter) -> tuple[str, int, int, str]:
    return letter[:4]


def _records(messages: Sequence[Message], partition: int) -> Iterator[Records]:
    own = [message for message in messages if message.partition == partition]
    for start in range(0, len(own), CHUNK):
        part = own[start : start + CHUNK]
        yield Records(
            partition,
            range(start, start + len(part)),
            [message.arrival_ms for message in part],
            [message.key for message in part],
            [message.value for message in part],
        )
