"""When a webhook is told of what: news of one site and class wait a little and are told together, storms in a digest.

Knows no clock, no thread and no receiver. Whatever is taken is in exactly one notification, in full or counted there.
"""

from collections import deque
from dataclasses import dataclass, field

from service.notify.news import Group, News
from service.notify.tally import Offsets, Pending


@dataclass(frozen=True)
class Pace:
    wait_s: float = 30.0
    interval_s: float = 300.0
    per_group: int = 5  # notifications of a group within the interval
    in_all: int = 50  # of all groups
    alerts: int = 20  # told in full in one notification
    site_label: str = "site"


@dataclass(frozen=True)
class Notification:
    """group: None for the digest of what was more than the pace allows."""

    group: Group | None
    told: Pending

    @property
    def offsets(self) -> Offsets:
        return self.told.offsets

    @property
    def counted_events(self) -> int:
        return self.told.counted.events


@dataclass
class _Group:
    pending: Pending | None = None
    sent_s: deque[float] = field(default_factory=deque)


class Groups:
    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._groups: dict[Group, _Group] = {}
        self._sent_s: deque[float] = deque()
        self._over: Pending | None = None
        self._over_s = 0.0  # since when it gathers
        self._digest_s = float("-inf")
        self._flight: Notification | None = None

    def take(self, news: News, now: float) -> None:
        event = news.event
        if event.event == "resolved" and self._over is not None and event.alert_id in self._over.lines:
            self._over.add(news)  # else its end would be told before its beginning
            return
        group = Group(event.labels.get(self._pace.site_label, ""), event.device_class)
        known = self._groups.setdefault(group, _Group())
        if known.pending is None:
            known.pending = self._pending(now)
        known.pending.add(news)

    def seed(self, news: News) -> None:
        """Of an alert that was told in an earlier life there is nothing to keep."""

    def due(self, now: float) -> Notification | None:
        """The same one until it is `finished`: a receiver that has it already knows it by its id."""
        if self._flight is None:
            self._flight = self._group(now) or self._digest(now)
        return self._flight

    def _group(self, now: float) -> Notification | None:
        ripe = [g for g, known in self._groups.items() if known.pending and self._ripe_s(known.pending) <= now]
        for group in sorted(ripe, key=lambda g: self._groups[g].pending.first_s):  # type: ignore[union-attr]
            known = self._groups[group]
            pending, known.pending = known.pending, None
            assert pending is not None
            if self._allowed(known.sent_s, self._pace.per_group, now) and self._allowed(
                self._sent_s, self._pace.in_all, now
            ):
                return Notification(group, pending)
            self._overflow(pending, now)
        return None

    def _overflow(self, pending: Pending, now: float) -> None:
        if self._over is None:
            self._over, self._over_s = pending, now
        else:
            self._over.merge(pending)

    def _digest(self, now: float) -> Notification | None:
        self._forget(now)
        if self._over is None or self._digest_due_s() > now:
            return None
        over, self._over = self._over, None
        return Notification(None, over)

    def finished(self, notification: Notification, now: float) -> None:
        """It was taken, or never will be."""
        self._flight = None
        if notification.group is None:
            self._digest_s = now
            return
        self._groups.setdefault(notification.group, _Group()).sent_s.append(now)
        self._sent_s.append(now)

    def next_s(self) -> float:
        """When there may be something due; later news may bring it forward."""
        if self._flight is not None:
            return float("-inf")
        times = [self._ripe_s(known.pending) for known in self._groups.values() if known.pending]
        if self._over is not None:
            times.append(self._digest_due_s())
        return min(times, default=float("inf"))

    def waiting(self) -> tuple[int, float]:
        """Events not told yet, and since when the oldest of them waits (inf: there is none)."""
        pending = [known.pending for known in self._groups.values() if known.pending]
        pending += [each for each in (self._over, self._flight and self._flight.told) if each]
        return sum(map(len, pending)), min((each.first_s for each in pending), default=float("inf"))

    def _ripe_s(self, pending: Pending) -> float:
        return pending.first_s + self._pace.wait_s

    def _digest_due_s(self) -> float:
        return max(self._over_s + self._pace.wait_s, self._digest_s + self._pace.interval_s)

    def _allowed(self, sent_s: deque[float], most: int, now: float) -> bool:
        while sent_s and sent_s[0] <= now - self._pace.interval_s:
            sent_s.popleft()
        return len(sent_s) < most

    def _forget(self, now: float) -> None:
        """Groups of which nothing waits and nothing counts any more."""
        idle = [g for g, k in self._groups.items() if not k.pending and self._allowed(k.sent_s, 1, now)]
        for group in idle:
            del self._groups[group]

    def _pending(self, now: float) -> Pending:
        return Pending(now, self._pace.alerts, self._pace.site_label)
