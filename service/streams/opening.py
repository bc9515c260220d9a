"""The configured stream, from either side: the worker's, or that of everybody else.

Nothing of Kafka is imported for who uses the embedded stream.
"""

from collections.abc import Callable

from service.settings import Settings
from service.streams.embedded import EmbeddedLog, EmbeddedStream
from service.streams.letters import Box, EmbeddedBox
from service.streams.log import Log
from service.streams.port import Stream


def where(settings: Settings) -> str:
    """What a person calls the stream, without a look at it."""
    if settings.stream.kind == "kafka":
        return f"{', '.join(settings.kafka.inputs)} on {settings.kafka.bootstrap_servers}"
    return str(settings.embedded.path)


def open_log(settings: Settings, create: bool = False) -> Log:
    """create: an embedded file that is not there is made; topics are made by `gruard topics --create` alone."""
    if settings.stream.kind == "kafka":
        from service.streams.kafka.log import KafkaLog

        return KafkaLog(settings.kafka)
    return _embedded(settings, create)


def open_stream(settings: Settings, reach: Callable[[str], None] = lambda point: None) -> Stream:
    """reach: told the points of a commit. Raises FencedError where the stream has another worker of our name."""
    if settings.stream.kind == "kafka":
        from service.streams.kafka.stream import KafkaStream

        return KafkaStream(settings.kafka, reach)
    log = _embedded(settings, create=True)
    try:
        return EmbeddedStream(log, settings.embedded.retention_s, reach)
    except BaseException:
        log.close()
        raise


def open_box(settings: Settings, publishes: bool = False) -> Box:
    """The dead letters. publishes: for who wants to publish them again; another who wanted to is fenced."""
    if settings.stream.kind == "kafka":
        from service.streams.kafka.letters import KafkaBox

        return KafkaBox(settings.kafka, publishes)
    return EmbeddedBox(_embedded(settings, create=False))


def _embedded(settings: Settings, create: bool) -> EmbeddedLog:
    own = settings.embedded
    return EmbeddedLog(own.path, own.partitions if create else None, topic=settings.kafka.topic("readings"))
