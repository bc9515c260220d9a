"""One process of `gruard notify`: the stream is read, targets are offered what they want, and how far they are is kept.

A commit follows what was told, never the other way round: a process that ends in between tells again, with the same
ids. A stream that refuses is waited for, and said so.
"""

import logging
from collections.abc import Callable, Mapping
from threading import Event

from service.errors import UnavailableError
from service.notify.backoff import Backoff
from service.notify.desk import Desk
from service.notify.metrics import NotifyMetrics
from service.notify.places import Mark
from service.notify.port import Source, Start
from service.telemetry import logs

POLL_S = 0.2


class Notifier:
    def __init__(
        self, opened: Callable[[], Source], desk: Callable[[], Desk], metrics: NotifyMetrics, backoff: Backoff
    ) -> None:
        """opened: the source, connected. desk: a new one, for partitions that were given."""
        self._opened, self._make_desk, self._metrics, self._backoff = opened, desk, metrics, backoff
        self._source: Source | None = None
        self._desk: Desk | None = None
        self._given: Mapping[int, Start] = {}
        self._committed: Mapping[int, Mark] = {}
        self.problem = "has not read anything yet"

    def run(self, stop: Event) -> None:
        """Blocks until told to stop, or raises."""
        try:
            while not stop.is_set():
                self._turn(stop)
        finally:
            self._leave()
        logs.event("stopped")

    def _turn(self, stop: Event) -> None:
        try:
            if self._source is None:
                self._source = self._opened()
            self._round(self._source)
            self._backoff.renew()
            self.problem = "" if self._desk is None or self._desk.started else "reads what happened before"
        except UnavailableError as error:
            wait_s = self._backoff.next_s()
            self.problem = f"stream unavailable: {error}"
            self._metrics.unavailable.inc()
            logs.event("stream_unavailable", logging.WARNING, reason=str(error), retry_s=round(wait_s, 1))
            stop.wait(wait_s)
        self._metrics.turned()

    def _round(self, source: Source) -> None:
        found = source.poll(POLL_S)
        if found.given is not None:
            self._hold(source, found.given)
        if self._desk is None:
            return
        for row in found.rows:
            self._desk.take(row)
        if found.caught_up:
            self._desk.caught_up(self._given)
        self._desk.look()
        self._commit(source, self._desk)

    def _hold(self, source: Source, given: Mapping[int, Start]) -> None:
        if self._desk is not None:
            self._desk.stop()
        self._desk = self._make_desk() if given else None
        self._given, self._committed = given, {}
        self._metrics.held.set(len(given))
        logs.event("holds", partitions=sorted(given)) if given else logs.event("stands_by")
        if self._desk is not None:
            source.seek(self._desk.hold(given))

    def _commit(self, source: Source, desk: Desk) -> None:
        marks = desk.marks()
        if marks != self._committed:
            source.commit(marks)
            self._committed = marks

    def _leave(self) -> None:
        """What is under way is waited for a little and committed; what waits will be told after the next start."""
        try:
            if self._desk is not None:
                self._desk.stop()
                if self._source is not None:
                    self._commit(self._source, self._desk)
        except UnavailableError as error:
            logs.event("not_committed", logging.WARNING, reason=str(error))
        finally:
            if self._source is not None:
                self._source.close()
