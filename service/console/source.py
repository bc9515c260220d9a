"""One service's HTTP API: asked with timeouts, each question at most about once a second however many pages are open.

A failure keeps the last good answer beside what went wrong and since when, so a page can say both. While one thread
asks, others get the answer before it: a slow service makes a page old, never stuck.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec
import urllib3

from service.console.shapes import Shape
from service.errors import UsageError

T = TypeVar("T", bound=Shape)
FRESH_S = 0.9  # of the clock: an answer younger than this is not asked for again
CONNECT_S, READ_S = 2.0, 6.0
REST_S = 1.0  # after a failure to connect
QUESTIONS = 256  # remembered
MOST_BYTES = 32 << 20  # of an answer


@dataclass(frozen=True)
class Trouble:
    since: float  # Unix time of the first failure in a row
    what: str  # a sentence
    check: str  # another: what to look at


@dataclass(frozen=True)
class Answer(Generic[T]):
    """told: the last good answer, which is old while there is trouble. missing: the service knows no such thing.

    early: the service is up and has yet to make what it was asked for.
    """

    told: T | None = None
    at: float = 0.0
    missing: bool = False
    early: bool = False
    trouble: Trouble | None = None


class Question(Generic[T]):
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.answer: Answer[T] | None = None
        self.asked = 0.0


class RefusedError(Exception):
    """Carries the two sentences of a Trouble."""

    def __init__(self, what: str, check: str) -> None:
        super().__init__(what)
        self.what, self.check = what, check


class Source:
    """Safe to ask from any thread."""

    def __init__(self, url: str, token: str | None = None, clock: Callable[[], float] = time.time) -> None:
        self.url = checked(url)
        self.name = urlsplit(self.url).netloc
        self._clock = clock
        self._headers = {"Accept": "application/json", "User-Agent": "gruard-console"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        timeout = urllib3.Timeout(connect=CONNECT_S, read=READ_S)
        self._pool = urllib3.PoolManager(maxsize=8, timeout=timeout, retries=False)
        self._questions: OrderedDict[str, Question[Shape]] = OrderedDict()
        self._lock = threading.Lock()
        self._resting: tuple[float, RefusedError] | None = None

    def get(
        self, shape: type[T], path: str, query: dict[str, str] | None = None, fresh_s: float = FRESH_S
    ) -> Answer[T]:
        """path: below the service's address, already percent-encoded."""
        given = {name: value for name, value in (query or {}).items() if value}
        question: Question[T] = self._question(f"{path}?{urlencode(given)}" if given else path)
        if question.answer is not None and time.monotonic() - question.asked < fresh_s:
            return question.answer
        if not question.lock.acquire(blocking=question.answer is None):
            return question.answer or Answer()
        try:
            if question.answer is None or time.monotonic() - question.asked >= fresh_s:
                question.answer = self._answer(shape, f"{path}?{urlencode(given)}" if given else path, question.answer)
                question.asked = time.monotonic()
            return question.answer
        finally:
            question.lock.release()

    def _question(self, key: str) -> Question[T]:
        with self._lock:
            question = self._questions.setdefault(key, Question())
            self._questions.move_to_end(key)
            if len(self._questions) > QUESTIONS:
                self._questions.popitem(last=False)
        return question  # type: ignore[return-value]  # a path is always asked for one shape

    def _answer(self, shape: type[T], path: str, before: Answer[T] | None) -> Answer[T]:
        before = before or Answer()
        try:
            status, body = self._asked(path)
            if status == 404:
                return Answer(missing=True, at=self._clock())
            if status == 503 and _problem(body).status == 503:  # its own words, not those of a proxy before it
                return Answer(early=True, at=self._clock())
            if status != 200:
                raise self._refusal(status, body)
            return Answer(msgspec.json.decode(body, type=shape), self._clock())
        except msgspec.MsgspecError as error:
            refused = RefusedError(
                f"{self.name} answers what this console does not understand ({error}).",
                "Check that the address is a Gruard service's, and that both have the same version.",
            )
        except RefusedError as error:
            refused = error
        since = before.trouble.since if before.trouble else self._clock()
        return replace(before, early=False, trouble=Trouble(since, refused.what, refused.check))

    def _asked(self, path: str) -> tuple[int, bytes]:
        if self._resting and time.monotonic() < self._resting[0]:
            raise self._resting[1]
        try:
            status, body = self._read(path)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            refused = self._unreached(error)
            self._resting = (time.monotonic() + REST_S, refused)
            raise refused from None
        self._resting = None
        if len(body) > MOST_BYTES:
            raise RefusedError(f"{self.name} answers more than {MOST_BYTES >> 20} MB.", "Check the address.")
        return status, body

    def _read(self, path: str) -> tuple[int, bytes]:
        """Once more where a kept connection had been closed at the other end, which shows when it is used."""
        try:
            return self._read_once(path)
        except urllib3.exceptions.ProtocolError:
            return self._read_once(path)

    def _read_once(self, path: str) -> tuple[int, bytes]:
        response = self._pool.request(
            "GET", self.url + path, headers=self._headers, redirect=False, preload_content=False
        )
        try:
            return response.status, response.read(MOST_BYTES + 1)
        finally:
            response.release_conn()

    def _unreached(self, error: Exception) -> RefusedError:
        slow = isinstance(error, urllib3.exceptions.TimeoutError) and not isinstance(
            error, urllib3.exceptions.NewConnectionError
        )
        if slow:
            return RefusedError(
                f"{self.name} does not answer in time.", "Check that the service is not overloaded, and the network."
            )
        return RefusedError(
            f"Nothing answers at {self.url}.",
            "Check that `gruard run` is running there, and its http.host and http.port.",
        )

    def _refusal(self, status: int, body: bytes) -> RefusedError:
        if status == 401:
            return RefusedError(
                f"{self.name} asks for a token, or for another one.",
                "Start the console with --token-file: the same token as in the service's http.token_file.",
            )
        detail = _problem(body).detail[:300]
        return RefusedError(
            f"{self.name} refuses with status {status}{f': {detail}' if detail else '.'}",
            "The service's log says more.",
        )


class Problem(Shape):
    """RFC 9457, as a service has it."""

    status: int = 0
    detail: str = ""


def _problem(body: bytes) -> Problem:
    try:
        return msgspec.json.decode(body, type=Problem)
    except msgspec.MsgspecError:
        return Problem()


def checked(url: str) -> str:
    """Without a slash at its end."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and not parts.query
    except ValueError:
        sound = False
    if not sound:
        raise UsageError(f"--api {url!r} is no address of a service; write it like http://127.0.0.1:8080")
    return url.rstrip("/")
