"""`gruard record`: the configured stream into one Parquet file."""

import argparse
from pathlib import Path

from service.record import record
from service.sources import load


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.parquet")
    parser.add_argument("--since", metavar="TIME", help="arrived at or after, RFC 3339")
    parser.add_argument("--until", metavar="TIME", help="arrived before")


def run(arguments: argparse.Namespace) -> None:
    record(load(arguments.config).settings, arguments.output, arguments.since, arguments.until)
