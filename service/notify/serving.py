"""/metrics, /livez and /readyz of `gruard notify`, on a port of its own, each request on a thread of its own."""

import errno
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from service.errors import UnavailableError
from service.notify.settings import NotifySettings

STALLED_S = 60.0  # a round takes a fifth of a second; a broker that does not answer holds one up for some seconds


class Vitals:
    """How the process is, asked on any thread. Empty: well."""

    def __init__(self, problem: Callable[[], str], progress: Callable[[], float]) -> None:
        """progress: Unix time of the last round; 0: none yet."""
        self._problem, self._progress = problem, progress
        self._begun = time.time()

    def live(self, now: float | None = None) -> str:
        quiet_s = (time.time() if now is None else now) - max(self._progress(), self._begun)
        return "" if quiet_s < STALLED_S else f"no round for {quiet_s:.0f} s"

    def ready(self) -> str:
        return self.live() or self._problem()


@contextmanager
def serving(settings: NotifySettings, registry: CollectorRegistry, vitals: Vitals) -> Iterator[int]:
    """Gives the port. Raises UnavailableError where it is taken."""
    probes = {"/livez": vitals.live, "/readyz": vitals.ready}
    try:
        server = ThreadingHTTPServer((settings.host, settings.port), _handler(registry, probes))
    except OSError as error:
        raise UnavailableError(_refusal(settings, error)) from error
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="metrics", daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _refusal(settings: NotifySettings, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"notify.port {settings.port} is taken on {settings.host}: choose another (0 = any free one), or free it"
    where = f"{settings.host}:{settings.port}"
    return f"cannot listen on {where}: {error.strerror or error}; check notify.host and notify.port"


def _handler(registry: CollectorRegistry, probes: dict[str, Callable[[], str]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # seconds for a request to arrive
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
