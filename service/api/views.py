"""Answers put together from what is kept: one method for each thing that can be asked. Knows nothing of HTTP."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import service.detector.explain as explain
from service.api import answers, plain
from service.api.alertbook import CALM, AlertBook, Entry, Trouble
from service.api.asked import AlertsAsked, DevicesAsked
from service.api.fleet import SEVERITY, Fleet
from service.api.news import News
from service.api.recorder import Recorder
from service.api.shelf import ALERT, EVIDENCE, LEADING, LIMIT, Copied
from service.bundle import Bundle
from service.telemetry.health import Vitals

Scoreboard = Callable[[], Mapping[str, Any]]


@dataclass(frozen=True)
class Facts:
    """What stays as it is for the life of the process. scoreboard: of a demo, asked on any thread; None: no demo."""

    version: str
    stream: str
    budget: float | dict[str, float]
    clock_ms: Callable[[], int]  # in the time base of the log's arrivals
    bundles: Sequence[Bundle] = ()
    scoreboard: Scoreboard | None = None


class Views:
    def __init__(self, facts: Facts, vitals: Vitals, news: News, book: AlertBook, recorder: Recorder) -> None:
        self._facts, self._vitals = facts, vitals
        self._news, self._book, self._recorder = news, book, recorder

    def status(self) -> answers.Status:
        news, problem = self._news, self._vitals.ready()
        running, restoring = self._vitals.partitions()
        lags, now = list(news.lags.copy().values()), self._facts.clock_ms()
        ages = [now - lag.arrival_ms for lag in lags if lag.records and lag.arrival_ms is not None]
        tally = self._book.tally()
        return answers.Status(
            version=self._facts.version,
            stream=self._facts.stream,
            started=plain.rfc3339([news.started_ms])[0],
            ready=not problem,
            problem=problem,
            partitions=answers.Partitions(running=running, restoring=restoring),
            devices=news.devices,
            readings=news.readings_done,
            lag_records=sum(lag.records for lag in lags),
            lag_seconds=max(ages, default=0) / 1000 if max(ages, default=0) > 0 else 0.0,
            open_alerts=answers.OpenAlerts(**{name: tally.get(name, 0) for name in SEVERITY}),
            budget=self._facts.budget,
        )

    def devices(self, asked: DevicesAsked) -> answers.Devices:
        fleet, troubled = self._news.fleet(), self._book.troubled()
        page = fleet.page(asked, troubled)
        evidence = self._recorder.evidence(device.id for device in page.devices)
        lines = [
            answers.DeviceLine(**_line(fleet, device.at, device.id, troubled, evidence)) for device in page.devices
        ]
        return answers.Devices(devices=lines, total=page.total, next=page.next)

    def device(self, device: str) -> tuple[answers.Device, list[bytes]] | None:
        """With its alerts as JSON. None: there is no such device. It is recorded from now on."""
        fleet = self._news.fleet()
        at = fleet.find(device)
        if at is None:
            fleet = self._news.fleet(fresh=True)
            at = fleet.find(device)
        if at is None:
            return None
        self._recorder.ask(device)
        found = self._recorder.copied(device)
        copied, labels = found if found is not None else (None, {})
        alerts = self._book.of(device)
        evidence = {} if copied is None else {device: float(copied.column(EVIDENCE)[-1])}
        line = _line(fleet, at, device, self._book.troubled(), evidence)
        told = answers.Device(
            **line,
            labels=labels or next((alert.labels for alert in alerts), {}),
            recent=_recent(copied),
            alerts=[],
            contributions=_contributions(copied),
        )
        return told, [alert.told for alert in alerts]

    def alerts(self, asked: AlertsAsked) -> tuple[answers.Alerts, list[bytes]]:
        """A page without its alerts, and those as JSON."""
        found = sorted(self._chosen(asked), key=lambda entry: entry.key, reverse=True)
        if asked.after:
            found = [entry for entry in found if entry.key < asked.after]
        page = found[: asked.limit]
        following = page[-1].key if len(found) > asked.limit else None
        return answers.Alerts(alerts=[], next=following), [entry.told for entry in page]

    def _chosen(self, asked: AlertsAsked) -> Iterable[Entry]:
        entries = [] if asked.state == "resolved" else self._book.open()
        if asked.state in ("resolved", "all"):
            entries += self._book.past()
        for entry in entries:
            fits = asked.severity in ("", entry.severity) and asked.kind in ("", entry.kind)
            if fits and asked.device in ("", entry.device_id):
                yield entry


def _line(
    fleet: Fleet, at: int, device: str, troubled: Mapping[str, Trouble], evidence: Mapping[str, float]
) -> dict[str, object]:
    known, trouble = fleet.known(at), troubled.get(device, Trouble())
    last = np.asarray([evidence.get(device, np.nan)], np.float32)
    return {
        "id": device,
        "class_": known.device_class,
        "model": answers.ModelName(name=known.model[0], version=known.model[1]),
        "last_time": None if known.last_time is None else plain.rfc3339([known.last_time])[0],
        "score": plain.shortest(plain.score(last))[0],
        "warming": known.warming,
        "severity": None if trouble.rank == CALM else SEVERITY[trouble.rank],
        "open_alerts": trouble.alerts,
        "recorded": device in evidence,
    }


def _recent(copied: Copied | None) -> answers.Recent:
    if copied is None:
        return answers.Recent(time=[], score=[], evidence=[], limit=[], alert=[], leading_sensor=[], sensors={})
    sensors = copied.signature[1]
    leading = copied.column(LEADING).astype(np.intp).tolist()
    return answers.Recent.model_construct(
        time=plain.rfc3339(copied.times),
        score=plain.shortest(plain.score(copied.column(EVIDENCE))),
        evidence=plain.shortest(copied.column(EVIDENCE)),
        limit=plain.shortest(copied.column(LIMIT)),
        alert=(copied.column(ALERT) > 0).tolist(),
        leading_sensor=[sensors[s] if s < len(sensors) else "" for s in leading],
        sensors=_sensors(copied, sensors),
    )


def _sensors(copied: Copied, names: tuple[str, ...]) -> dict[str, answers.Series]:
    observed, mean, scale = copied.values()
    units = {sensor.name: sensor.unit for sensor in copied.layout.bundle.manifest.sensors}
    columns = [observed, mean, mean - scale, mean + scale]
    series = {}
    for s, name in enumerate(names):
        told = [plain.shortest(column[:, s]) for column in columns]
        series[name] = answers.Series.model_construct(
            unit=units.get(name, ""), observed=told[0], expected=told[1], lower=told[2], upper=told[3]
        )
    return series


def _contributions(copied: Copied | None) -> list[answers.Share]:
    if copied is None:
        return []
    names = copied.signature[1]
    shares = explain.shares(copied.layout.plan, copied.terms[:, : len(names)], copied.beyond)
    told = sorted(zip(shares.tolist(), names, strict=True), key=lambda each: (-each[0], each[1]))
    return [answers.Share(sensor=name, share=min(round(share, 3), 1.0)) for share, name in told if share > 0]


def models(bundles: Iterable[Bundle]) -> answers.Models:
    return answers.Models(models=[_model(bundle) for bundle in bundles])


def _model(bundle: Bundle) -> answers.ModelInfo:
    manifest = bundle.manifest
    return answers.ModelInfo(
        name=manifest.name,
        version=manifest.version,
        sha256=manifest.sha256,
        sample_period_s=manifest.sample_period_s,
        sensors=[answers.SensorInfo(name=s.name, unit=s.unit, low=s.low, high=s.high) for s in manifest.sensors],
        cell=manifest.cell,
        metrics=manifest.metrics,
        card=_card(bundle),
    )


def _card(bundle: Bundle) -> str:
    try:
        return (bundle.folder / "card.md").read_text("utf-8", "replace")[:CARD]
    except OSError:
        return ""  # a card is for people; a bundle serves without


CARD = 200_000  # characters
