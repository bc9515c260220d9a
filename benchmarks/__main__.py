"""`python -m benchmarks speed|kafka|restore --output FILE.json [--quick]`, `python -m benchmarks quality SET ...`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from service.__main__ import Parser, failed
from service.errors import GruardError

COMMANDS = {
    "speed": "cost of a reading and of a device, beside a baseline",
    "kafka": "readings a second through a real broker, beside a plain consumer",
    "restore": "time to restore 100,000 devices from a real broker, beside a plain read",
}
QUALITY = "detection quality on a labelled public set, beside baselines"


def parser(arguments: Sequence[str]) -> Parser:
    top = Parser(prog="python -m benchmarks", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary)
        command.add_argument("--output", type=Path, required=True)
        command.add_argument("--quick", action="store_true", help="fewer readings")
        command.add_argument("--models", type=Path, default=Path("models"))
    command = commands.add_parser("quality", help=QUALITY, description=QUALITY)
    if "quality" in arguments:  # torch: only who trains waits for it
        from benchmarks.quality.command import configure

        configure(command)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        return run(parser(arguments).parse_args(arguments))
    except GruardError as error:
        return failed(error, debug=False)
    except KeyboardInterrupt:
        return 130


def run(chosen: argparse.Namespace) -> int:
    if chosen.command == "quality":
        from benchmarks.quality.command import run_command

        return run_command(chosen)
    if chosen.command == "speed":
        from benchmarks import speed

        return speed.run(chosen.models, chosen.output, chosen.quick)
    from benchmarks import kafka, restore  # they need a broker and what starts one

    return {"kafka": kafka.run, "restore": restore.run}[chosen.command](chosen.output, chosen.quick)


if __name__ == "__main__":
    sys.exit(main())
