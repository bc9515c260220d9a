"""`gruard backtest`: the same detector over files; scores, alerts and, with the extra `reports`, a report."""

import argparse
from pathlib import Path

from service.backtest import backtest
from service.commands import inputs
from service.sources import load


def configure(parser: argparse.ArgumentParser) -> None:
    inputs.configure(parser)
    parser.add_argument("--model", metavar="NAME[@VERSION]", help="bundle that serves every device; else by class")
    parser.add_argument("--output", type=Path, default=Path("out"), metavar="DIR", help="folder to write to: out")
    parser.add_argument("--scores", choices=("csv", "parquet"), default="csv", help="format of the scores")


def run(arguments: argparse.Namespace) -> None:
    settings = load(arguments.config).settings
    chosen = inputs.options(arguments)
    backtest(arguments.inputs, chosen, settings, arguments.output, arguments.model, arguments.scores)
