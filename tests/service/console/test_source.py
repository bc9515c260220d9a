"""One service's API over a real socket: what is right, what is wrong since when, and that it comes back by itself."""

import json
import socket
import threading
import time

import pytest

from service.console import source as module
from service.console.shapes import Alerts, Devices, Status
from service.console.source import Source
from service.errors import UsageError
from tests.service.console import world
from tests.service.console.speaker import Speaker

STATUS = "/api/v1/status"


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits a second between two questions here."""
    monkeypatch.setattr(module, "REST_S", 0.0)


@pytest.fixture
def speaker():
    with Speaker(world.fleet("pump-17")) as speaker:
        yield speaker


def now(source: Source):
    return source.get(Status, STATUS, fresh_s=0)


def test_it_tells_what_the_service_tells(speaker):
    source = Source(speaker.url + "/")
    assert now(source).told.devices == 3
    assert source.get(Devices, "/api/v1/devices").told.devices[0].class_ == "pump"
    assert source.get(Alerts, "/api/v1/alerts", {"state": "open"}).told.alerts[0].alert_id == "id-pump-17"
    assert source.get(Status, "/nowhere").missing


def test_many_pages_ask_a_service_once(speaker):
    source = Source(speaker.url)
    for _ in range(50):
        source.get(Status, STATUS, fresh_s=60)
    assert speaker.asked == [STATUS]


def test_a_service_that_is_away_keeps_its_last_answer_with_what_is_wrong_and_since_when():
    clock = iter(range(100, 200))
    with Speaker(world.fleet()) as speaker:
        source = Source(speaker.url, clock=lambda: next(clock))
        assert now(source).trouble is None
        port = speaker.port
    first, second = now(source), now(source)
    assert first.told.devices == 3
    assert speaker.url in first.trouble.what
    assert "gruard run" in first.trouble.check
    assert second.trouble.since == first.trouble.since == 101
    with Speaker(world.fleet(), port=port):
        assert now(source).trouble is None


def test_while_one_thread_waits_for_a_slow_service_others_have_the_answer_before_it():
    release = threading.Event()
    asked = threading.Event()

    def slow(query):
        asked.set()
        release.wait(20)
        return world.status(devices=9)

    with Speaker(world.fleet()) as speaker:
        source = Source(speaker.url)
        assert now(source).told.devices == 3
        speaker.says[STATUS] = slow
        waiting = threading.Thread(target=now, args=(source,))
        waiting.start()
        assert asked.wait(10)
        assert now(source).told.devices == 3
        release.set()
        waiting.join()
        assert source.get(Status, STATUS, fresh_s=60).told.devices == 9


def test_a_service_that_never_answers_is_told_apart_from_one_that_is_not_there(monkeypatch):
    monkeypatch.setattr(module, "READ_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        trouble = now(Source(f"http://127.0.0.1:{mute.getsockname()[1]}")).trouble
    assert "does not answer in time" in trouble.what


def test_the_token_goes_along_and_its_absence_is_named():
    with Speaker(world.fleet(), token="s3cret") as speaker:
        assert now(Source(speaker.url, "s3cret")).told.devices == 3
        trouble = now(Source(speaker.url)).trouble
    assert "token" in trouble.what
    assert "--token-file" in trouble.check


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ((403, {"title": "no", "status": 403, "detail": "set http.token_file"}), "set http.token_file"),
        ((500, b"<html>"), "status 500"),
        ((302, b""), "status 302"),
        ((200, b"<html>hello"), "does not understand"),
        ((200, {"version": 7}), "does not understand"),
        ((200, b"\xff\xfe"), "does not understand"),
    ],
)
def test_any_other_answer_is_a_trouble_in_words(said, word):
    with Speaker({STATUS: said}) as speaker:
        assert word in now(Source(speaker.url)).trouble.what


def test_a_service_that_has_yet_to_make_its_list_is_early_and_not_in_trouble():
    with Speaker({STATUS: world.early()}) as speaker:
        answer = now(Source(speaker.url))
    assert (answer.early, answer.told, answer.trouble) == (True, None, None)


def test_a_503_of_what_stands_before_a_service_is_a_trouble():
    with Speaker({STATUS: (503, b"<html>no server is available</html>")}) as speaker:
        answer = now(Source(speaker.url))
    assert not answer.early
    assert "status 503" in answer.trouble.what


def test_a_kept_connection_that_was_closed_at_the_other_end_is_no_trouble():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for _ in range(2):  # one answer for each connection, which then closes although it was to be kept
                with server.accept()[0] as connection:
                    connection.recv(65536)
                    body = json.dumps(world.status()).encode()
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                    connection.recv(65536)

        threading.Thread(target=serve, daemon=True).start()
        source = Source(f"http://127.0.0.1:{server.getsockname()[1]}")
        assert now(source).trouble is None
        assert now(source).trouble is None


def test_an_answer_without_an_end_is_not_read_to_it(monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", 1000)
    with Speaker({STATUS: (200, b" " * 5000)}) as speaker:
        assert "more than" in now(Source(speaker.url)).trouble.what


def test_what_was_asked_long_ago_is_forgotten(speaker, monkeypatch):
    monkeypatch.setattr(module, "QUESTIONS", 5)
    source = Source(speaker.url)
    for number in range(20):
        source.get(Status, f"/api/v1/devices/{number}")
    assert len(source._questions) == 5


@pytest.mark.parametrize(
    "url", ["", "8080", "ftp://host", "http://", "http://host:99999", "http://h?x=1", "javascript:1"]
)
def test_an_address_that_is_none_is_an_error_of_use(url):
    with pytest.raises(UsageError, match="write it like"):
        Source(url)


def test_after_a_refused_connection_it_rests_before_the_next(monkeypatch):
    monkeypatch.setattr(module, "REST_S", 60.0)
    with Speaker(world.fleet()) as speaker:
        port = speaker.port
    source = Source(f"http://127.0.0.1:{port}")
    assert now(source).trouble
    with Speaker(world.fleet(), port=port) as back:
        assert now(source).trouble
        assert back.asked == []
        source._resting = (time.monotonic(), source._resting[1])
        assert now(source).trouble is None
