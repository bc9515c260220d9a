"""The port within its bounds: a client may be large, slow, silent or many, and the next one is still answered."""

import http.client
import json
import socket
import threading
import time

import pytest

from service.api.server import Bounds, Listener
from service.errors import UnavailableError
from service.settings import HttpSettings
from service.telemetry import logs

TIGHT = Bounds(threads=2, connections=12, head_bytes=2000, body_bytes=1000, request_s=1)


def answer(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"well"]


@pytest.fixture
def listener():
    with Listener(HttpSettings(port=0), answer, TIGHT) as made:
        yield made


def ask(port, path="/", method="GET", body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        said = connection.getresponse()
        return said.status, said.read()
    finally:
        connection.close()


def opened(port):
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def ends(connection):
    """The other side has closed; how long it took at most is the socket's own limit."""
    try:
        while connection.recv(4096):
            pass
    except ConnectionResetError:
        pass
    return True


def test_it_answers_and_says_who_it_is(listener):
    assert ask(listener.port) == (200, b"well")
    with opened(listener.port) as raw:
        raw.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert b"Server: gruard\r\n" in raw.recv(4096)


def test_a_large_head_or_body_is_refused_before_it_is_read(listener):
    assert ask(listener.port, "/" + "x" * 3000)[0] == 431
    assert ask(listener.port, headers={"X": "x" * 3000})[0] == 431
    assert ask(listener.port, method="POST", body=b"x" * 1001)[0] == 413
    with opened(listener.port) as raw:  # a body that is only announced
        raw.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
        assert raw.recv(4096).startswith(b"HTTP/1.1 413")
    assert ask(listener.port) == (200, b"well")


@pytest.mark.parametrize("junk", [b"\x00\xff\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\nA\r\n\r\n", b"\r\n" * 50])
def test_what_is_no_request_ends_with_its_connection(listener, junk):
    with opened(listener.port) as raw:
        raw.sendall(junk)
        assert ends(raw)
    assert ask(listener.port) == (200, b"well")


def test_who_says_nothing_or_says_it_byte_by_byte_is_let_go(listener):
    with opened(listener.port) as silent, opened(listener.port) as slow:
        stop = threading.Event()

        def trickle():
            for letter in b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 1000:
                if stop.wait(0.1):
                    return
                try:
                    slow.sendall(bytes([letter]))
                except OSError:
                    return

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            assert ask(listener.port) == (200, b"well")
            assert ends(silent)
            assert ends(slow)
        finally:
            stop.set()
            thread.join()


def test_more_connections_than_there_may_be_wait_and_are_answered_when_there_is_room(listener):
    idle = [opened(listener.port) for _ in range(30)]
    try:
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(ask(listener.port))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [(200, b"well")] * 8
    finally:
        for each in idle:
            each.close()


def test_a_client_that_does_not_take_its_answer_holds_up_nobody():
    def large(environ, start_response):
        start_response("200 OK", [])
        return [b"x" * 5_000_000]

    with Listener(HttpSettings(port=0), large, TIGHT) as made:
        deaf = [opened(made.port) for _ in range(4)]
        for each in deaf:
            each.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
        assert len(ask(made.port)[1]) == 5_000_000
        for each in deaf:
            each.close()


def test_a_port_that_is_taken_is_told_with_the_way_out(listener):
    taken = HttpSettings(port=listener.port)
    with pytest.raises(UnavailableError, match=rf"http\.port {taken.port} is taken") as caught:
        Listener(taken, answer)
    assert "0 = any free one" in str(caught.value)
    with pytest.raises(UnavailableError, match=r"^notify\.port "):
        Listener(taken, answer, section="notify")


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_an_address_that_is_not_ours_is_told(host):
    with pytest.raises(UnavailableError, match=host.replace(".", r"\.")):
        Listener(HttpSettings(host=host, port=0), answer)


def test_an_address_of_the_newer_protocol_works_as_well():
    try:
        made = Listener(HttpSettings(host="::1", port=0), answer)
    except UnavailableError:
        pytest.skip("this machine has no IPv6: enable it for the loopback interface")
    with made, socket.create_connection(("::1", made.port), timeout=20) as raw:
        raw.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert raw.recv(4096).startswith(b"HTTP/1.0 200")


def test_a_closed_port_is_free_again_and_its_threads_are_gone():
    before = threading.active_count()
    first = Listener(HttpSettings(port=0), answer)
    with opened(first.port):  # an open connection keeps nothing alive
        first.close()
    Listener(HttpSettings(port=first.port), answer).close()
    deadline = time.monotonic() + 20
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert threading.active_count() <= before


def test_what_fails_is_told_in_the_log_of_the_service(caplog, capfd):
    def failing(environ, start_response):
        raise ValueError("a bug")

    logs.LOGGER.propagate = True
    with caplog.at_level("ERROR", "gruard"), Listener(HttpSettings(port=0), failing) as made:
        assert ask(made.port)[0] == 500
    assert {record.getMessage() for record in caplog.records} == {"http_server"}
    assert capfd.readouterr().err == ""
    assert json.dumps([record.fields for record in caplog.records])
