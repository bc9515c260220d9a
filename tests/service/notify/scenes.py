"""Streams with alerts in them, for tests that read them: a file, or topics of a real broker."""

from collections.abc import Sequence
from pathlib import Path

from kafka import KafkaProducer

from service.notify.embedded import EmbeddedAlerts
from service.notify.kafka import KafkaAlerts
from service.streams.embedded import EmbeddedLog, EmbeddedStream
from service.streams.kafka.settings import KafkaSettings
from service.streams.port import Committed, Transaction
from tests.kafka import clients
from tests.service.notify.events import outputs

PARTITIONS = 3


class File:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._count = 0
        EmbeddedLog(path, PARTITIONS).close()

    def publish(self, values: Sequence[bytes]) -> None:
        stream = EmbeddedStream(EmbeddedLog(self.path))
        stream.commit(Transaction(alerts=outputs(values), offsets={0: Committed(0, "")}))
        stream.close()

    def source(self) -> EmbeddedAlerts:
        return EmbeddedAlerts(EmbeddedLog(self.path))

    @property
    def environment(self) -> dict[str, str]:
        return {"GRUARD_STREAM__KIND": "embedded", "GRUARD_EMBEDDED__PATH": str(self.path)}


class Topic:
    def __init__(self, bootstrap: str, prefix: str, slot: str = "notify-a") -> None:
        self.settings = KafkaSettings(
            bootstrap_servers=bootstrap, topic_prefix=prefix, group=prefix, slot=slot, session_timeout_s=6
        )
        self._producer: KafkaProducer | None = None

    def create(self) -> "Topic":
        clients.create(self.settings.bootstrap_servers, self.settings.topic("alerts"), PARTITIONS)
        return self

    def publish(self, values: Sequence[bytes]) -> None:
        producer = self._writer()
        producer.begin_transaction()
        for output in outputs(values):
            producer.send(self.settings.topic("alerts"), output.value, key=output.key, headers=list(output.headers))
        producer.commit_transaction()

    def _writer(self) -> KafkaProducer:
        if self._producer is None:
            self._producer = KafkaProducer(
                bootstrap_servers=self.settings.bootstrap_servers, transactional_id=f"{self.settings.group}-w"
            )
            self._producer.init_transactions()
        return self._producer

    def source(self) -> KafkaAlerts:
        return KafkaAlerts(self.settings)

    def close(self) -> None:
        if self._producer is not None:
            self._producer.close(timeout=1)

    @property
    def environment(self) -> dict[str, str]:
        own = self.settings
        return {
            "GRUARD_STREAM__KIND": "kafka",
            "GRUARD_KAFKA__BOOTSTRAP_SERVERS": own.bootstrap_servers,
            "GRUARD_KAFKA__TOPIC_PREFIX": own.topic_prefix,
            "GRUARD_KAFKA__GROUP": own.group,
            "GRUARD_KAFKA__SLOT": own.slot,
            "GRUARD_KAFKA__SESSION_TIMEOUT_S": "6",
        }
