"""`gruard-train` = `python -m training`: fit, evaluate, export, report; `shipped` makes the models of the repository.

    gruard-train fit history/*.csv --name compressor --output models
    gruard-train evaluate models/compressor/1 newer.csv

Errors and exit codes are the service's: one line on standard error.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from service.__main__ import Parser, bug, failed
from service.commands import inputs
from service.errors import GruardError
from service.version import version


def parser() -> Parser:
    top = Parser(prog="gruard-train", description="Fit, judge and export the models that gruard serves.")
    top.add_argument("--version", action="version", version=f"gruard-train {version()}")
    top.add_argument("--debug", action="store_true", help="traceback of an internal error")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for configure in (_configure_fit, _configure_evaluate, _configure_export, _configure_report, _configure_shipped):
        configure(commands)
    return top


def _command(commands: "argparse._SubParsersAction[Parser]", name: str, summary: str) -> argparse.ArgumentParser:
    return commands.add_parser(name, help=summary, description=summary)


def _configure_fit(commands: "argparse._SubParsersAction[Parser]") -> None:
    command = _command(commands, "fit", "healthy history into a model bundle")
    inputs.configure(command)
    command.add_argument("--name", required=True, help="of the bundle: the device class it serves")
    command.add_argument("--output", type=Path, default=Path("models"), metavar="DIR", help="folder of bundles: models")
    command.add_argument("--as", dest="version", metavar="VERSION", help="of the bundle; default: the next free number")
    command.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR", help="folder of run folders: runs")
    command.add_argument("--config", type=Path, metavar="FILE", help="YAML map of training settings")
    command.add_argument("--cell", choices=("gru", "lstm", "rnn", "cnn-gru"), help="default: gru")
    command.add_argument("--units", type=int, metavar="N", help="of the cell; default: 48")
    command.add_argument("--epochs", type=int, metavar="N", help="at most; default: 20")
    command.add_argument("--seed", type=int, metavar="K", help="default: 0")
    command.add_argument("--cuda", action="store_const", const="cuda", dest="accelerator", help="train on a GPU")


def _configure_evaluate(commands: "argparse._SubParsersAction[Parser]") -> None:
    command = _command(
        commands, "evaluate", "forecast errors of a bundle on data, and its alerts where that is labelled"
    )
    command.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder of a bundle, such as models/pump/1")
    inputs.configure(command)
    command.add_argument("--label", metavar="COL", help="column that is not 0 where something was wrong")


def _configure_export(commands: "argparse._SubParsersAction[Parser]") -> None:
    command = _command(commands, "export", "the bundle of a run folder, once more")
    command.add_argument("run_folder", type=Path, metavar="RUN", help="such as runs/compressor-20260102T030405-77")
    command.add_argument("--output", type=Path, default=Path("models"), metavar="DIR", help="folder of bundles: models")
    command.add_argument("--as", dest="version", metavar="VERSION", help="default: the version that the run made")


def _configure_report(commands: "argparse._SubParsersAction[Parser]") -> None:
    command = _command(commands, "report", "the model card and pictures of a run folder, once more")
    command.add_argument("run_folder", type=Path, metavar="RUN")
    command.add_argument("--output", type=Path, default=Path("."), metavar="DIR", help="folder for card.md and PNGs")


def _configure_shipped(commands: "argparse._SubParsersAction[Parser]") -> None:
    command = _command(commands, "shipped", "every model of the repository, from simulated history")
    command.add_argument("--output", type=Path, default=Path("models"), metavar="DIR", help="folder of bundles: models")
    command.add_argument("--only", metavar="NAME", help="one of them")


def main(argv: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    try:
        chosen = parser().parse_args(arguments)
        from training import commands  # torch: only who trains waits for it

        return commands.COMMANDS[chosen.command](chosen)
    except GruardError as error:
        return failed(error, debug)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        return bug(error, debug)


if __name__ == "__main__":
    sys.exit(main())
