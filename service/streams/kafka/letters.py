"""The dead letters of a Kafka stream. How far they were published again lies among them, as a record of its own.

Such a record is written in the transaction that publishes, into the partition it speaks of, so it is kept longer than
every letter before it. Offsets of a group would not be: brokers forget those of a group without members after a week.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from kafka import KafkaProducer, TopicPartition, errors

from service.errors import DataRuleError, FencedError, MissingError
from service.streams.kafka import topics
from service.streams.kafka.clients import close, connection, explained, meaning
from service.streams.kafka.rows import headers
from service.streams.kafka.settings import KafkaSettings
from service.streams.kafka.spans import Spans
from service.streams.kafka.transactions import BACKOFF_MS, REQUEST_BYTES
from service.streams.kafka.watchdog import Watchdog
from service.streams.letters import PAGE, Letter, Place
from service.streams.port import Output

REPLAYED = "dlq.replayed"  # header of a record that tells a place
_FENCED = (errors.ProducerFencedError, errors.InvalidProducerEpochError)


class KafkaBox:
    """Connects at once. A second one that publishes fences the first."""

    def __init__(self, settings: KafkaSettings, publishes: bool = False) -> None:
        """publishes: takes the right to, before anything is read. Raises MissingError, UnavailableError."""
        self._settings = settings
        self._topic = settings.topic("deadletters")
        self.where = f"{self._topic} on {settings.bootstrap_servers}"
        counts = topics.partitions(settings)
        if self._topic not in counts:
            raise MissingError(f"{self.where}: no such topic; `gruard topics --create` makes it")
        self._inputs = {topic: counts[topic] for topic in settings.inputs if topic in counts}
        self._watchdog = Watchdog(settings.watchdog_s)
        self._producer = _producer(settings) if publishes else None
        self._spans = Spans(settings)
        places = [TopicPartition(self._topic, p) for p in range(counts[self._topic])]
        self._starts, self._ends = self._spans.starts(places), self._spans.ends(places)

    def places(self) -> dict[int, Place]:
        found = {place.partition: Place() for place in self._ends}
        for partition in found:
            for _, output in self._records(partition, 0):
                if any(name == REPLAYED for name, _ in output.headers):
                    found[partition] = Place.parse(output.value)
        return found

    def letters(self, partition: int, start: int) -> Iterator[Letter]:
        for position, output in self._records(partition, start):
            if letter := Letter.parse(position, output):
                yield letter

    def _records(self, partition: int, start: int) -> Iterator[tuple[int, Output]]:
        place = TopicPartition(self._topic, partition)
        positions = {place: max(start, self._starts[place])}
        stops = {place: self._ends[place]}
        while rows := self._spans.read(positions, stops, PAGE):
            for row in rows:
                yield row.offset, Output(partition, row.offset, row.key, row.value or b"", headers(row))

    def takes(self, letter: Letter) -> bool:
        return not letter.truncated and letter.partition < self._inputs.get(letter.topic, 0)

    def publish(self, partition: int, letters: Sequence[Letter], place: Place) -> None:
        producer = self._producer
        assert producer is not None
        sent: list[Any] = []
        try:
            producer.begin_transaction()
            for letter in letters:
                key, value, _, own = letter.message()
                sent.append(producer.send(letter.topic, value, key, list(own), letter.partition))
            memory = [(REPLAYED, self._settings.group.encode())]
            sent.append(producer.send(self._topic, place.text().encode(), None, memory, partition))
            producer.flush(self._settings.transaction_timeout_s)
            for future in sent:
                future.get(0)
            with self._watchdog.watch("commit_transaction"):
                producer.commit_transaction()
        except errors.KafkaError as error:
            raise self._meaning(error, sent) from error

    def _meaning(self, error: BaseException, sent: Sequence[Any]) -> Exception:
        causes = [error, *(future.exception for future in sent if future.failed())]
        if any(isinstance(cause, _FENCED) for cause in causes):
            return FencedError(f"{self.where}: another `gruard deadletters --replay` has begun; this one stops here")
        if any(isinstance(cause, errors.MessageSizeTooLargeError) for cause in causes):
            return DataRuleError(f"{self.where}: a letter is longer than its input takes; raise its max.message.bytes")
        return explained(self._settings, causes[-1])

    def close(self) -> None:
        self._spans.close()
        if self._producer is not None:
            close(self._producer, 0)  # whatever is not committed by now is not to be


def _producer(settings: KafkaSettings) -> KafkaProducer:
    timeout_ms = int(settings.request_timeout_s * 1000)
    with meaning(settings):
        producer = KafkaProducer(
            **connection(settings),
            metrics_enabled=False,
            transactional_id=f"{settings.group}-deadletters",
            transaction_timeout_ms=int(settings.transaction_timeout_s * 1000),
            delivery_timeout_ms=timeout_ms + BACKOFF_MS,
            max_block_ms=int((settings.transaction_timeout_s + settings.request_timeout_s) * 1000),
            max_request_size=REQUEST_BYTES,
            retry_backoff_ms=BACKOFF_MS,
            allow_auto_create_topics=False,
        )
        try:
            producer.init_transactions()  # ends what a replay that was killed had begun
        except BaseException:
            close(producer, 0)
            raise
    return producer
