"""Who may ask: a bearer token where there is one, nobody where the address is exposed without, else this machine alone.

Probes and metrics stay open: they tell of the service, not of devices.
"""

import hmac
import ipaddress
from pathlib import Path

import falcon

from service.errors import ConfigurationError
from service.settings import HttpSettings

SHORTEST = 16  # characters of a token
EXPOSED = (
    "http.host {host} can be reached from elsewhere and http.token_file is not set: name a file that holds a token, "
    "or listen on 127.0.0.1"
)


def token(path: Path | None) -> bytes | None:
    """The first line's text. Raises ConfigurationError: the file can't be read, or its token is too short."""
    if path is None:
        return None
    try:
        text = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise ConfigurationError(f"http.token_file {path}: cannot be read ({reason})") from None
    if len(text) < SHORTEST or not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigurationError(
            f"http.token_file {path}: expected one token of at least {SHORTEST} ASCII characters without a space; "
            "`openssl rand -hex 32` makes one"
        )
    return text.encode()


def is_local(host: str) -> bool:
    """Of an address to listen on or of a Host header without its port: it means this machine alone."""
    if host.lower() in ("localhost", "localhost."):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_guarded(path: str) -> bool:
    return path.startswith("/api/") or path == "/openapi.json"


class Doors:
    """Middleware. Raises HTTPUnauthorized or HTTPForbidden."""

    def __init__(self, settings: HttpSettings) -> None:
        self._token = token(settings.token_file)
        self._exposed = "" if is_local(settings.host) else EXPOSED.format(host=settings.host)

    def process_request(self, request: falcon.Request, response: falcon.Response) -> None:
        if not is_guarded(request.path):
            return
        if self._token is not None:
            self._check(request.get_header("Authorization") or "")
        elif self._exposed:
            raise falcon.HTTPForbidden(title="Forbidden", description=self._exposed)
        elif not is_local(request.host):
            # A web page elsewhere may point its own name at 127.0.0.1 and have a browser on this machine ask.
            told = f"asked for as {request.host[:100]!r}, and without http.token_file this answers to localhost alone"
            raise falcon.HTTPForbidden(title="Forbidden", description=told)

    def _check(self, header: str) -> None:
        assert self._token is not None
        scheme, _, given = header.partition(" ")
        # Compared in constant time, so how long a refusal takes tells nothing of the token.
        fits = hmac.compare_digest(given.strip().encode("utf-8", "replace"), self._token)
        if scheme.lower() != "bearer" or not fits:
            told = "this needs `Authorization: Bearer TOKEN` with the token of http.token_file"
            raise falcon.HTTPUnauthorized(title="Unauthorized", description=told, challenges=["Bearer"])
