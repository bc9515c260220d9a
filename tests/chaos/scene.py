"""One row of the matrix on stage: its topics and group on a broker, its workers, and what became of the input."""

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import KafkaError

from service.settings import Settings
from service.streams.kafka import topics
from tests.chaos import reader
from tests.chaos.oracle import Outcome
from tests.chaos.traffic import PARTITIONS, Message
from tests.chaos.worker import Worker
from tests.service.real import MODELS

FALSE_ALARMS = 5.0  # per device-day, so that alerts open and resolve all the time
PATIENCE_S = 180.0

# Small polls and snapshots, so that there is much to be cut in two; no idle ticks, for the oracle has none.
DETECTION: dict[str, dict[str, Any]] = {
    "models": {"path": str(MODELS)},
    "detector": {"false_alarms_per_device_day": FALSE_ALARMS},
}
WORKER: dict[str, Any] = {
    "max_records": 1000, "snapshot_records": 2000, "snapshot_s": 1e6, "idle_tick_s": 1e9, "retry_s": 0.2,
    "retry_max_s": 1.0,
}  # fmt: skip
KAFKA: dict[str, Any] = {"session_timeout_s": 6, "fenced_delay_s": 1, "transaction_timeout_s": 6}


@dataclass
class Scene:
    """Its topics are made at once; a `with` block ends whatever still runs."""

    bootstrap: str
    folder: Path  # of logs
    topic: str  # of the input, shared by rows or made by one
    prefix: str = field(default_factory=lambda: f"chaos-{uuid.uuid4().hex[:8]}")
    direct: str = ""  # where the test itself finds the broker, past whatever stands before `bootstrap`
    copies: int = 1  # of every topic

    def __post_init__(self) -> None:
        self.direct = self.direct or self.bootstrap
        self._stack = ExitStack()
        self._lives = 0
        self.workers: list[Worker] = []
        self.make_topics()
        self._group = KafkaConsumer(
            bootstrap_servers=self.direct.split(","), group_id=self.prefix, enable_auto_commit=False
        )
        self._stack.callback(self._group.close)
        self._places = [TopicPartition(self.topic, number) for number in range(PARTITIONS)]

    def make_topics(self) -> None:
        """Those that are missing."""
        own = {"bootstrap_servers": self.direct, "replication_factor": self.copies}
        topics.create(Settings.model_validate(self.settings(kafka=own)).kafka)

    def settings(self, slot: str = "a", **changed: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """By section; `changed` wins."""
        own = {"bootstrap_servers": self.bootstrap, "group": self.prefix, "topic_prefix": self.prefix,
               "input_topics": [self.topic], "slot": slot}  # fmt: skip
        made = {
            **DETECTION,
            "stream": {"kind": "kafka"},
            "http": {"port": 0},
            "kafka": KAFKA | own,
            "worker": WORKER,
        }
        return made | {section: {**made.get(section, {}), **fields} for section, fields in changed.items()}

    def worker(self, slot: str = "a", crash_at: str | None = None, **changed: Mapping[str, Any]) -> Worker:
        self._lives += 1
        log = self.folder / f"{self.prefix}-{self._lives:03d}-{slot}.log"
        worker = self._stack.enter_context(Worker(self.settings(slot, **changed), log, crash_at))
        self.workers.append(worker)
        return worker

    def progress(self) -> dict[int, tuple[int, int]]:
        """By partition, the committed offset and what is left to read; waits for a broker that is away."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                ends = self._group.end_offsets(self._places)
                committed = {place: self._group.committed(place) or 0 for place in self._places}
                return {place.partition: (committed[place], ends[place] - committed[place]) for place in self._places}
            except KafkaError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    def lag(self) -> int:
        return sum(lag for _, lag in self.progress().values())

    def until_read(self, *workers: Worker, patience_s: float = PATIENCE_S) -> None:
        """Until everything in the input is committed, while one of these workers lives."""
        deadline = time.monotonic() + patience_s
        while self.lag():
            tails = "\n".join(worker.tail() for worker in workers)
            assert any(worker.runs for worker in workers), f"nobody is left, the lag is {self.lag()}: {tails}"
            assert time.monotonic() < deadline, f"the lag is {self.lag()} after {patience_s} s: {tails}"
            time.sleep(0.05)

    def finish(self, slot: str = "a", **changed: Mapping[str, Any]) -> Worker:
        """One more worker, undisturbed, until the input is read and all is its own, and its orderly end."""
        last = self.worker(slot, **changed)
        self.until_read(last)
        last.until(lambda: last.metrics().get('gruard_partitions{state="running"}') == PARTITIONS, "all partitions")
        assert last.terminated() == 0, last.tail()
        return last

    def outcome(self) -> Outcome:
        return reader.outcome(self.direct, self.prefix, DETECTION)

    def alerts(self) -> Outcome:
        """As `outcome`, without a look at the state."""
        return reader.outcome(self.direct, self.prefix)

    def told(self, event: str) -> Iterator[dict[str, Any]]:
        """By all workers, in the order of their start."""
        for worker in self.workers:
            yield from worker.told(event)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def make_topic(bootstrap: str, name: str, copies: int = 1) -> None:
    """An input whose arrivals are the timestamps that its producer gives."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap.split(","))
    try:
        given = {"message.timestamp.type": "CreateTime", "retention.ms": "-1"}
        admin.create_topics([NewTopic(name, PARTITIONS, copies, topic_configs=given)])
    finally:
        admin.close()


def produce(bootstrap: str, topic: str, messages: Sequence[Message], seconds: float = 0.0) -> None:
    """In order; spread evenly over so many seconds. Offsets are a message's place in its partition."""
    producer = KafkaProducer(
        bootstrap_servers=bootstrap.split(","), linger_ms=20, batch_size=1 << 18, enable_idempotence=True
    )
    began, pieces = time.monotonic(), 100
    step = -(-len(messages) // pieces)
    try:
        for piece, start in enumerate(range(0, len(messages), step)):
            time.sleep(max(0.0, began + seconds * piece / pieces - time.monotonic()))
            for message in messages[start : start + step]:
                producer.send(topic, message.value, message.key, partition=message.partition,
                              timestamp_ms=message.arrival_ms)  # fmt: skip
        producer.flush()
    finally:
        producer.close()
