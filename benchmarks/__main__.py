"""`python -m benchmarks speed|kafka|restore --output FILE.json [--quick]`."""

import argparse
import sys
from pathlib import Path

from benchmarks import speed

COMMANDS = {
    "speed": "cost of a reading and of a device, beside a baseline",
    "kafka": "readings a second through a real broker, beside a plain consumer",
    "restore": "time to restore 100,000 devices from a real broker, beside a plain read",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary)
        command.add_argument("--output", type=Path, required=True)
        command.add_argument("--quick", action="store_true", help="fewer readings")
        command.add_argument("--models", type=Path, default=Path("models"))
    return run(parser.parse_args())


def run(arguments: argparse.Namespace) -> int:
    if arguments.command == "speed":
        return speed.run(arguments.models, arguments.output, arguments.quick)
    from benchmarks import kafka, restore  # they need a broker and what starts one

    return {"kafka": kafka.run, "restore": restore.run}[arguments.command](arguments.output, arguments.quick)


if __name__ == "__main__":
    sys.exit(main())
