"""What a webhook gets: the alert as it was published, an id that names what is told, a signature to check."""

import hashlib
import hmac
import json
import re
import time

import pytest

from service.errors import ConfigurationError
from service.notify.groups import Groups, Pace
from service.notify.settings import NotifySettings, WebhookSettings
from service.notify.webhook import Webhook, identity
from tests.service.cli import ROOT
from tests.service.notify.events import news, value


def settings(**changes):
    return NotifySettings(**changes)


def webhook(own=None, **changes):
    return Webhook(WebhookSettings(**{"name": "ops", "url": "http://127.0.0.1:1/"} | (own or {})), settings(**changes))


def notified(*events, **pace):
    groups = Groups(Pace(wait_s=0, **pace))
    for each in events:
        groups.take(each, 0.0)
    return groups.due(0.0)


def test_an_alert_is_in_it_byte_for_byte_as_it_was_published():
    published = value("a")
    letter = webhook().letter(notified(news(0, "a")), 0.0)
    assert published in letter.body
    (alert,) = json.loads(letter.body)["alerts"]
    assert alert["alert"] == json.loads(published)
    assert (alert["id"], alert["events"]) == ("a-1", ["opened"])


def test_the_id_is_that_of_the_event_where_it_tells_of_one_alert():
    assert webhook().letter(notified(news(0, "a")), 0.0).headers["Idempotency-Key"] == "a-1"
    both = notified(news(0, "a"), news(1, "a", 2, event="resolved"))
    assert webhook().letter(both, 0.0).headers["Idempotency-Key"] == "a-2"


def test_ids_of_several_are_one_for_the_same_and_another_for_others():
    told = [notified(*[news(n, alert) for n, alert in enumerate(names)]) for names in ("ab", "ba", "abc", "ac")]
    ids = list(map(identity, told))
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


def test_an_id_that_no_header_can_carry_is_hashed():
    for strange in ("é", "a\r\nX: b", "", "a" * 300):
        letter = webhook().letter(notified(news(0, strange)), 0.0)
        assert re.fullmatch("[0-9a-f]{32}|-1", letter.headers["Idempotency-Key"])
        assert json.loads(letter.body)["alerts"][0]["id"] == f"{strange}-1"


def test_the_signature_is_of_time_and_body(tmp_path):
    file = tmp_path / "secret"
    file.write_bytes(b"s3cret\n")
    letter = webhook({"secret_file": file}).letter(notified(news(0, "a")), 1795248000.7)
    signed = letter.headers["Gruard-Timestamp"].encode() + b"." + letter.body
    assert letter.headers["Gruard-Timestamp"] == "1795248000"
    assert letter.headers["Gruard-Signature"] == "sha256=" + hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest()


def test_the_text_says_what_a_person_wants_to_know_first():
    one = json.loads(webhook().letter(notified(news(0, "a")), 0.0).body)
    assert one["text"] == "pump-17: flow is 12 l/min above what was expected (warning, opened)"
    gone = json.loads(webhook().letter(notified(news(0, "a"), news(1, "a", 2, event="resolved")), 0.0).body)
    assert "came and went" in gone["text"]
    worst = news(1, "b", severity="critical", device="pump-9")
    two = json.loads(webhook().letter(notified(news(0, "a"), worst), 0.0).body)
    assert two["text"].startswith("2 alert events at north, class pump. Worst: pump-9: ")
    assert two["group"] == {"site": "north", "class": "pump"}


def test_a_digest_names_how_many_where_and_the_worst():
    groups = Groups(Pace(wait_s=0, in_all=1, alerts=2))
    for number in range(30):
        severity = "critical" if number == 9 else "info"
        groups.take(news(number, f"{number}", site=f"site-{number:02d}", severity=severity), 0.0)
    groups.finished(groups.due(0.0), 0.0)
    body = json.loads(webhook().letter(groups.due(0.0), 0.0).body)
    assert body["group"] is None
    assert body["alerts"][0]["alert"]["severity"] == "critical"
    assert len(body["alerts"]) == 2
    assert body["counted"]["events"] == 27
    assert body["counted"]["by_class"] == {"pump": 27}
    assert sum(body["counted"]["by_site"].values()) == 27
    assert body["counted"]["by_site"]["others"] == 7
    assert "29 alert events" in body["text"]
    assert "and 24 more" in body["text"]


def test_links_lead_to_the_device_whatever_it_is_called():
    made = webhook(console_url="https://console.example/", runbook_url="https://wiki.example/pumps")
    body = json.loads(made.letter(notified(news(0, "a", device="a b/c?d")), 0.0).body)
    assert body["alerts"][0]["link"] == "https://console.example/device/a%20b%2Fc%3Fd"
    assert body["runbook"] == "https://wiki.example/pumps"


def test_a_test_is_marked_as_one():
    body = json.loads(webhook().test(0.0).body)
    assert body["test"] is True
    assert body["alerts"] == []


def test_it_has_one_address():
    for own in ({"url": None}, {"url_file": "x"}):
        with pytest.raises(ConfigurationError, match="webhooks ops: needs either url or url_file"):
            webhook(own)


def test_an_address_may_be_a_secret_in_a_file(tmp_path):
    file = tmp_path / "url"
    for text, said in (("ftp://x/\n", "begins with http"), ("", "empty"), ("http://a:b@x/", "user and password")):
        file.write_text(text)
        with pytest.raises(ConfigurationError, match=said) as raised:
            Webhook(WebhookSettings(name="ops", url_file=file), settings())
        assert "ftp" not in str(raised.value)
    file.write_text("https://hooks.example/T0/B0\n")
    Webhook(WebhookSettings(name="ops", url_file=file), settings()).close()


PAGE = (ROOT / "docs" / "notify.md").read_text("utf-8")


def block(language):
    return re.search(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S)[1]


def test_the_body_that_the_page_shows_is_one_that_is_sent():
    id = "5cbf3e1b9f2a4d0c8e7766554433221f"
    groups = Groups(Pace(wait_s=0))
    groups.take(news(0, id), 0.0)
    groups.take(news(1, id, 2, event="resolved"), 0.0)
    made = webhook({"name": "on-call"}, console_url="https://console.example")
    sent, shown = json.loads(made.letter(groups.due(0.0), 0.0).body), json.loads(block("json"))
    part = shown["alerts"][0].pop("alert")
    assert part.items() <= sent["alerts"][0].pop("alert").items()
    assert sent == shown


def test_the_check_that_the_page_shows_tells_ours_from_others(tmp_path):
    file = tmp_path / "secret"
    file.write_bytes(b"s3cret")
    letter = webhook({"secret_file": file}).letter(notified(news(0, "a")), time.time())
    names: dict = {}
    exec(block("python"), names)
    is_ours = names["is_ours"]
    assert is_ours(b"s3cret", letter.headers, letter.body)
    assert not is_ours(b"other", letter.headers, letter.body)
    assert not is_ours(b"s3cret", letter.headers, letter.body + b" ")
    assert not is_ours(b"s3cret", {**letter.headers, "Gruard-Timestamp": "1"}, letter.body)
