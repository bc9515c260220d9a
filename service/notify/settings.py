"""What a user sets of `gruard notify`: whom it tells, of which alerts, and how much at a time.

A target's name is its place in the memory of what it was told: a new name is a new target. What may hold a secret, an
address or a header, is checked where it is used, by an error that does not quote it.
"""

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from service.detector.rules import Section

Kind = Literal["process", "data_quality"]
NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$"


class Wanted(Section):
    """Which alerts a target is told of."""

    min_severity: Literal["info", "warning", "critical"] = Field("info", description="of an event; less is not told")
    kinds: tuple[Kind, ...] = Field(("process", "data_quality"), description="kinds of alerts")
    classes: tuple[str, ...] = Field(("*",), description="device classes, patterns shell style")
    labels: dict[str, str] = Field({}, description="label to pattern, shell style; all of them have to match")
    updated: bool = Field(False, description="also `updated` events: the leading sensor changed, or it got worse")


class Reached(Wanted):
    """How a receiver is reached."""

    headers: dict[str, SecretStr] = Field({}, description="sent with every request; never shown")
    token_file: Path | None = Field(None, description="file with a token, sent as `Authorization: Bearer`")
    ca_file: Path | None = Field(None, description="PEM of the authority to trust; default: those of the system")


class WebhookSettings(Reached):
    name: str = Field(pattern=NAME, description="in logs and metrics; also its place in the memory of what was told")
    url: str | None = Field(None, description="http:// or https://; takes POST with JSON")
    url_file: Path | None = Field(None, description="file that holds the url, where the url itself is a secret")
    secret_file: Path | None = Field(None, description="file with the secret that signs every body (HMAC-SHA256)")


class AlertmanagerSettings(Reached):
    urls: tuple[str, ...] = Field((), description="http(s)://host:port[/prefix] of each member of a cluster")
    resend_s: float = Field(60.0, ge=1, description="open alerts are told again so often ...")
    expire_s: float = Field(300.0, ge=2, description="... and end in Alertmanager by themselves after so long without")
    max_open: int = Field(5000, ge=1, description="open alerts told one by one; one more counts the rest")


class NotifySettings(Section):
    webhooks: tuple[WebhookSettings, ...] = Field((), description="receivers of JSON by POST")
    alertmanager: AlertmanagerSettings = AlertmanagerSettings()
    site_label: str = Field("site", description="label of a reading that says where the device is")
    group_wait_s: float = Field(
        30.0, ge=0, description="how long the first news of a site and class waits for more, to be told together"
    )
    group_interval_s: float = Field(300.0, gt=0, description="span that `max_notifications` and `max_total` are for")
    max_notifications: int = Field(
        5, ge=1, description="to a webhook of one site and class in that span; what is more is told in one digest"
    )
    max_total: int = Field(50, ge=1, description="of all sites and classes together; likewise")
    max_alerts: int = Field(
        20, ge=1, le=1000, description="told in full in one notification, worst first; the rest counted"
    )
    timeout_s: float = Field(10.0, ge=0.1, le=300, description="a receiver that does not answer for so long is away")
    retry_s: float = Field(1.0, gt=0, description="first wait after a receiver refused; it doubles, with jitter ...")
    retry_max_s: float = Field(60.0, gt=0, description="... up to this; a receiver's own Retry-After counts as well")
    console_url: str | None = Field(None, description="address of the console, for links to a device's page")
    runbook_url: str | None = Field(None, description="a page for who is called, in every notification")
    host: str = Field("127.0.0.1", description="address that its metrics and health answer on; 0.0.0.0 = all")
    port: int = Field(8083, ge=0, le=65535, description="0 = any free one")

    @field_validator("console_url", "runbook_url")
    @classmethod
    def _pages(cls, url: str | None) -> str | None:
        return url if url is None else checked(url)


def checked(url: str) -> str:
    """Raises ValueError with a reason that does not repeat the address: it may be a secret."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"no address that can be read: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("an address begins with http:// or https:// and names a host")
    if parts.username or parts.password:
        raise ValueError("user and password don't belong into an address; use headers or token_file")
    if not url.isascii() or any(letter.isspace() or not letter.isprintable() for letter in url):
        raise ValueError("an address has no spaces, control or non-ASCII characters")
    return url
