"""One target at work: what it is offered, how far it has been told, and the thread that tells it.

Each target has its own thread, plan and places, so one that is away or slow holds up no other. The stream's thread
offers and asks for places; the target's own thread posts. Both go through one lock, which is never held during a post.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Generic, Protocol, TypeVar

from service.notify.backoff import Backoff
from service.notify.metrics import NotifyMetrics
from service.notify.news import News, wants
from service.notify.places import Found, Place, Tracker
from service.notify.post import Answer, Letter
from service.notify.settings import Wanted
from service.notify.tally import Offsets
from service.telemetry import logs

LONGEST_WAIT_S = 3600.0  # a lock can't wait for ever


class Parcel(Protocol):
    @property
    def offsets(self) -> Offsets: ...

    @property
    def counted_events(self) -> int: ...


P = TypeVar("P", bound=Parcel)
Told = TypeVar("Told", bound=Parcel, contravariant=True)


class Plan(Protocol[P]):
    """Decides what is told when. Times are a clock's that the caller keeps."""

    def take(self, news: News, now: float) -> None: ...

    def seed(self, news: News) -> None:
        """Of an open alert that was told in an earlier life."""
        ...

    def due(self, now: float) -> P | None: ...

    def finished(self, parcel: P, now: float) -> None: ...

    def next_s(self) -> float: ...

    def waiting(self) -> tuple[int, float]: ...


class Receiver(Protocol[Told]):
    @property
    def name(self) -> str: ...

    @property
    def wanted(self) -> Wanted: ...

    def letter(self, parcel: Told, now: float) -> Letter: ...

    def test(self, now: float) -> Letter: ...

    def post(self, letter: Letter) -> Answer: ...

    def close(self) -> None: ...


class Target(Generic[P]):
    def __init__(
        self,
        receiver: Receiver[P],
        plan: Plan[P],
        backoff: Backoff,
        metrics: NotifyMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = receiver.name
        self.failure: BaseException | None = None  # a bug of ours: for the main thread to raise
        self._receiver, self._plan, self._backoff, self._metrics, self._clock = receiver, plan, backoff, metrics, clock
        self._trackers: dict[int, Tracker] = {}
        self._fresh: set[int] = set()  # partitions of which this target was never told anything
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"notify {self.name}", daemon=True)

    def hold(self, found: Mapping[int, Found | None]) -> None:
        """These partitions are read from now on, as far as they were committed."""
        for partition, mark in found.items():
            place = mark.place(self.name) if mark else None
            self._trackers[partition] = Tracker(place or Place(0))
            if place is None:
                self._fresh.add(partition)

    def offer(self, news: News, again: bool = False) -> None:
        """In the order of the log. again: this event was there before, at another place."""
        tracker = self._trackers[news.partition]
        if news.partition in self._fresh:
            return  # until everything of the past has been read: what is over by then is no news
        if tracker.handled(news.offset):
            self.skip(news.partition, news.offset)
            return
        outcome = "duplicate" if again else "" if wants(self._receiver.wanted, news.event) else "unwanted"
        with self._changed:
            tracker.begin(news.offset, done=bool(outcome))
            if not outcome:
                self._plan.take(news, self._clock())
                self._changed.notify()
        if outcome:
            self._metrics.events.labels(self.name, outcome).inc()

    def skip(self, partition: int, offset: int) -> None:
        """A record that is nothing to tell."""
        if partition not in self._fresh:
            with self._changed:
                self._trackers[partition].begin(offset, done=True)

    def start(self, open_alerts: Iterable[News], positions: Mapping[int, int]) -> None:
        """Everything of the past has been read, up to these positions. open_alerts: in the order of the log."""
        for news in open_alerts:
            tracker = self._trackers[news.partition]
            if not wants(self._receiver.wanted, news.event):
                continue
            if news.partition in self._fresh:
                tracker.pass_by(news.offset)
                tracker.begin(news.offset)
                self._plan.take(news, self._clock())
            elif tracker.handled(news.offset):
                self._plan.seed(news)
        for partition in self._fresh:
            self._trackers[partition].pass_by(positions[partition])
        self._fresh.clear()
        self._thread.start()

    def place(self, partition: int) -> Place:
        with self._changed:
            return self._trackers[partition].place()

    def waiting(self) -> tuple[int, float]:
        """Events, and the seconds that the oldest of them has waited."""
        with self._changed:
            events, since_s = self._plan.waiting()
        return events, max(0.0, self._clock() - since_s) if events else 0.0

    def _run(self) -> None:
        try:
            while (parcel := self._next()) is not None:
                self._tell(parcel)
        except BaseException as error:
            self.failure = error
        finally:
            self._receiver.close()

    def _next(self) -> P | None:
        """Waits for something to tell. None: it is time to stop."""
        with self._changed:
            while not self._stopping:
                parcel = self._plan.due(self._clock())
                if parcel is not None:
                    return parcel
                left_s = self._plan.next_s() - self._clock()
                self._changed.wait(min(max(left_s, 0.0), LONGEST_WAIT_S))
            return None

    def _tell(self, parcel: P) -> None:
        answer = self._receiver.post(self._receiver.letter(parcel, time.time()))
        self._metrics.requests.labels(self.name, answer.result).inc()
        if answer.result == "refused":
            self._wait(answer)
            return
        self._backoff.renew()
        with self._changed:
            self._plan.finished(parcel, self._clock())
            for partition, offsets in parcel.offsets:
                self._trackers[partition].finish(offsets)
        self._told(parcel, answer)

    def _wait(self, answer: Answer) -> None:
        wait_s = self._backoff.next_s(answer.after_s)
        logs.event("target_refuses", logging.WARNING, target=self.name, reason=answer.said, retry_s=round(wait_s, 1))
        with self._changed:
            self._changed.wait_for(lambda: self._stopping, wait_s)

    def _told(self, parcel: P, answer: Answer) -> None:
        events = len(parcel.offsets)
        if answer.result == "never":
            self._metrics.events.labels(self.name, "put_aside").inc(events)
            places = {partition: list(offsets) for partition, offsets in parcel.offsets}
            logs.event("put_aside", logging.ERROR, target=self.name, reason=answer.said, events=events, offsets=places)
        elif events:
            counted = parcel.counted_events
            self._metrics.events.labels(self.name, "counted").inc(counted)
            self._metrics.events.labels(self.name, "told").inc(events - counted)
            logs.event("told", target=self.name, events=events, counted=counted)

    def ask_to_stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def join(self, timeout_s: float) -> None:
        """A post that still waits by then is left alone; what it told will be told again, under the same id."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
