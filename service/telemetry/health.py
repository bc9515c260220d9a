"""/metrics, /livez, /readyz and /startupz on a port of their own, each answered on a thread of its own.

A handler only reads what the worker has told: it never touches the stream, so a slow scraper slows nobody.
"""

import errno
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from service.errors import UnavailableError
from service.settings import HttpSettings
from service.worker.observer import RestoreResult, Silent

STALLED_S = 30.0  # a round of the loop takes a tenth of a second; a restore slice some seconds


class Vitals(Silent):
    """An Observer that can say how the worker is. Told on the worker's thread, asked on any."""

    def __init__(self, stop: threading.Event, monotonic: Callable[[], float] = time.monotonic) -> None:
        """stop: set once an orderly end has been asked for."""
        self._stop, self._monotonic = stop, monotonic
        self._turned = monotonic()
        self._restoring: set[int] = set()
        self._running: set[int] = set()
        self._tripped: dict[int, str] = {}
        self._has_turned = False
        self._refused = ""
        self._waits_until = 0.0

    def turned(self) -> None:
        self._turned = self._monotonic()
        self._has_turned = True
        self._refused = ""

    def unavailable(self, reason: str, retry_s: float) -> None:
        self._refused, self._waits_until = reason, self._monotonic() + retry_s

    def restoring(self, partition: int) -> None:
        self._restoring.add(partition)
        self._tripped.pop(partition, None)

    def restored(self, partition: int, result: RestoreResult, replayed: int, seconds: float) -> None:
        self._restoring.discard(partition)
        self._running.add(partition)

    def parked(self, partition: int) -> None:
        self.dropped(partition)

    def dropped(self, partition: int) -> None:
        self._restoring.discard(partition)
        self._running.discard(partition)
        self._tripped.pop(partition, None)

    def tripped(self, partition: int, told: str) -> None:
        self._tripped[partition] = told

    def uncertain(self, reason: str, retry_s: float) -> None:
        self.unavailable(reason, retry_s)

    def live(self) -> str:
        """Empty: well. Waiting for a stream that refuses is not a reason to be killed."""
        quiet = self._monotonic() - max(self._turned, self._waits_until)
        return "" if quiet < STALLED_S else f"no round of the loop for {quiet:.0f} s"

    def started(self) -> str:
        """A worker to which a group gives nothing has started all the same, and is one to step in."""
        return "" if self._has_turned or self._holds() else "no partition assigned yet"

    def _holds(self) -> bool:
        return bool(self._running or self._restoring)

    def ready(self) -> str:
        if self._stop.is_set():
            return "stopping"
        if self._refused:
            return f"stream unavailable: {self._refused}"
        if self._restoring:
            return f"restoring {len(self._restoring)} of {len(self._restoring) + len(self._running)} partitions"
        if self._tripped:
            return "; ".join(self._tripped[partition] for partition in sorted(self._tripped))
        return "" if self._holds() else "no partition assigned"


class HealthServer:
    """Listens from the moment it is made, answers until closed. Raises UnavailableError when the port is taken."""

    def __init__(self, settings: HttpSettings, registry: CollectorRegistry, vitals: Vitals) -> None:
        probes = {"/livez": vitals.live, "/readyz": vitals.ready, "/startupz": vitals.started}
        try:
            self._server = ThreadingHTTPServer((settings.host, settings.port), _handler(registry, probes))
        except OSError as error:
            raise UnavailableError(_refusal(settings, error)) from None
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="health", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> "HealthServer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _refusal(settings: HttpSettings, error: OSError) -> str:
    where = f"{settings.host}:{settings.port}"
    if error.errno == errno.EADDRINUSE:
        return f"http.port {settings.port} is taken on {settings.host}: choose another (0 = any free one), or free it"
    return f"cannot listen on {where}: {error.strerror or error}; check http.host and http.port"


def _handler(registry: CollectorRegistry, probes: dict[str, Callable[[], str]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # seconds for a request to arrive: an idle connection holds no thread for ever
        server_version = "gruard"
        sys_version = ""

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                encode, content_type = choose_encoder(self.headers.get("Accept", ""))
                self._answer(200, content_type, encode(registry))
            elif path in probes:
                problem = probes[path]()
                self._json(503 if problem else 200, {"status": problem or "ok"})
            else:
                self._json(404, {"error": f"no {path[:100]}; there are /metrics, {', '.join(probes)}"})

        do_HEAD = do_GET  # noqa: N815 (the name that the standard library calls)

        def _json(self, status: int, body: dict[str, str]) -> None:
            self._answer(status, "application/json", json.dumps(body).encode() + b"\n")

        def _answer(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """A probe every few seconds is no news."""

    return Handler
