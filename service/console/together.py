"""Several services as one: each worker tells of its own devices, and a page wants them all, the worst first."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import quote

from service.console.shapes import SEVERITIES, Alert, Alerts, Device, Devices, Model, Models, Scoreboard, Shape, Status
from service.console.source import Answer, Source, Trouble

T = TypeVar("T", bound=Shape)
RATE_S = 10.0  # the rate of readings is that of the last so many seconds
SEARCHED = 1000  # alerts that a search looks through, a service
CARDS_S = 30.0  # models change at a restart only


@dataclass(frozen=True)
class Gathered(Generic[T]):
    """troubles: (name of the service, what is wrong with it); what it told before is among the items.

    early: some service has yet to make what it was asked for.
    """

    items: list[T]
    total: int = 0
    troubles: list[tuple[str, Trouble]] = field(default_factory=list)
    early: bool = False


@dataclass(frozen=True)
class Pulse:
    """How one service is."""

    name: str
    answer: Answer[Status]
    rate: float | None  # readings a second; None until it is known


class Together:
    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._seen: dict[str, deque[tuple[float, int]]] = {source.name: deque() for source in sources}

    def pulses(self) -> list[Pulse]:
        return [self._pulse(source) for source in self._sources]

    def _pulse(self, source: Source) -> Pulse:
        answer = source.get(Status, "/api/v1/status")
        seen = self._seen[source.name]
        if answer.trouble or answer.told is None:
            seen.clear()
            return Pulse(source.name, answer, None)
        return Pulse(source.name, answer, rate(seen, answer.at, answer.told.readings))

    def devices(self, query: Mapping[str, str], most: int) -> Gathered[Device]:
        answers = self._ask(Devices, "/api/v1/devices", {**query, "limit": str(most)})
        found = [device for _, answer in answers if answer.told for device in answer.told.devices]
        total = sum(answer.told.total for _, answer in answers if answer.told)
        own = _latest(found, lambda device: device.id, lambda device: device.last_time or "")
        return Gathered(sorted(own, key=_worst_first)[:most], max(total, len(own)), _troubles(answers), _early(answers))

    def alerts(self, query: Mapping[str, str], most: int) -> Gathered[Alert]:
        """Newest first."""
        answers = self._ask(Alerts, "/api/v1/alerts", {**query, "limit": str(most)})
        found = [alert for _, answer in answers if answer.told for alert in answer.told.alerts]
        own = _latest(found, lambda alert: alert.alert_id, lambda alert: alert.sequence)
        own.sort(key=lambda alert: (alert.reading_time, alert.alert_id), reverse=True)
        more = any(answer.told.next for _, answer in answers if answer.told)
        return Gathered(own[:most], len(own) + more, _troubles(answers))

    def device(self, identity: str) -> Gathered[Device]:
        """At most one: of workers that both tell of it, the one that read it last holds it now."""
        name = quote(identity, safe="").replace(".", "%2E")  # a path of dots would be taken for a way up
        answers = self._ask(Device, f"/api/v1/devices/{name}")
        found = [answer.told for _, answer in answers if answer.told]
        found = _latest(
            found, lambda device: device.id, lambda device: (bool(device.recent.time), device.last_time or "")
        )
        return Gathered(found, len(found), _troubles(answers), _early(answers))

    def models(self) -> Gathered[Model]:
        answers = self._ask(Models, "/api/v1/models", fresh_s=CARDS_S)
        found = [model for _, answer in answers if answer.told for model in answer.told.models]
        own = _latest(found, lambda model: (model.name, model.version, model.sha256), lambda model: 0)
        return Gathered(sorted(own, key=lambda model: (model.name, model.version)), len(own), _troubles(answers))

    def scoreboard(self) -> Gathered[Scoreboard]:
        """Of the demo, where one of the services is one."""
        answers = self._ask(Scoreboard, "/api/v1/demo")
        return Gathered([answer.told for _, answer in answers if answer.told], 0, _troubles(answers))

    def _ask(
        self, shape: type[T], path: str, query: dict[str, str] | None = None, fresh_s: float | None = None
    ) -> list[tuple[str, Answer[T]]]:
        fresh = {} if fresh_s is None else {"fresh_s": fresh_s}
        return [(source.name, source.get(shape, path, query, **fresh)) for source in self._sources]


def rate(seen: deque[tuple[float, int]], at: float, readings: int) -> float | None:
    """Of a count that grows, told at times; a count that shrinks is a service that was started again."""
    if seen and readings < seen[-1][1]:
        seen.clear()
    if not seen or at > seen[-1][0]:
        seen.append((at, readings))
    while len(seen) > 2 and at - seen[1][0] >= RATE_S:
        seen.popleft()
    (first_at, first), (last_at, last) = seen[0], seen[-1]
    return (last - first) / (last_at - first_at) if last_at - first_at >= 1 else None


def _latest(found: Iterable[T], name: Callable[[T], object], order: Callable[[T], object]) -> list[T]:
    latest: dict[object, T] = {}
    for each in found:
        known = latest.get(name(each))
        if known is None or order(each) > order(known):  # type: ignore[operator]  # of one kind of thing
            latest[name(each)] = each
    return list(latest.values())


def _worst_first(device: Device) -> tuple[int, str]:
    known = device.severity in SEVERITIES
    return (SEVERITIES.index(str(device.severity)) if known else len(SEVERITIES), device.id)


def _early(answers: Iterable[tuple[str, Answer[T]]]) -> bool:
    return any(answer.early for _, answer in answers)


def _troubles(answers: Iterable[tuple[str, Answer[T]]]) -> list[tuple[str, Trouble]]:
    return [(name, answer.trouble) for name, answer in answers if answer.trouble]
