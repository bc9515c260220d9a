"""`gruard workers`: who of the consumer group holds which partitions and how far behind; `--remove` at scale-down."""

import argparse
from itertools import groupby

from service.errors import ConfigurationError
from service.sources import load
from service.streams.kafka import workers
from service.streams.kafka.workers import Member


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--remove", metavar="SLOT", help="hand a stopped worker's partitions to the others now, not after the timeout"
    )


def run(arguments: argparse.Namespace) -> None:
    settings = load(arguments.config).settings
    if settings.stream.kind != "kafka":
        raise ConfigurationError(f"stream.kind {settings.stream.kind} has one worker, no group; set stream.kind: kafka")
    if arguments.remove is not None:
        workers.remove(settings.kafka, arguments.remove)
        print(f"{arguments.remove} removed from group {settings.kafka.group}")
    found = workers.members(settings.kafka)
    if not found:
        print(f"no worker of group {settings.kafka.group} runs")
    for member in found:
        print(line(member))


def line(member: Member) -> str:
    held = [f"{topic} {_spans([p.partition for p in places])}"
            for topic, places in groupby(member.partitions, key=lambda place: place.topic)]  # fmt: skip
    lag = "nothing committed yet" if member.lag is None else f"{member.lag:,} behind"
    return f"{member.slot}  {member.host}  {', '.join(held) or 'no partition'}  {lag}"


def _spans(numbers: list[int]) -> str:
    """0-3,7"""
    runs = [[n for _, n in run] for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0])]
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
