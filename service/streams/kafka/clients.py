"""One way to every broker: what each Kafka client of the service is given, and what its errors mean to a user.

Secrets are read from files when a client is made, and are in no argument list, environment dump or log.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kafka import KafkaAdminClient, KafkaProducer, errors

from service.errors import ConfigurationError, GruardError, MissingError, UnavailableError
from service.streams.kafka.settings import KafkaSettings

RECONNECT_MS = 1000  # at the client's own 30 s a broker that is back is missed for longer than a request may take

_REFUSED = (errors.AuthorizationError, errors.SaslAuthenticationFailedError)


def connection(settings: KafkaSettings) -> dict[str, Any]:
    """Keyword arguments that consumer, producer and admin client share. Raises ConfigurationError."""
    given: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap_servers.split(","),
        "client_id": f"{settings.group}-{settings.slot}",
        "security_protocol": settings.security_protocol,
        "request_timeout_ms": int(settings.request_timeout_s * 1000),
        "bootstrap_timeout_ms": int(settings.request_timeout_s * 1000),
        "reconnect_backoff_max_ms": RECONNECT_MS,
    }
    if settings.security_protocol.startswith("SASL"):
        given |= {
            "sasl_mechanism": settings.sasl_mechanism,
            "sasl_plain_username": settings.sasl_username,
            "sasl_plain_password": _secret("sasl_password_file", settings.sasl_password_file),
        }
    if settings.security_protocol.endswith("SSL"):
        given |= {
            "ssl_cafile": _path("ssl_ca_file", settings.ssl_ca_file),
            "ssl_certfile": _path("ssl_cert_file", settings.ssl_cert_file),
            "ssl_keyfile": _path("ssl_key_file", settings.ssl_key_file),
            "ssl_password": _secret("ssl_key_password_file", settings.ssl_key_password_file),
        }
    return given


def close(producer: KafkaProducer, wait_s: float) -> None:
    """Whatever is still unsent after so long is not sent any more."""
    try:
        producer.close(wait_s)
    except errors.KafkaError:
        # With a batch still unsent it gives up, and would leave its thread behind, sending.
        producer._sender.force_close()
        producer._closed = True


def _path(field: str, path: Path | None) -> str | None:
    if path is not None and not path.is_file():
        raise ConfigurationError(f"kafka.{field} {path}: no such file")
    return str(path) if path else None


def _secret(field: str, path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"kafka.{field} {path}: can't be read ({error})") from None


def reached(settings: KafkaSettings) -> None:
    """Raises UnavailableError where no broker listens: a client that finds none leaves a thread and a socket behind."""
    said = ""
    for server in settings.bootstrap_servers.split(","):
        host, _, port = server.strip().rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), settings.request_timeout_s).close()
            return
        except ValueError:
            raise ConfigurationError(f"kafka.bootstrap_servers {server!r} is no host:port") from None
        except OSError as error:
            said = error.strerror or str(error)
    raise UnavailableError(f"kafka.bootstrap_servers {settings.bootstrap_servers}: nobody answers ({said})")


@contextmanager
def meaning(settings: KafkaSettings) -> Iterator[None]:
    """Whatever the Kafka client raises inside leaves as one line with an exit code."""
    try:
        yield
    except errors.KafkaError as error:
        raise explained(settings, error) from error


@contextmanager
def administrator(settings: KafkaSettings) -> Iterator[KafkaAdminClient]:
    with meaning(settings):
        reached(settings)
        admin = KafkaAdminClient(**connection(settings))
        try:
            yield admin
        finally:
            admin.close()


def explained(settings: KafkaSettings, error: BaseException) -> GruardError:
    text = str(error) or type(error).__name__
    where = settings.bootstrap_servers
    if isinstance(error, _REFUSED):
        return ConfigurationError(f"kafka.bootstrap_servers {where} refuses us: {text}; check user, rights and secrets")
    if (
        isinstance(error, errors.KafkaTimeoutError)
        and "bootstrap" in text
        and settings.security_protocol != "PLAINTEXT"
    ):
        # Somebody listens (see `reached`). The client retries a refused password until its time is up, and forgets why.
        return ConfigurationError(
            f"kafka.bootstrap_servers {where} answers but does not let us in by {settings.security_protocol}: check "
            "kafka.security_protocol, user, password and certificates"
        )
    if isinstance(error, errors.KafkaConfigurationError):
        return ConfigurationError(f"kafka: {text}")
    if isinstance(error, errors.UnknownTopicOrPartitionError):
        return MissingError(f"a topic is not there on {where}: {text}; `gruard topics --create` makes those of ours")
    return UnavailableError(f"kafka.bootstrap_servers {where}: {text}")
