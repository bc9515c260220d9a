"""A service's HTTP API that says what a test wants it to: over a real socket, and away when it is told to be."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit


class Speaker:
    """says: path -> body, (status, body), or what makes a body of the query. asked: every request line so far."""

    def __init__(self, says: dict[str, Any], token: str | None = None, port: int = 0) -> None:
        self.says, self.token, self.asked = says, token, []
        self.port = port
        self.come()

    def come(self) -> None:
        """Again where it was, after `leave`."""
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def leave(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.leave()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        speaker = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                speaker.asked.append(self.path)
                asked = urlsplit(self.path)
                status, body = speaker.answer(asked.path, self.headers.get("Authorization", ""))
                if callable(body):
                    body = body(dict(parse_qsl(asked.query)))
                told = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

            def log_message(self, format: str, *args: Any) -> None:
                """What was asked is in `asked`."""

        return Handler

    def answer(self, path: str, authorization: str) -> tuple[int, Any]:
        if self.token and authorization != f"Bearer {self.token}":
            return 401, {"title": "no token", "status": 401, "detail": "send Authorization: Bearer TOKEN"}
        if path not in self.says and path.startswith("/api/v1/devices/"):
            path = "/api/v1/devices/" + unquote(path.removeprefix("/api/v1/devices/"))
        said = self.says.get(path, (404, {"title": "no such thing", "status": 404, "detail": "none"}))
        return said if isinstance(said, tuple) else (200, said)
