"""What a user sets of Kafka: where it is, who we are to it, and how long each side waits for the other."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from service.detector.rules import Section


class KafkaSettings(Section):
    bootstrap_servers: str = Field("127.0.0.1:9092", description="host:port of one or more brokers, comma between")
    group: str = Field("gruard", description="consumer group")
    slot: str = Field("detector-a", description="stable name of this worker: static member and transactional id")
    topic_prefix: str = Field("telemetry", description="first part of every topic's name")
    input_topics: tuple[str, ...] | None = Field(None, description="default: <prefix>.readings.v1")
    partitions: int = Field(6, ge=1, le=10_000, description="of topics that `gruard topics --create` makes")
    replication_factor: int = Field(1, ge=1, le=10, description="of those topics; 3 on a cluster")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="PLAINTEXT only inside a network you trust"
    )
    sasl_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = Field("SCRAM-SHA-512", description="with SASL")
    sasl_username: str | None = Field(None, description="with SASL")
    sasl_password_file: Path | None = Field(None, description="with SASL: file that holds nothing but the password")
    ssl_ca_file: Path | None = Field(None, description="PEM of the authority that signed the brokers' certificates")
    ssl_cert_file: Path | None = Field(None, description="PEM of our own certificate, for mutual TLS")
    ssl_key_file: Path | None = Field(None, description="PEM of its key")
    ssl_key_password_file: Path | None = Field(None, description="file that holds the key's password")
    session_timeout_s: float = Field(
        15.0, ge=1, le=1800, description="a worker silent for so long loses its partitions to the others"
    )
    transaction_timeout_s: float = Field(
        10.0, ge=1, le=900, description="the broker ends a dead worker's transaction after so long"
    )
    request_timeout_s: float = Field(
        10.0, ge=1, le=300, description="a broker that does not answer for so long is gone"
    )
    watchdog_s: float = Field(
        60.0, ge=1, description="a call that hangs for so long ends the process (69); a restart is exact"
    )
    fenced_delay_s: float = Field(
        20.0, ge=0, description="a fenced worker waits about so long before it exits (75), half of it by chance"
    )

    @model_validator(mode="after")
    def _complete(self) -> "KafkaSettings":
        if self.security_protocol.startswith("SASL") and not (self.sasl_username and self.sasl_password_file):
            raise ValueError(
                f"security_protocol {self.security_protocol} needs kafka.sasl_username and kafka.sasl_password_file"
            )
        return self

    @property
    def inputs(self) -> tuple[str, ...]:
        return self.input_topics or (self.topic("readings"),)

    def topic(self, name: str) -> str:
        """name: readings, alerts, deadletters, state, control or scores."""
        return f"{self.topic_prefix}.{name}.v1"
