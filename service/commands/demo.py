"""`gruard demo`: a simulated fleet with hidden faults, found live."""

import argparse
import sys
from pathlib import Path

from service.commands import console
from service.commands.numbers import above_0, whole
from service.demo.play import Demo, Plan
from service.sources import load
from service.stopping import signals
from service.version import version


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=above_0, metavar="S", help="of the clock; without it until Ctrl-C")
    parser.add_argument("--speed", type=above_0, default=60.0, metavar="X", help="times as fast as the clock: 60")
    parser.add_argument("--port", type=int, metavar="P", help="of metrics and health: 8080; 0 = any free one")
    parser.add_argument("--devices", type=whole, default=24, metavar="N", help="24")
    parser.add_argument("--seed", type=whole, default=7, metavar="K", help="same seed, same fleet and faults: 7")
    parser.add_argument(
        "--console-port", type=console.port, default=8090, metavar="P", help="of the console: 8090; 0 = any free one"
    )
    parser.add_argument("--no-console", action="store_true", help="none, although the extra is installed")
    parser.add_argument("--report", type=Path, metavar="FILE", help="the scoreboard as JSON")


def run(arguments: argparse.Namespace) -> None:
    settings = load(arguments.config, {("http", "port"): arguments.port}).settings
    plan = Plan(
        arguments.seconds, arguments.speed, arguments.devices, arguments.seed, arguments.report,
        None if arguments.no_console else arguments.console_port,
    )  # fmt: skip
    demo = Demo(plan, settings, version(), sys.stdout)
    with signals(demo.stop):
        demo.run()
