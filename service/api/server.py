"""The port: waitress serves the app on a few threads of its own, beside the worker's, within fixed bounds.

What a request may cost is bounded before the app sees it: its head, its body (nothing takes one), the time it takes to
arrive, and how many connections there are.
"""

import errno
import logging
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol

from waitress.channel import HTTPChannel
from waitress.server import create_server

from service.errors import UnavailableError
from service.telemetry import logs

App = Callable[..., Any]


@dataclass(frozen=True)
class Bounds:
    threads: int = 8
    connections: int = 200
    head_bytes: int = 16 * 1024
    body_bytes: int = 16 * 1024
    request_s: float = 10  # for a request to arrive whole, for an answer to be taken, and for an idle connection


class Address(Protocol):
    """A section of the settings."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...


class Listener:
    """Listens from the moment it is made, answers until closed. Raises UnavailableError when the port is taken."""

    def __init__(self, at: Address, app: App, bounds: Bounds | None = None, section: str = "http") -> None:
        """section: of the settings that `at` is, as an error names it."""
        bounds = bounds or Bounds()
        _tell_in_our_log()
        self._socket = _bound(at, section)
        self._server = create_server(
            app,
            sockets=[self._socket],
            threads=bounds.threads,
            connection_limit=bounds.connections,
            max_request_header_size=bounds.head_bytes,
            max_request_body_size=bounds.body_bytes,
            channel_timeout=bounds.request_s,
            cleanup_interval=max(int(bounds.request_s) // 4, 1),
            outbuf_overflow=1 << 30,  # an answer never goes through a file: the root file system may be read-only
            asyncore_use_poll=True,  # select() ends at file descriptor 1024
            ident="gruard",
            server_name="localhost",  # where a request names no host
            clear_untrusted_proxy_headers=True,
        )
        self._server.channel_class = Channel
        self._thread = threading.Thread(target=self._server.run, name="http", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.effective_port)

    def close(self) -> None:
        self._server.trigger.pull_trigger(self._end)
        self._thread.join()
        self._server.task_dispatcher.shutdown()

    def _end(self) -> None:
        """On the server's own thread: nothing is left to listen to, so its loop ends."""
        for channel in list(self._server.active_channels.values()):
            channel.handle_close()
        self._server.close()

    def __enter__(self) -> "Listener":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Channel(HTTPChannel):  # type: ignore[misc]
    """A client that sends its request byte by byte is as idle as one that sends nothing."""

    last_activity: float

    def handle_read(self) -> None:
        before = self.last_activity
        super().handle_read()
        if self.request is not None:  # not whole yet
            self.last_activity = before


def _bound(at: Address, section: str) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(
            at.host, at.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        made = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise UnavailableError(_refusal(at, section, error)) from None
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen()  # here, for another socket may listen where this one was bound
    except OSError as error:
        made.close()
        raise UnavailableError(_refusal(at, section, error)) from None
    return made


def _refusal(at: Address, section: str, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"{section}.port {at.port} is taken on {at.host}: choose another (0 = any free one), or free it"
    told = error.strerror or error
    return f"cannot listen on {at.host}:{at.port}: {told}; check {section}.host and {section}.port"


class _Told(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        logs.event("http_server", record.levelno, told=record.getMessage()[:500])


def _tell_in_our_log() -> None:
    """What waitress has to say goes where all else goes; that a request waits for a thread is no news."""
    logger = logging.getLogger("waitress")
    logger.handlers, logger.propagate = [_Told()], False
    logging.getLogger("waitress.queue").setLevel(logging.CRITICAL)
