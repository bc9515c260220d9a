"""The command line: picks the command, and is the one place where an error becomes a line and an exit code.

`gruard` = `python -m service`. An error a user can make is one line on standard error; whatever else is raised is
our bug: one line that says what to report, exit 70, the traceback with --debug only.
"""

import argparse
import errno
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from service import commands
from service.errors import GruardError, UnavailableError, UsageError
from service.version import version

FULL = (errno.ENOSPC, errno.EDQUOT)


class Parser(argparse.ArgumentParser):
    """argparse prints its usage before an error; one line says as much."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see `{self.prog} --help`")


def parser(arguments: Sequence[str]) -> Parser:
    """Options of a command are known only when its name is among the arguments: its module is imported for them."""
    shared = Parser(add_help=False, argument_default=argparse.SUPPRESS)
    shared.add_argument("--config", type=Path, metavar="FILE", help="YAML file; the environment wins over it")
    shared.add_argument("--debug", action="store_true", help="traceback of an internal error")
    top = Parser(prog="gruard", description="Streaming anomaly detection for IoT telemetry.", parents=[shared])
    top.add_argument("--version", action="version", version=f"gruard {version()}")
    choices = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in commands.COMMANDS.items():
        command = choices.add_parser(name, help=summary, description=summary, parents=[shared])
        if name in arguments:
            module = commands.load(name)
            module.configure(command)
            command.set_defaults(run=module.run)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    try:
        chosen = parser(arguments).parse_args(arguments, argparse.Namespace(config=None, debug=False))
        code = int(chosen.run(chosen) or 0)
        sys.stdout.flush()
    except GruardError as error:
        return failed(error, debug)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return reader_left()
    except OSError as error:
        full = UnavailableError(
            f"no space left on the disk ({error.filename or 'while writing'}); free some, start again"
        )
        return failed(full, debug) if error.errno in FULL else bug(error, debug)
    except Exception as error:
        return bug(error, debug)
    return code


def failed(error: GruardError, debug: bool) -> int:
    """Bare GruardErrors are promises of ours that broke: they say so like any other bug."""
    if debug:
        traceback.print_exception(error)
    say(str(error) if error.exit_code != 70 else f"internal error: {error}; please report this with its input")
    return error.exit_code


def bug(error: Exception, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    places = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
    place = places[-1]
    where = f"{Path(place.filename).parent.name}/{Path(place.filename).name}:{place.lineno}"
    say(
        f"internal error, please report it: gruard {version()}, {type(error).__name__} at {where}: {error}"
        + ("" if debug else " (--debug shows more)")
    )
    return 70


def reader_left() -> int:
    """`gruard models | head -1`: the reader has what it wanted, and nothing can be flushed to it any more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def say(line: str) -> None:
    print("gruard:", " ".join(line.split()), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
