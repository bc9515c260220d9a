"""`gruard console`: pages in a browser over one or several running services."""

import argparse
import sys
import threading
from pathlib import Path

from service.console.extra import GET_IT, installed
from service.errors import ConfigurationError, InputError
from service.stopping import signals

API = "http://127.0.0.1:8080"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--api", action="append", metavar="URL", help=f"of a service; may be given several times: {API}"
    )
    parser.add_argument("--host", default="127.0.0.1", help="127.0.0.1; whoever reaches another one can read it all")
    parser.add_argument("--port", type=port, default=8090, metavar="P", help="8090; 0 = any free one")
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="of the services' http.token_file")
    parser.add_argument("--attached", action="store_true", help=argparse.SUPPRESS)  # ends with its standard input


def run(arguments: argparse.Namespace) -> None:
    if not installed():
        raise ConfigurationError(GET_IT)
    from service.console.serving import Place, serve  # dash is there only with the extra

    given = arguments.token_file
    place = Place(arguments.host, arguments.port, arguments.api or [API], token(given) if given else None)
    stop = threading.Event()
    with signals(stop):
        if arguments.attached:
            threading.Thread(target=_until_left, args=(stop,), daemon=True).start()
        serve(place, stop, lambda address: print(f"Console: {address}", flush=True))


def _until_left(stop: threading.Event) -> None:
    """Whoever started it holds the other end: when that ends, however it does, so does the console."""
    sys.stdin.buffer.read()
    stop.set()


def token(file: Path) -> str:
    try:
        told = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no text"
        raise InputError(f"--token-file {file}: can't be read ({reason})") from None
    if not told or not told.isascii() or not told.isprintable():
        raise ConfigurationError(f"--token-file {file}: holds no token; one line of printable ASCII is one")
    return told


def port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: 0 to 65535")
    return int(text)
