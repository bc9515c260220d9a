"""One request to a receiver, and what its answer means: taken, not now, or never.

Every wait has a limit. An answer of which waiting or a person can make a yes is "not now": nothing is given up that a
corrected address, token or receiver would have taken.
"""

import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

import urllib3
from pydantic import SecretStr
from urllib3.exceptions import HTTPError, NewConnectionError, TimeoutError

from service.errors import ConfigurationError
from service.notify.settings import Reached, checked
from service.version import version

NEVER = (400, 405, 406, 410, 411, 413, 414, 415, 422, 501)  # they speak of the request itself: it will be the same
AFTER_MAX_S = 3600.0  # longer than that no receiver may send us away
HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
RESERVED = ("content-length", "host", "transfer-encoding")
SAID = 300  # characters of an answer that a log line quotes


class Answer(NamedTuple):
    result: Literal["taken", "refused", "never"]
    said: str
    after_s: float = 0.0  # the receiver's own wish


class Letter(NamedTuple):
    """What is sent, as it is sent at this moment."""

    body: bytes
    headers: Mapping[str, str]


class Address:
    """Where and how a receiver is reached; one connection, kept open. For one thread."""

    def __init__(self, url: str, reached: Reached, timeout_s: float, field: str) -> None:
        """field: of the settings, for what is wrong with them. Raises ConfigurationError, which quotes no secret."""
        try:
            self._url = checked(url)
        except ValueError as error:
            raise ConfigurationError(f"{field}: {error}") from None
        self.host = urlsplit(url).netloc
        self._headers = {
            "Content-Type": "application/json",
            "User-Agent": f"gruard/{version()}",
            **_sendable(reached.headers, field),
        }
        if reached.token_file is not None:
            token = secret(f"{field}.token_file", reached.token_file)
            self._headers["Authorization"] = f"Bearer {token.decode('ascii', 'replace')}"
        if reached.ca_file is not None and not reached.ca_file.is_file():
            raise ConfigurationError(f"{field}.ca_file {reached.ca_file}: no such file")
        self._timeout_s = timeout_s
        self._pool = urllib3.PoolManager(
            1,
            timeout=urllib3.Timeout(connect=timeout_s, read=timeout_s),
            retries=False,  # when to try again is not for one request to decide
            ca_certs=str(reached.ca_file) if reached.ca_file else None,
        )

    def post(self, letter: Letter) -> Answer:
        """Blocks at most for the timeout twice over. No redirect is followed: it would carry secrets elsewhere."""
        headers = {**self._headers, **letter.headers}
        try:
            response = self._pool.request(
                "POST", self._url, body=letter.body, headers=headers, redirect=False, preload_content=False
            )
        except HTTPError as error:
            return Answer("refused", f"{self.host} can't be reached: {_reason(error, self._timeout_s)}")
        said = _quoted(response)
        return meaning(response.status, f"{self.host} answers {_named(response)}{said}", response.headers)

    def close(self) -> None:
        self._pool.clear()


def _sendable(headers: Mapping[str, SecretStr], field: str) -> dict[str, str]:
    given = {name: value.get_secret_value() for name, value in headers.items()}
    for name, value in given.items():
        if not HEADER.fullmatch(name) or name.lower() in RESERVED:
            raise ConfigurationError(f"{field}.headers: {name!r} is no name of a header that can be set")
        if not value.isascii() or not value.isprintable():
            raise ConfigurationError(f"{field}.headers: the value of {name} has characters that no header can carry")
    return given


def meaning(status: int, said: str, headers: Mapping[str, str]) -> Answer:
    if 200 <= status < 300:
        return Answer("taken", said)
    if status in NEVER:
        return Answer("never", said)
    if 300 <= status < 400:
        said += "; no redirect is followed, correct the address"
    return Answer("refused", said, retry_after(headers.get("Retry-After"), time.time()))


def retry_after(text: str | None, now: float) -> float:
    """Seconds; a receiver may give them or a date. What is neither says nothing."""
    if text is None:
        return 0.0
    try:
        wait_s = float(text) if text.strip().isdigit() else parsedate_to_datetime(text).timestamp() - now
    except (ValueError, OverflowError, OSError):
        return 0.0
    return min(max(wait_s, 0.0), AFTER_MAX_S)


def secret(field: str, path: Path) -> bytes:
    """What a file holds, without its line's end. Raises ConfigurationError where there is nothing."""
    try:
        found = path.read_bytes().strip(b"\r\n")
    except OSError as error:
        raise ConfigurationError(f"{field} {path}: can't be read ({error.strerror})") from None
    if not found:
        raise ConfigurationError(f"{field} {path}: the file is empty")
    return found


def _named(response: urllib3.BaseHTTPResponse) -> str:
    return f"{response.status} {response.reason or ''}".strip()


def _quoted(response: urllib3.BaseHTTPResponse) -> str:
    """The head of what a refusal says. The rest of a longer answer is not waited for, nor its connection kept."""
    try:
        head = response.read1(SAID)
        if response.length_remaining == 0:
            response.release_conn()
        else:
            response.close()
    except (HTTPError, OSError):
        return ""  # the status has arrived, and it is what counts
    text = _plain(head.decode("utf-8", "replace"))
    return f": {text}" if text and response.status >= 300 else ""


def _plain(text: str) -> str:
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def _reason(error: HTTPError, timeout_s: float) -> str:
    if isinstance(error, TimeoutError) and not isinstance(error, NewConnectionError):
        return f"no answer for {timeout_s:g} s"
    root = error.__cause__ or error.__context__ or error
    text = getattr(root, "strerror", None) or str(root) or type(root).__name__
    return _plain(text)[:SAID] or type(root).__name__
