"""The options that name files and their columns, the same for every command that reads files."""

import argparse

from service.streams.files import Options


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "inputs", nargs="+", metavar="INPUT", help="CSV, Parquet, JSON lines, also .gz; FILE#A:B = rows A to B; -"
    )
    parser.add_argument("--time", metavar="COL", help="column of the event time")
    parser.add_argument("--device", metavar="COL", help="column of the device; without one each file is a device")
    parser.add_argument("--class", dest="class_name", metavar="NAME", help="device class of everything read")
    parser.add_argument("--sensors", metavar="A,B,...", type=names, help="columns that are sensors")
    parser.add_argument("--ignore", metavar="COLS", type=names, default=(), help="columns that are not")
    parser.add_argument("--period", metavar="S", type=float, help="seconds a row, where there is no time column")
    parser.add_argument("--zone", metavar="Z", help="zone of times without an offset, such as Europe/Berlin")


def names(text: str) -> tuple[str, ...]:
    return tuple(name for part in text.split(",") if (name := part.strip()))


def options(arguments: argparse.Namespace) -> Options:
    return Options(
        time=arguments.time,
        device=arguments.device,
        class_name=arguments.class_name,
        sensors=arguments.sensors,
        ignore=arguments.ignore,
        period_s=arguments.period,
        zone=arguments.zone,
    )
