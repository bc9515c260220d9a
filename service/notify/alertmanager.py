"""What an Alertmanager is told, by its API v2: labels are who an alert is, so nothing in them changes while it is open.

Event time is that of the devices, Alertmanager's is the clock's: an alert that begins in its future would be refused,
so no time sent is later than now, but for the end that an open one is given until it is told again.
"""

from datetime import UTC, datetime
from typing import Any

import msgspec

from service.errors import ConfigurationError
from service.notify.news import Event
from service.notify.post import Address, Letter
from service.notify.settings import NotifySettings
from service.notify.standing import Telling
from service.notify.tally import Tally
from service.notify.wording import link

PATH = "/api/v2/alerts"
NAMES = {"process": "GruardAnomaly", "data_quality": "GruardDataQuality"}
STORM = "GruardMoreOpenAlerts"
TEST = "GruardTest"
TEST_S = 60.0


class Alertmanager:
    def __init__(self, url: str, settings: NotifySettings) -> None:
        """Raises ConfigurationError: a file that is not there, an address that is none."""
        own = settings.alertmanager
        if own.expire_s < 2 * own.resend_s:
            raise ConfigurationError(
                f"notify.alertmanager.expire_s {own.expire_s:g}: has to be at least twice resend_s ({own.resend_s:g}), "
                "or open alerts would end between two sends"
            )
        self.wanted = own
        self._settings = settings
        self._address = Address(url.rstrip("/") + PATH, own, settings.timeout_s, "notify.alertmanager")
        self.name = f"alertmanager/{self._address.host}"
        self.post = self._address.post
        self.close = self._address.close

    def letter(self, telling: Telling, now: float) -> Letter:
        until = _time(now + self._settings.alertmanager.expire_s)
        alerts = [self._alert(event, now, until) for event in telling.firing]
        alerts += [self._alert(event, now, _ended(event, now)) for event in telling.ended]
        alerts += [self._alert(event, now, _time(now), less) for event, less in telling.outgrown]
        if telling.more is not None:
            alerts.append(_storm(telling.more, _time(now), until if telling.more.events else _time(now)))
        return Letter(msgspec.json.encode(alerts), {})

    def test(self, now: float) -> Letter:
        labels = {"alertname": TEST, "severity": "info"}
        annotations = {"summary": "Test of gruard notify: nothing has happened."}
        times = {"startsAt": _time(now), "endsAt": _time(now + TEST_S)}
        return Letter(msgspec.json.encode([{"labels": labels, "annotations": annotations, **times}]), {})

    def _alert(self, event: Event, now: float, ends: str, severity: str | None = None) -> dict[str, Any]:
        settings = self._settings
        labels = {
            "alertname": NAMES.get(event.kind, event.kind),
            "device_id": event.device_id,
            "class": event.device_class,
            "site": event.labels.get(settings.site_label, ""),
            "severity": severity or event.severity,
            "kind": event.kind,
            "type": event.type,
            "alert_id": event.alert_id,
        }
        annotations = {
            "summary": event.summary,
            "runbook_url": settings.runbook_url or "",
            "onset_time": event.onset_time.isoformat(timespec="milliseconds"),
            "score_max": f"{event.score_max:.3g}",
        }
        page = link(settings.console_url, event.device_id)
        return {
            "labels": {name: value for name, value in labels.items() if value},
            "annotations": {name: value for name, value in annotations.items() if value},
            "startsAt": _time(min(event.onset_time.timestamp(), now)),
            "endsAt": ends,
        } | ({"generatorURL": page} if page else {})


def _storm(more: Tally, now: str, ends: str) -> dict[str, Any]:
    told = more.told()
    parts = ((name, told[f"by_{name}"].items()) for name in ("severity", "class", "site"))
    where = "; ".join(f"{name}: " + ", ".join(f"{each or 'none'} {n:,}" for each, n in part) for name, part in parts)
    summary = f"{more.events:,} more open alerts than are told one by one ({where})"
    return {
        "labels": {"alertname": STORM, "severity": "critical"},
        "annotations": {"summary": summary},
        "startsAt": now,
        "endsAt": ends,
    }


def _ended(event: Event, now: float) -> str:
    """Not before it began: an end without a beginning is refused."""
    began, ended = event.onset_time, event.resolved_time or event.reading_time
    return _time(min(max(began, ended).timestamp(), now))


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
