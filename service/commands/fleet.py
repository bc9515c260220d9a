"""`gruard fleet`: simulated devices write to the configured stream, at a rate, with labelled faults."""

import argparse
import csv
import json
import time
from pathlib import Path

from service.commands.numbers import at_least_0, whole
from service.decoding import parse_time
from service.demo.scoreboard import rfc3339
from service.errors import UnavailableError, UsageError
from service.feeder import Feeder
from service.fleet import Fleet, readings_per_second
from service.progress import Progress
from service.sources import load
from service.stopping import signals
from service.streams.log import Log
from service.streams.opening import open_log

PAUSE_MS = 3_600_000  # of a fleet that is started again: long enough to be a gap, and not a jump of every sensor

DAY_S = 86400.0


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--devices", type=whole, default=24, metavar="N", help="24")
    parser.add_argument(
        "--rate", type=at_least_0, metavar="R", help="readings a second; 0 = as fast as it can; default: their own"
    )
    parser.add_argument("--readings", type=whole, metavar="N", help="end after so many; without it at Ctrl-C")
    parser.add_argument("--faults", type=whole, metavar="F", help="how many; default: one for every two devices")
    parser.add_argument("--seed", type=whole, default=1, metavar="K", help="1")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="CSV of the faults")
    parser.add_argument(
        "--start", metavar="TIME", help="first event time, RFC 3339; default: so that it ends about now"
    )
    parser.add_argument(
        "--resume", action="store_true", help="not before the last reading in the stream, an hour later: time goes on"
    )


def run(arguments: argparse.Namespace) -> None:
    settings = load(arguments.config).settings
    natural = readings_per_second(arguments.devices)
    lasts_s = None if arguments.readings is None else arguments.readings / max(natural, 1e-9)
    speed = 1.0 if arguments.rate is None else arguments.rate / max(natural, 1e-9)
    start_ms = _start(arguments.start, lasts_s, speed)
    log = open_log(settings, create=True)
    if arguments.resume:
        start_ms = max(start_ms, last(log) + PAUSE_MS)
    fleet = Fleet(arguments.devices, arguments.seed, start_ms, arguments.faults, duration_s=lasts_s)
    labels(arguments.labels, fleet)
    feeder = Feeder(fleet, log, speed, arguments.readings)
    feed(feeder, arguments.readings)
    labels(arguments.labels, fleet)  # a fleet without an end has drawn more faults since
    print(f"{feeder.appended:,} readings of {arguments.devices} devices in {log.where}, "
          f"{len(fleet.faults)} faults")  # fmt: skip


def feed(feeder: Feeder, readings: int | None) -> None:
    with signals(feeder.stop), Progress("fleet", readings) as progress:
        for count in feeder.feed():
            progress.add(count)


def _start(text: str | None, lasts_s: float | None, speed: float) -> int:
    """The last arrival is about now: a worker's idle ticks carry the clock, and must find no gap of months."""
    if text is not None:
        try:
            return parse_time(text)
        except ValueError as error:
            raise UsageError(f"--start {text!r}: {error}") from None
    # Without an end: a day of the clock until event time has caught up with it, and would be of the future.
    lasts_s = DAY_S * speed if lasts_s is None else lasts_s
    ahead_s = lasts_s * (1 - (1 / speed if speed else 0))
    return time.time_ns() // 1_000_000 - int(max(ahead_s, 0) * 1000)


def last(log: Log) -> int:
    """Newest event time among the partitions' last readings; 0 where there is none of ours."""
    return max((_told(log, partition, end) for partition, end in log.ends().items()), default=0)


def _told(log: Log, partition: int, end: int) -> int:
    try:
        return parse_time(json.loads(log.readings(partition, max(end - 1, 0), end, 1).values[0])["time"])
    except (IndexError, KeyError, TypeError, ValueError):
        return 0  # an empty partition, or somebody else's message


def labels(target: Path | None, fleet: Fleet) -> None:
    if target is None:
        return
    try:
        with target.open("w", newline="", encoding="utf-8") as file:
            write = csv.writer(file).writerow
            write(("device", "kind", "start", "end", "sensors", "size"))
            for fault in fleet.faults:
                times = rfc3339(fault.start_ms), rfc3339(fault.end_ms)
                write((fault.device, fault.kind, *times, " ".join(fault.sensors), fault.size))
    except OSError as error:
        raise UnavailableError(f"--labels {target}: can't be written ({error.strerror})") from None
