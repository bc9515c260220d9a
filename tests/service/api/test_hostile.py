"""Device ids that try to be something else: each is one device, told as it is, and nothing but JSON."""

import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from service.host import Guest
from service.streams.embedded import Message
from tests.service.api.site import Site, fed, served, settings

START_MS = 1_763_712_000_000  # 2025-11-21T08:00:00Z
IDS = [
    "plain", "a/b", "a/b/", "/", "//", "a//b", "..", "../../etc/passwd", ".", "a%2Fb", "%", "%00", "a?b=c", "a#b",
    "<script>alert(1)</script>", "'; DROP TABLE readings; --", '"quoted"', "back\\slash", "été 😀 日本", "a&b=c",
    "{id}", " space ", "+", "0~x", "~", "x" * 256, "é" * 128, "a;b", "$(reboot)", "metrics",
]  # fmt: skip


def messages():
    for second in range(3):
        for device in IDS:
            time_ms = START_MS + second * 5000
            said = {"device": device, "time": time_ms, "values": {"<b>": 1.0 + second}, "labels": {"<i>": "</script>"}}
            yield Message(device.encode(), json.dumps(said, ensure_ascii=False).encode(), time_ms)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> Iterator[Site]:
    own, sent = settings(tmp_path_factory.mktemp("hostile")), list(messages())
    fed(own, sent)

    def scoreboard():
        raise ZeroDivisionError("the demo's bug")

    clock = START_MS + 10_000
    with served(own, Guest(clock=lambda: clock, scoreboard=scoreboard)) as up:
        up.until(len(sent))
        yield up


def test_all_of_them_are_listed_whatever_the_size_of_a_page(hostile):
    for limit in (1, 4, 100):
        found, after = [], ""
        while after is not None:
            page = hostile.get("devices", limit=limit, after=after)
            found += [line["id"] for line in page["devices"]]
            after = page["next"]
        assert found == sorted(IDS)


@pytest.mark.parametrize("device", IDS)
def test_each_has_a_page_of_its_own(hostile, device):
    said = hostile.raw(f"/api/v1/devices/{quote(device, safe='')}")
    assert said.status == 200, said
    assert said.headers["Content-Type"] == "application/json"
    assert said.headers["X-Content-Type-Options"] == "nosniff"
    told = said.json
    assert (told["id"], told["labels"]) == (device, {"<i>": "</script>"})
    assert told["recent"]["sensors"]["<b>"]["observed"] == [1.0, 2.0, 3.0]
    assert hostile.get("alerts", device=device, state="all")["alerts"] == told["alerts"]
    assert device in [line["id"] for line in hostile.get("devices", q=device)["devices"]]


@pytest.mark.parametrize("device", ["no such", "a/c", "%2F%2F%2F", "x" * 5000, "\x00", "<script>x</script>"])
def test_one_that_is_not_there_is_told_so_as_text_in_json(hostile, device):
    said = hostile.raw(f"/api/v1/devices/{quote(device, safe='')}")
    assert (said.status, said.headers["Content-Type"]) == (404, "application/problem+json")
    assert len(said.body) < 1000


@pytest.mark.parametrize("path", ["%FF%FE", "%C3%28", "%ED%A0%80", "a%0d%0aX-Injected:%20yes"])
def test_bytes_that_are_no_text_are_no_device(hostile, path):
    said = hostile.raw(f"/api/v1/devices/{path}")
    assert said.status in (400, 404)
    assert "X-Injected" not in said.headers


def test_a_bug_is_told_in_the_log_and_not_outside(hostile, caplog):
    with caplog.at_level("ERROR", "gruard"):
        said = hostile.raw("/api/v1/demo")
    assert (said.status, said.json["title"]) == (500, "Internal Server Error")
    assert b"ZeroDivision" not in said.body
