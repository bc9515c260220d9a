"""`python -m benchmarks speed --output FILE.json [--quick]`."""

import argparse
import sys
from pathlib import Path

from benchmarks import speed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("speed", help="cost of a reading and of a device, beside a baseline")
    command.add_argument("--output", type=Path, required=True)
    command.add_argument("--quick", action="store_true", help="fewer readings")
    command.add_argument("--models", type=Path, default=Path("models"))
    arguments = parser.parse_args()
    return speed.run(arguments.models, arguments.output, arguments.quick)


if __name__ == "__main__":
    sys.exit(main())
