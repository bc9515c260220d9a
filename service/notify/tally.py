"""What is told in full and what is only counted, of events that are told together.

Each event ends in exactly one of the two: in the line of its alert, or in the tally.
"""

from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from service.notify.news import Event, News

NAMED = 20  # sites or classes by name in a digest; of a fleet-wide storm nobody reads more


class Offsets:
    """Places in the log, eight bytes each: a receiver may be away for a week."""

    def __init__(self) -> None:
        self._by_partition: dict[int, array[int]] = {}

    def add(self, partition: int, offset: int) -> None:
        self._by_partition.setdefault(partition, array("q")).append(offset)

    def merge(self, other: "Offsets") -> None:
        for partition, offsets in other:
            self._by_partition.setdefault(partition, array("q")).extend(offsets)

    def __iter__(self) -> Iterator[tuple[int, "array[int]"]]:
        return iter(self._by_partition.items())

    def __len__(self) -> int:
        return sum(map(len, self._by_partition.values()))


class Tally:
    """Events that are not told one by one: how many there are, and of what."""

    def __init__(self) -> None:
        self.events = 0
        self.by: dict[str, Counter[str]] = {name: Counter() for name in ("event", "severity", "kind", "class", "site")}

    def add(self, event: Event, site_label: str, times: int = 1) -> None:
        self.events += times
        self.by["event"][event.event] += times
        self.by["severity"][event.severity] += times
        self.by["kind"][event.kind] += times
        self.by["class"][event.device_class] += times
        self.by["site"][event.labels.get(site_label, "")] += times

    def merge(self, other: "Tally") -> None:
        self.events += other.events
        for name, counts in other.by.items():
            self.by[name].update(counts)

    def told(self) -> dict[str, Any]:
        """The rarest sites and classes of very many are one number."""
        return {"events": self.events, **{f"by_{name}": _named(counts) for name, counts in self.by.items()}}


def _named(counts: Counter[str]) -> dict[str, int]:
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    rest = sum(count for _, count in ordered[NAMED:])
    return dict(ordered[:NAMED]) | ({"others": rest} if rest else {})


@dataclass
class Line:
    """One alert's events of one notification; the last of them is told."""

    last: News
    events: list[Event]

    def add(self, news: News) -> None:
        self.last = news
        self.events.append(news.event)

    @property
    def came_and_went(self) -> bool:
        return self.events[0].event == "opened" and self.events[-1].event == "resolved"


@dataclass
class Pending:
    """News that will be told together. At most `room` alerts in full: the worst."""

    first_s: float
    room: int
    site_label: str
    lines: dict[str, Line] = field(default_factory=dict)  # by alert id, in the order they came
    counted: Tally = field(default_factory=Tally)
    offsets: Offsets = field(default_factory=Offsets)

    def add(self, news: News) -> None:
        self.offsets.add(news.partition, news.offset)
        line = self.lines.get(news.event.alert_id)
        if line is None:
            self.lines[news.event.alert_id] = Line(news, [news.event])
            self._fit()
        else:
            line.add(news)

    def merge(self, other: "Pending") -> None:
        self.first_s = min(self.first_s, other.first_s)
        self.offsets.merge(other.offsets)
        self.counted.merge(other.counted)
        for alert_id, line in other.lines.items():
            known = self.lines.get(alert_id)
            if known is None:
                self.lines[alert_id] = line
            else:
                self.lines[alert_id] = Line(line.last, known.events + line.events)
        self._fit()

    def _fit(self) -> None:
        while len(self.lines) > self.room:
            least = min(self.lines.values(), key=lambda line: line.last.event.badness)
            del self.lines[least.last.event.alert_id]
            for event in least.events:
                self.counted.add(event, self.site_label)

    def worst_first(self) -> list[Line]:
        return sorted(self.lines.values(), key=lambda line: line.last.event.badness, reverse=True)

    def __len__(self) -> int:
        return len(self.offsets)
