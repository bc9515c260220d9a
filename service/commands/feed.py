"""`gruard feed`: files or standard input into the configured stream."""

import argparse

from service.commands import inputs
from service.commands.numbers import at_least_0
from service.feed import feed
from service.sources import load
from service.streams.opening import where


def configure(parser: argparse.ArgumentParser) -> None:
    inputs.configure(parser)
    parser.add_argument(
        "--speed", type=at_least_0, default=0.0, metavar="X", help="times as fast as the clock; 0 = as fast as it can"
    )


def run(arguments: argparse.Namespace) -> None:
    settings = load(arguments.config).settings
    count = feed(arguments.inputs, inputs.options(arguments), settings, arguments.speed)
    print(f"{count:,} readings fed into {where(settings)}")
