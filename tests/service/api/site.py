"""A service that really serves: `host.serve` over an embedded stream of a simulated fleet, asked on its own port."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from service import host
from service.bundle import Bundles
from service.settings import Settings
from service.streams.embedded import EmbeddedLog, Message
from service.worker.observer import Silent
from tests.service.real import settings as real_settings

PARTITIONS = 3


class Said(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Heard(Silent):
    """Counts what was committed in rounds that are over."""

    def __init__(self) -> None:
        self.records = self._now = 0

    def committed(self, seconds: float, records: int) -> None:
        self._now += records

    def turned(self) -> None:
        self.records = self._now


class Site:
    def __init__(self, port: int) -> None:
        self.port = port
        self.heard = Heard()

    def raw(self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> Said:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, headers=dict(headers or {}))
            answer = connection.getresponse()
            return Said(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def get(self, path: str, **query: str | int) -> Any:
        asked = "&".join(f"{name.rstrip('_')}={quote(str(value), safe='')}" for name, value in query.items())
        said = self.raw(f"/api/v1/{path}?{asked}" if asked else f"/api/v1/{path}")
        assert said.status == 200, said
        return said.json

    def device(self, device: str) -> Any:
        return self.get(f"devices/{quote(device, safe='')}")

    def until(self, records: int) -> None:
        self._wait(lambda: self.heard.records >= records)

    def says(self, path: str, text: bytes) -> None:
        self._wait(lambda: text in self.raw(path).body)

    def _wait(self, happened: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not happened():
            assert time.monotonic() < deadline, self.raw("/readyz")
            time.sleep(0.02)


def settings(folder: Path, http: Mapping[str, Any] | None = None, **sections: Any) -> Settings:
    tree = real_settings().model_dump(by_alias=True)
    tree["embedded"] |= {"path": folder / "stream.db", "partitions": PARTITIONS}
    tree["http"] |= {"port": 0, **(http or {})}
    for name, values in sections.items():
        tree[name] |= values
    return Settings.model_validate(tree)


@contextmanager
def served(own: Settings, guest: host.Guest | None = None) -> Iterator[Site]:
    """Until the block ends; what the service raised is raised here."""
    # The first session of a process decides how its thread, and those that it starts, round the smallest numbers.
    Bundles(own.models.path, own.models.default)
    guest, stop, up = guest or host.Guest(), threading.Event(), threading.Event()
    site, failed = Site(0), list[BaseException]()

    def serving(what: host.Served) -> None:
        site.port = what.port
        up.set()

    def run() -> None:
        try:
            asked = host.Guest((site.heard, *guest.observers), guest.clock, serving, guest.scoreboard)
            host.serve(own, "1.2.3", stop, asked)
        except BaseException as error:
            failed.append(error)
        finally:
            up.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert up.wait(60)
        if not failed:
            yield site
    finally:
        stop.set()
        thread.join(60)
    if failed:
        raise failed[0]


def fed(own: Settings, messages: Sequence[Message]) -> None:
    log = EmbeddedLog(own.embedded.path, own.embedded.partitions)
    log.append(messages)
    log.close()
