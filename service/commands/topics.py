"""`gruard topics`: the topics of the Kafka stream with their settings, and making those of ours that are missing."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from service.commands.numbers import counted
from service.errors import ConfigurationError
from service.sources import load

if TYPE_CHECKING:
    from service.streams.kafka.topics import Topic

SHOWN: dict[str, Callable[[str], str]] = {
    "cleanup.policy": str,
    "retention.ms": lambda value: f"keeps {_span(int(value))}",
    "max.message.bytes": lambda value: f"takes {int(value) / (1 << 20):.3g} MiB",
    "message.timestamp.type": str,
    "min.insync.replicas": lambda value: f"{value} in sync" if value != "1" else "",
    "segment.ms": lambda value: f"segment {_span(int(value))}",
    "max.compaction.lag.ms": lambda value: f"compacted in {_span(int(value))}",
}
OF_STATE = ("segment.ms", "max.compaction.lag.ms")
NOT_OF_STATE = ("retention.ms",)  # a compacted topic forgets nothing by age
UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s"))


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--create", action="store_true", help="make those of ours that are missing, check the others")
    parser.add_argument("--partitions", type=counted, metavar="N", help="with --create: of the readings; 6")


def run(arguments: argparse.Namespace) -> None:
    settings = load(arguments.config).settings
    if settings.stream.kind != "kafka":
        raise ConfigurationError(
            f"stream.kind {settings.stream.kind}: only a Kafka stream has topics; set stream.kind: kafka "
            "(GRUARD_STREAM__KIND=kafka)"
        )
    from service.streams.kafka import topics

    found = topics.create(settings.kafka, arguments.partitions) if arguments.create else topics.show(settings.kafka)
    for line in table(found):
        print(line)
    if not arguments.create and any(topic.status == "missing" and topic.ours for topic in found):
        print("`gruard topics --create` makes the missing ones as shown")


def table(found: "list[Topic]") -> list[str]:
    """A line a topic, below a heading."""
    rows = [("topic", "role", "status", "partitions", "replicas", "settings")]
    for topic in found:
        known = topic.status != "missing" or topic.ours
        numbers = (str(topic.partitions), str(topic.replicas)) if known else ("?", "?")
        rows.append((topic.name, topic.role, topic.status, *numbers, _settings(topic) if known else "not ours to make"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    right = ("partitions", "replicas")
    return [
        "  ".join(
            cell.rjust(width) if name in right else cell.ljust(width)
            for cell, width, name in zip(row, [*widths, 0], rows[0], strict=True)
        ).rstrip()
        for row in rows
    ]


def _settings(topic: "Topic") -> str:
    hidden = NOT_OF_STATE if topic.role == "state" else OF_STATE
    told = (say(topic.settings[name]) for name, say in SHOWN.items() if name in topic.settings and name not in hidden)
    return ", ".join(filter(None, told))


def _span(ms: int) -> str:
    if not 0 <= ms < 1 << 53:
        return "for ever"
    size, unit = next(((size, unit) for size, unit in UNITS if ms % size == 0 and ms >= size), (1, "ms"))
    return f"{ms // size:,} {unit}"
