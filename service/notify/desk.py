"""What goes to which target: reads alerts in the order of the log, knows each by id and sequence, and keeps the marks.

One desk for as long as the same partitions are ours. Until the past has been read nothing is told: what is over by
then is no news to a new target, and what opened and ended meanwhile is told as such.
"""

import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from service.notify.metrics import NotifyMetrics
from service.notify.news import News, read
from service.notify.places import Mark
from service.notify.port import Row, Start
from service.notify.target import Target
from service.telemetry import logs

REMEMBERED = 100_000  # alerts that ended, by id: only a log that holds events twice makes use of it
GRACE_S = 5.0  # for posts under way


class Desk:
    def __init__(self, targets: Sequence[Target[Any]], metrics: NotifyMetrics, keeps_open: bool) -> None:
        """keeps_open: some target has to know after a restart what is open."""
        self.targets = targets
        self._metrics = metrics
        self._keeps_open = keeps_open
        self._open: dict[str, News] = {}
        self._ended: OrderedDict[str, int] = OrderedDict()
        self._positions: dict[int, int] = {}
        self.started = False

    def hold(self, given: Mapping[int, Start]) -> dict[int, int]:
        """Where to read from."""
        starts = {partition: _sound(partition, start) for partition, start in given.items()}
        for target in self.targets:
            target.hold({partition: start.found for partition, start in starts.items()})
        self._positions = {partition: self._begin(partition, start) for partition, start in starts.items()}
        return dict(self._positions)

    def _begin(self, partition: int, start: Start) -> int:
        found = start.found
        if found is None or any(found.place(target.name) is None for target in self.targets):
            return start.first
        if found.offset < start.first:
            self._metrics.lost.inc(start.first - found.offset)
            logs.event("alerts_lost", logging.ERROR, partition=partition, records=start.first - found.offset)
        return max(start.first, found.base if self._keeps_open else found.offset)

    def take(self, row: Row) -> None:
        self._positions[row.partition] = row.offset + 1
        try:
            news = News(row.partition, row.offset, read(row.value), row.value)
        except msgspec.MsgspecError as error:
            self._unreadable(row, error)
            return
        again = news.event.sequence <= self._sequence(news.event.alert_id)
        if not again:
            self._remember(news)
        for target in self.targets:
            target.offer(news, again)

    def _sequence(self, alert_id: str) -> int:
        """Of its last event; 0: never heard of."""
        known = self._open.get(alert_id)
        return known.event.sequence if known else self._ended.get(alert_id, 0)

    def _remember(self, news: News) -> None:
        event = news.event
        if event.event != "resolved":
            self._open[event.alert_id] = news
            return
        self._open.pop(event.alert_id, None)
        self._ended[event.alert_id] = event.sequence
        if len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)

    def _unreadable(self, row: Row, error: Exception) -> None:
        self._metrics.unreadable.inc()
        where = {"partition": row.partition, "offset": row.offset}
        logs.event("unreadable", logging.WARNING, **where, reason=str(error))
        for target in self.targets:
            target.skip(row.partition, row.offset)

    def caught_up(self, given: Mapping[int, Start]) -> None:
        """All of the past has been read: from here on targets are told."""
        if self.started:
            return
        for partition, start in given.items():
            self._positions[partition] = max(self._positions[partition], start.end)
        in_order = sorted(self._open.values(), key=lambda news: news[:2])
        for target in self.targets:
            target.start(in_order, self._positions)
        self.started = True

    def marks(self) -> dict[int, Mark]:
        """Nothing before the start: what was committed holds."""
        if not self.started:
            return {}
        bases = self._bases()
        return {
            partition: Mark({target.name: target.place(partition) for target in self.targets}, bases[partition])
            for partition in self._positions
        }

    def _bases(self) -> dict[int, int]:
        bases = dict(self._positions)
        if self._keeps_open:
            for news in self._open.values():
                bases[news.partition] = min(bases.get(news.partition, news.offset), news.offset)
        return bases

    def look(self) -> None:
        """Tell the metrics how things are. Raises what a target's thread has died of."""
        for target in self.targets:
            if target.failure is not None:
                raise target.failure
            events, oldest_s = target.waiting()
            self._metrics.waiting.labels(target.name).set(events)
            self._metrics.oldest.labels(target.name).set(oldest_s)

    def stop(self) -> None:
        for target in self.targets:
            target.ask_to_stop()
        for target in self.targets:
            target.join(GRACE_S / len(self.targets))


def _sound(partition: int, start: Start) -> Start:
    """A log that ends before what was told of it is another one, made anew under the same name."""
    if start.found is None or start.found.offset <= start.end:
        return start
    logs.event("log_was_replaced", logging.WARNING, partition=partition, told=start.found.offset, end=start.end)
    return Start(None, start.first, start.end)
