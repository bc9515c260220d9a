"""A notification as a webhook gets it: one JSON object, its id and its signature in headers.

The id is a function of what is told, so a notification that arrives twice has one id: that of the event where it tells
one, else a hash of all of them.
"""

import hashlib
import hmac
import re
from typing import Any

import msgspec

from service.errors import ConfigurationError
from service.notify.groups import Notification
from service.notify.post import Address, Letter, secret
from service.notify.settings import NotifySettings, WebhookSettings
from service.notify.tally import Line
from service.notify.wording import digest_text, group_text, link, went

SCHEMA = "gruard.notification.v1"
PLAIN = re.compile(r"[!-~]{1,200}")  # what a header carries; whoever may write to the topic may write anything


class Webhook:
    def __init__(self, own: WebhookSettings, settings: NotifySettings) -> None:
        """Raises ConfigurationError: a file that is not there, an address that is none."""
        field = f"notify.webhooks {own.name}"
        self.name = own.name
        self.wanted = own
        self._settings = settings
        self._address = Address(_url(own, field), own, settings.timeout_s, field)
        self._secret = secret(f"{field}: secret_file", own.secret_file) if own.secret_file else None
        self.post = self._address.post
        self.close = self._address.close

    def letter(self, notification: Notification, now: float) -> Letter:
        id = identity(notification)
        return self._sealed({"schema": SCHEMA, "id": id, "target": self.name, **self._body(notification)}, id, now)

    def test(self, now: float) -> Letter:
        text = "Test of gruard notify: nothing has happened."
        body = {"schema": SCHEMA, "id": "test", "target": self.name, "test": True, "text": text}
        return self._sealed(body | {"group": None, "alerts": [], "counted": None}, "test", now)

    def _body(self, notification: Notification) -> dict[str, Any]:
        told, group = notification.told, notification.group
        lines = told.worst_first()
        text = digest_text(told) if group is None else group_text(group, told, lines)
        return {
            "test": False,
            "text": text,
            "group": None if group is None else {"site": group.site, "class": group.device_class},
            "alerts": [self._line(line) for line in lines],
            "counted": told.counted.told() if told.counted.events else None,
            "runbook": self._settings.runbook_url,
        }

    def _line(self, line: Line) -> dict[str, Any]:
        return {
            "id": line.last.event.id,
            "ids": [event.id for event in line.events],
            "events": [event.event for event in line.events],
            "text": went(line),
            "link": link(self._settings.console_url, line.last.event.device_id),
            "alert": msgspec.Raw(line.last.value),
        }

    def _sealed(self, body: dict[str, Any], id: str, now: float) -> Letter:
        encoded = msgspec.json.encode(body)
        headers = {"Idempotency-Key": id}
        if self._secret is not None:
            time = str(int(now))
            headers |= {"Gruard-Timestamp": time, "Gruard-Signature": signature(self._secret, time, encoded)}
        return Letter(encoded, headers)


def identity(notification: Notification) -> str:
    told = notification.told
    lines = list(told.lines.values())
    if len(lines) == 1 and not told.counted.events and PLAIN.fullmatch(lines[0].last.event.id):
        return lines[0].last.event.id
    ids = sorted(event.id for line in lines for event in line.events)
    text = "\n".join([*ids, str(told.counted.events)])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def signature(key: bytes, time: str, body: bytes) -> str:
    """Over time and body, so that what is replayed later can be told by its age."""
    return "sha256=" + hmac.new(key, time.encode() + b"." + body, hashlib.sha256).hexdigest()


def _url(own: WebhookSettings, field: str) -> str:
    if (own.url is None) == (own.url_file is None):
        raise ConfigurationError(f"{field}: needs either url or url_file")
    if own.url_file is None:
        return own.url or ""
    return secret(f"{field}: url_file", own.url_file).decode("ascii", "replace")
