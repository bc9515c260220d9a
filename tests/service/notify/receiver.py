"""A real HTTP server that takes notifications, and refuses, hangs or goes away when it is told to."""

import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

PATIENCE_S = 60.0


class Got(NamedTuple):
    path: str
    headers: Mapping[str, str]
    body: Any
    raw: bytes
    status: int


class Reply(NamedTuple):
    status: int = 200
    headers: Mapping[str, str] = {}
    body: bytes = b""
    after_s: float = 0.0


class Receiver:
    """Answers 200 until `reply` says otherwise; it is given the number of the request, from 0 on."""

    def __init__(self, port: int = 0, reply: Callable[[int], Reply] = lambda number: Reply()) -> None:
        self.reply = reply
        self.got: list[Got] = []
        self._lock = threading.Lock()
        self._count = 0
        self._open: list[socket.socket] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def taken(self) -> list[Got]:
        with self._lock:
            return [got for got in self.got if got.status < 300]

    def ids(self) -> list[str]:
        """Of all alerts' events that were told one by one, in the order they came."""
        return [id for got in self.taken for alert in got.body["alerts"] for id in alert["ids"]]

    def counted(self) -> int:
        return sum(got.body["counted"]["events"] for got in self.taken if got.body["counted"])

    def until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline, [(got.status, got.body) for got in self.got[-3:]]
            time.sleep(0.02)

    def close(self) -> None:
        """Connections that are open are cut, as when a process dies."""
        self._server.shutdown()
        self._server.server_close()
        for each in self._open:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        self._thread.join()

    def __enter__(self) -> "Receiver":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(self, path: str, headers: Mapping[str, str], raw: bytes) -> Reply:
        with self._lock:
            number, self._count = self._count, self._count + 1
        reply = self.reply(number)
        time.sleep(reply.after_s)
        with self._lock:
            self.got.append(Got(path, headers, json.loads(raw or b"null"), raw, reply.status))
        return reply

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                receiver._open.append(self.connection)

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                raw = self.rfile.read(length)
                if len(raw) < length:
                    self.close_connection = True  # who sent it was killed while it did
                    return
                reply = receiver._take(self.path, dict(self.headers.items()), raw)
                try:
                    self.send_response(reply.status)
                    for name, text in reply.headers.items():
                        self.send_header(name, text)
                    self.send_header("Content-Length", str(len(reply.body)))
                    self.end_headers()
                    self.wfile.write(reply.body)
                except OSError:
                    self.close_connection = True  # whoever asked has gone

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler
