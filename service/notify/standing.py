"""What stands at an Alertmanager: it groups and waits by itself, so it is told of every change at once, and of all that
is open again and again.

Knows no clock, no thread and no receiver. Beyond `max_open` alerts one more stands for those that are only counted.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from service.notify.news import Event, News
from service.notify.tally import Offsets, Tally

CHUNK = 500  # alerts in one request
BEFORE = {"critical": "warning"}  # severity only rises


@dataclass(frozen=True)
class Telling:
    """One request. What it says of an alert is as things are now, however long the receiver was away."""

    firing: list[Event]
    ended: list[Event]
    outgrown: list[tuple[Event, str]]  # alerts that stood there with a lesser severity, which is another alert to it
    more: Tally | None  # open alerts that are only counted; with no event in it: there are none any more
    offsets: Offsets
    counted_events: int = 0  # of those that the offsets speak of
    changed: dict[str, int] = field(default_factory=dict)  # alert ids, and how many news of each it tells
    again: int = 0  # of those that are told again


class _Untold(NamedTuple):
    partition: int
    offset: int
    escalated: bool
    since_s: float


@dataclass
class _Alert:
    event: Event
    waiting: deque[_Untold] = field(default_factory=deque)
    one_by_one: bool = False  # it stands there as itself


class Standing:
    def __init__(self, resend_s: float, max_open: int, site_label: str) -> None:
        self._resend_s, self._max_open, self._site_label = resend_s, max_open, site_label
        self._alerts: dict[str, _Alert] = {}  # open, or resolved and not told yet
        self._changed: dict[str, None] = {}  # ids with news, in the order they came
        self._again: deque[str] = deque()  # ids of this round of telling again
        self._room = max_open
        self._counted_told = False  # the alert that counts stands there
        self._next_s = float("-inf")

    def take(self, news: News, now: float) -> None:
        event = news.event
        alert = self._alerts.setdefault(event.alert_id, _Alert(event))
        alert.event = event
        alert.waiting.append(_Untold(news.partition, news.offset, event.event == "escalated", now))
        self._changed[event.alert_id] = None

    def seed(self, news: News) -> None:
        """It stood there in an earlier life."""
        alert = _Alert(news.event)
        self._alerts[news.event.alert_id] = alert
        self._admit(alert)

    def due(self, now: float) -> Telling | None:
        if self._changed:
            return self._changes()
        if self._again or self._round(now):
            return self._repeats()
        return None

    def _changes(self) -> Telling:
        chosen = [self._alerts[alert_id] for _, alert_id in zip(range(CHUNK), self._changed, strict=False)]
        for alert in sorted(chosen, key=lambda alert: alert.event.badness, reverse=True):
            self._admit(alert)
        offsets = Offsets()
        for alert in chosen:
            for untold in alert.waiting:
                offsets.add(untold.partition, untold.offset)
        changed = {alert.event.alert_id: len(alert.waiting) for alert in chosen}
        return self._telling(chosen, offsets, changed)

    def _round(self, now: float) -> bool:
        """Begin to tell all of them again, if it is time."""
        if now < self._next_s:
            return False
        self._next_s = now + self._resend_s
        if self._room:
            for alert in sorted(self._counted(), key=lambda alert: alert.event.badness, reverse=True):
                self._admit(alert)
        self._again.extend(alert_id for alert_id, alert in self._alerts.items() if alert.one_by_one)
        return bool(self._again)

    def _repeats(self) -> Telling:
        ids = [alert_id for _, alert_id in zip(range(CHUNK), self._again, strict=False)]
        told = [self._alerts[alert_id] for alert_id in ids if alert_id in self._alerts]
        return replace(self._telling(told, Offsets(), {}), again=len(ids))

    def _telling(self, alerts: Sequence[_Alert], offsets: Offsets, changed: dict[str, int]) -> Telling:
        alone = [alert for alert in alerts if alert.one_by_one]
        return Telling(
            firing=[alert.event for alert in alone if alert.event.event != "resolved"],
            ended=[alert.event for alert in alone if alert.event.event == "resolved"],
            outgrown=[(alert.event, less) for alert in alone if (less := _outgrown(alert)) is not None],
            more=self._more(),
            offsets=offsets,
            counted_events=sum(len(alert.waiting) for alert in alerts if changed and not alert.one_by_one),
            changed=changed,
        )

    def _more(self) -> Tally | None:
        tally = Tally()
        for alert in self._counted():
            tally.add(alert.event, self._site_label)
        return tally if tally.events or self._counted_told else None

    def _counted(self) -> list[_Alert]:
        """Open alerts that don't stand there as themselves."""
        if len(self._alerts) <= self._max_open - self._room:
            return []
        return [a for a in self._alerts.values() if not a.one_by_one and a.event.event != "resolved"]

    def _admit(self, alert: _Alert) -> None:
        if not alert.one_by_one and self._room > 0:
            alert.one_by_one = True
            self._room -= 1

    def finished(self, telling: Telling, now: float) -> None:
        self._counted_told = telling.more is not None and telling.more.events > 0
        for _ in range(min(telling.again, len(self._again))):
            self._again.popleft()
        for alert_id, told in telling.changed.items():
            self._told(alert_id, told)

    def _told(self, alert_id: str, news: int) -> None:
        alert = self._alerts[alert_id]
        for _ in range(news):
            alert.waiting.popleft()
        if alert.waiting:
            return
        del self._changed[alert_id]
        if alert.event.event == "resolved":
            del self._alerts[alert_id]
            self._room += alert.one_by_one

    def next_s(self) -> float:
        return float("-inf") if self._changed or self._again else self._next_s

    def waiting(self) -> tuple[int, float]:
        alerts = [self._alerts[alert_id] for alert_id in self._changed]
        oldest = min((alert.waiting[0].since_s for alert in alerts if alert.waiting), default=float("inf"))
        return sum(len(alert.waiting) for alert in alerts), oldest

    @property
    def open(self) -> int:
        return len(self._alerts)


def _outgrown(alert: _Alert) -> str | None:
    """The severity that it stood there with before what is told now."""
    if any(untold.escalated for untold in alert.waiting):
        return BEFORE.get(alert.event.severity)
    return None
