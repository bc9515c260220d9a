"""The outside of a Kafka stream: append readings, read them back, read what workers have committed.

Feeding goes into our own readings topic, or the first input where that is none. A device's partition is the one that
Kafka's own clients choose for its key, so other producers may write beside us.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from kafka import KafkaProducer, TopicPartition, errors
from kafka.partitioner import murmur2

from service.errors import DataRuleError
from service.records import Records
from service.streams.kafka import topics
from service.streams.kafka.clients import close, connection, meaning
from service.streams.kafka.layout import Layout
from service.streams.kafka.rows import headers, records
from service.streams.kafka.settings import KafkaSettings
from service.streams.kafka.spans import Spans
from service.streams.log import Message, Table
from service.streams.port import Output

LINGER_MS = 5
BATCH_BYTES = 256 << 10
REQUEST_BYTES = 64 << 20  # what is too long is for the topic to say
KEYS = 100_000  # whose partition is remembered: the hash in Python costs as much as the rest of a send
PAGE = 10_000
TOO_LONG = (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError)


class KafkaLog:
    """Connects at once, and once more for each side that is used. For one thread at a time."""

    def __init__(self, settings: KafkaSettings) -> None:
        """Raises UnavailableError (no broker), MissingError (an input topic), ConfigurationError (refused)."""
        self._settings = settings
        self._counts = topics.partitions(settings, settings.inputs)
        self._layout = Layout.of(settings, self._counts)
        self.partitions = self._layout.count
        self.where = f"{', '.join(settings.inputs)} on {settings.bootstrap_servers}"
        own = settings.topic("readings")
        self._topic = own if own in settings.inputs else settings.inputs[0]
        self._chosen: dict[bytes, int] = {}
        self._producer: KafkaProducer | None = None
        self._spans: Spans | None = None
        self._ends: dict[TopicPartition, int] = {}
        self._tails: dict[Table, _Tail] = {}

    def place(self, partition: int) -> tuple[str, int]:
        return self._layout.place(partition)

    def partition(self, key: bytes) -> int:
        """Of a device's readings, as Kafka's own clients choose it."""
        return self._layout.number(self._topic, self._partition(key))

    def _partition(self, key: bytes) -> int:
        found = self._chosen.get(key)
        if found is None:
            if len(self._chosen) >= KEYS:
                self._chosen.clear()
            found = self._chosen[key] = (murmur2(key) & 0x7FFFFFFF) % self._counts[self._topic]
        return found

    def append(self, messages: Iterable[Message]) -> int:
        """All acknowledged by the brokers; UnavailableError: some may be there, and none comes later."""
        producer = self._writer()
        try:
            with meaning(self._settings):
                futures = [self._send(producer, message) for message in messages]
                producer.flush(2 * self._settings.request_timeout_s)
                for future in futures:
                    future.get(0)
        except BaseException as error:
            self._producer = None  # what it still holds must not be written behind our back
            close(producer, 0)
            if isinstance(error.__cause__, TOO_LONG):
                raise self._too_long() from error
            raise
        return len(futures)

    def _writer(self) -> KafkaProducer:
        if self._producer is None:
            timeout_ms = int(self._settings.request_timeout_s * 1000)
            with meaning(self._settings):
                self._producer = KafkaProducer(
                    **connection(self._settings),
                    metrics_enabled=False,
                    acks="all",
                    enable_idempotence=True,
                    linger_ms=LINGER_MS,
                    batch_size=BATCH_BYTES,
                    max_request_size=REQUEST_BYTES,
                    max_block_ms=timeout_ms,
                    delivery_timeout_ms=timeout_ms + 2 * LINGER_MS,
                    retry_backoff_ms=20,
                    allow_auto_create_topics=False,
                )
        return self._producer

    def _send(self, producer: KafkaProducer, message: Message) -> Any:
        key, value, arrival, headers = message
        partition = None if key is None else self._partition(key)
        return producer.send(self._topic, value, key, list(headers), partition, arrival)

    def _too_long(self) -> DataRuleError:
        return DataRuleError(
            f"{self._topic} on {self._settings.bootstrap_servers} takes no message as long as one of these; "
            "raise its max.message.bytes"
        )

    def _reader(self) -> Spans:
        if self._spans is None:
            self._spans = Spans(self._settings)
        return self._spans

    def ends(self) -> dict[int, int]:
        places = {TopicPartition(*self.place(p)): p for p in range(self.partitions)}
        self._ends = self._reader().ends(places)
        return {number: self._ends[place] for place, number in places.items()}

    def log_start(self, partition: int) -> int:
        place = TopicPartition(*self.place(partition))
        return self._reader().starts([place])[place]

    def readings(self, partition: int, start: int, stop: int, max_records: int) -> Records:
        """Waits for nothing that is not committed yet: it ends where the log ends now."""
        place = TopicPartition(*self.place(partition))
        if stop > self._ends.get(place, 0):
            self._ends |= self._reader().ends([place])
        stop = min(stop, self._ends[place])
        return records(partition, self._reader().read({place: start}, {place: stop}, max_records))

    def written(self, table: Table, after: int = 0, limit: int = -1) -> list[tuple[int, Output]]:
        """An id counts what this log has read of the table; partition and offset are those of the table's topic."""
        tail = self._tails.get(table)
        if tail is None or tail.count != after:
            name = self._settings.topic(table)
            count = topics.partitions(self._settings, (name,)).get(name, 0)
            if not count:
                return []
            places = [TopicPartition(name, p) for p in range(count)]
            tail = self._tails[table] = _Tail(self._reader(), places)
            tail.skip(after)
        first = tail.count + 1
        return list(enumerate(tail.read(limit), first))

    def close(self) -> None:
        if self._producer is not None:
            close(self._producer, self._settings.request_timeout_s)
        if self._spans is not None:
            self._spans.close()


class _Tail:
    """How far one topic has been read."""

    def __init__(self, spans: Spans, places: Sequence[TopicPartition]) -> None:
        self._spans = spans
        self._positions = spans.starts(places)
        self.count = 0

    def skip(self, count: int) -> None:
        while self.count < count and self.read(min(PAGE, count - self.count)):
            pass

    def read(self, limit: int) -> list[Output]:
        """limit: -1 = all there is."""
        stops = self._spans.ends(self._positions)
        found: list[Any] = []
        while limit < 0 or len(found) < limit:
            rows = self._spans.read(self._positions, stops, PAGE if limit < 0 else limit - len(found))
            if not rows:
                break
            found += rows
        self.count += len(found)
        return [Output(row.partition, row.offset, row.key, row.value or b"", headers(row)) for row in found]
