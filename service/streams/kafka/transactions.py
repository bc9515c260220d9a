"""The transactional producer of this slot: one commit at a time, and what a failed one means.

A failed transaction is never taken up again. Its producer is closed; the next one, under the same id, makes the broker
end whatever was left open before it answers.
"""

from collections.abc import Callable, Iterator
from typing import Any

from kafka import KafkaProducer, OffsetAndMetadata, TopicPartition, errors

from service.errors import FencedError, GruardError, UnavailableError
from service.records import Headers
from service.streams.kafka.clients import close, connection, explained
from service.streams.kafka.membership import fenced
from service.streams.kafka.settings import KafkaSettings
from service.streams.kafka.watchdog import Watchdog
from service.streams.port import SupersededError, UncertainError

BATCH_BYTES = 256 << 10  # below what a topic takes by default, also with one page of state beside it
REQUEST_BYTES = 16 << 20
BACKOFF_MS = 20  # at the client's own 100 ms a transaction right after another takes 108 ms instead of 7
CLOSE_S = 2.0

_FENCED = (errors.ProducerFencedError, errors.InvalidProducerEpochError, errors.FencedInstanceIdError)


class Sending:
    """An open transaction. Offsets of what was sent are known once it is committed."""

    def __init__(self, producer: KafkaProducer) -> None:
        self.producer = producer
        self.futures: list[Any] = []
        self.ending = False  # the broker was asked to commit: from here on the outcome may be unknown

    def send(self, topic: str, partition: int | None, key: bytes | None, value: bytes | None, headers: Headers) -> Any:
        future = self.producer.send(topic, value, key=key, headers=list(headers), partition=partition)
        self.futures.append(future)
        return future


class Transactions:
    def __init__(self, settings: KafkaSettings, reach: Callable[[str], None]) -> None:
        self._settings = settings
        self._reach = reach
        self._watchdog = Watchdog(settings.watchdog_s)
        self._producer: KafkaProducer | None = None

    def open(self) -> None:
        """Fences this slot's ghost and ends what it left open; nothing to do where the producer is well."""
        if self._producer is not None:
            return
        settings = self._settings
        patience_ms = int(min(settings.request_timeout_s, settings.transaction_timeout_s / 2) * 1000)
        producer = KafkaProducer(
            **connection(settings) | {"request_timeout_ms": patience_ms},
            metrics_enabled=False,
            transactional_id=f"{settings.group}-{settings.slot}",
            transaction_timeout_ms=int(settings.transaction_timeout_s * 1000),
            delivery_timeout_ms=int(settings.transaction_timeout_s * 1000),
            max_block_ms=int((settings.transaction_timeout_s + settings.request_timeout_s) * 1000),
            batch_size=BATCH_BYTES,
            max_request_size=REQUEST_BYTES,
            retry_backoff_ms=BACKOFF_MS,
            allow_auto_create_topics=False,
        )
        try:
            with self._watchdog.watch("init_transactions"):
                producer.init_transactions()
        except BaseException:
            close(producer, CLOSE_S)
            raise
        self._producer = producer

    def commit(
        self,
        send: Callable[[Sending], None],
        offsets: dict[TopicPartition, OffsetAndMetadata],
        member: Any,
    ) -> None:
        """All or nothing. Raises as `Stream.commit` does."""
        self.open()
        assert self._producer is not None
        sending = Sending(self._producer)
        with self._watchdog.watch("a commit"):
            try:
                self._commit(sending, send, offsets, member)
            except errors.KafkaError as error:
                self.close()
                raise self._meaning(error, sending) from error

    def _commit(
        self,
        sending: Sending,
        send: Callable[[Sending], None],
        offsets: dict[TopicPartition, OffsetAndMetadata],
        member: Any,
    ) -> None:
        producer = sending.producer
        producer.begin_transaction()
        self._reach("begun")
        send(sending)
        # Not by the producer's own calls: they would wait for a broker that is gone until the process is ended.
        manager = producer._transaction_manager
        self._answered(producer, manager.send_offsets_to_transaction(offsets, member))
        producer.flush(self._settings.transaction_timeout_s)
        for future in sending.futures:
            future.get(0)
        self._reach("staged")
        sending.ending = True
        self._answered(producer, manager.begin_commit())

    def _answered(self, producer: KafkaProducer, result: Any) -> None:
        limit_s = self._settings.transaction_timeout_s
        producer._sender.wakeup()
        if not result.wait(timeout_ms=limit_s * 1000):
            raise errors.KafkaTimeoutError(f"no answer to a commit for {limit_s:g} s")

    def _meaning(self, error: BaseException, sending: Sending) -> GruardError:
        causes = [*_causes(error), *(c for f in sending.futures if f.failed() for c in _causes(f.exception))]
        if any(isinstance(cause, _FENCED) for cause in causes):
            return fenced(self._settings, "another worker has taken our name or our time was up")
        refused = next((str(cause) for cause in causes if isinstance(cause, errors.CommitFailedError)), None)
        if refused is not None and errors.UnknownMemberIdError.__name__ in refused:
            return fenced(self._settings, "the group has gone on without us")
        if refused is not None:
            return SupersededError(f"the group {self._settings.group} is at another generation")
        meant = next((m for m in (explained(self._settings, c) for c in causes) if not _waits(m)), None)
        if meant is not None:
            return meant
        kind = UncertainError if sending.ending else UnavailableError
        return kind(f"kafka.bootstrap_servers {self._settings.bootstrap_servers}: {_text(causes)}")

    def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            close(producer, CLOSE_S)


def _waits(meant: GruardError) -> bool:
    return isinstance(meant, UnavailableError | FencedError)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The client wraps what happened in a plain KafkaError, as its cause or among its arguments."""
    if error is None:
        return
    yield error
    yield from _causes(error.__cause__)
    for argument in error.args:
        if isinstance(argument, BaseException):
            yield from _causes(argument)


def _text(causes: list[BaseException]) -> str:
    return str(causes[-1]) or type(causes[-1]).__name__
