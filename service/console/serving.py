"""The console as a server: its port is bound first, then it answers browsers until it is told to stop."""

import errno
import logging
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import waitress.server

from service.console.app import made
from service.console.source import Source
from service.console.together import Together
from service.errors import UnavailableError

THREADS = 8
CONNECTIONS = 200
MOST_BODY = 1 << 20  # bytes: what a page sends is names and choices


@dataclass(frozen=True)
class Place:
    host: str
    port: int
    apis: Sequence[str]
    token: str | None = None


def serve(place: Place, stop: threading.Event, ready: Callable[[str], None]) -> None:
    """Blocks until `stop`. Raises UnavailableError when the port is taken."""
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a busy moment is no news
    sources = [Source(url, place.token) for url in dict.fromkeys(place.apis)]
    with bound(place.host, place.port) as listening:
        application = made(Together(sources)).server
        server = waitress.server.create_server(
            application, sockets=[listening], threads=THREADS, connection_limit=CONNECTIONS, ident="gruard",
            max_request_body_size=MOST_BODY, channel_timeout=60, clear_untrusted_proxy_headers=True,
        )  # fmt: skip
        threading.Thread(target=server.run, name="console", daemon=True).start()
        ready(address(place.host, listening.getsockname()[1]))
        stop.wait()


def bound(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(where)
        listening.listen()
    except OSError as error:
        raise UnavailableError(_refusal(host, port, error)) from None
    return listening


def _refusal(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken on {host}: choose another with --port (0 = any free one), or free it"
    return f"cannot listen on {host}:{port}: {error.strerror or error}; check --host and --port"


def address(host: str, port: int) -> str:
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}/"
