"""What people read of a notification: plain sentences, the worst first, as short as a telephone shows them."""

from collections.abc import Sequence
from urllib.parse import quote

from service.notify.news import Group
from service.notify.tally import Line, Pending

SPOKEN = 3  # alerts that the text names; the rest is in the body


def group_text(group: Group, told: Pending, lines: Sequence[Line]) -> str:
    if len(lines) == 1 and not told.counted.events:
        return went(lines[0])
    return f"{_many(told)} at {_place(group)}. {_worst(lines)}"


def digest_text(told: Pending) -> str:
    """Of a storm: how many, where, of what, and the worst few."""
    lines = told.worst_first()
    sites = {line.last.event.labels.get(told.site_label, "") for line in lines} | set(told.counted.by["site"])
    classes = {line.last.event.device_class for line in lines} | set(told.counted.by["class"])
    where = f"sites {_names(sites)}; classes {_names(classes)}"
    return f"More than is told one by one: {_many(told)} ({where}). {_worst(lines)}"


def went(line: Line) -> str:
    event = line.last.event
    if line.came_and_went:
        return f"{event.summary} (came and went before this was sent)"
    return f"{event.summary} ({event.severity}, {event.event})"


def link(console_url: str | None, device: str) -> str | None:
    return f"{console_url.rstrip('/')}/device/{quote(device, safe='')}" if console_url else None


def _many(told: Pending) -> str:
    events = told.counted.events + sum(len(line.events) for line in told.lines.values())
    return f"{events:,} alert events"


def _place(group: Group) -> str:
    return f"{group.site}, class {group.device_class}" if group.site else f"class {group.device_class}"


def _worst(lines: Sequence[Line]) -> str:
    return "Worst: " + "; ".join(went(line) for line in lines[:SPOKEN])


def _names(names: set[str], most: int = 5) -> str:
    ordered = sorted(name or "none" for name in names)
    return ", ".join(ordered[:most]) + (f" and {len(ordered) - most} more" if len(ordered) > most else "")
