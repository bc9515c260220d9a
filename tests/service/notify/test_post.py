"""One request to a real receiver: what its answer means, how long it is waited for, what it is sent."""

import socket
import threading

import pytest

from service.errors import ConfigurationError
from service.notify.post import AFTER_MAX_S, Address, Letter, retry_after
from service.notify.settings import Reached
from tests.kafka.broker import free_ports
from tests.service.notify.receiver import Receiver, Reply

LETTER = Letter(b'{"alerts": [], "counted": null}', {"Idempotency-Key": "a-1"})


def post(url, timeout_s=5.0, **reached):
    address = Address(url, Reached(**reached), timeout_s, "notify.webhooks ops")
    try:
        return address.post(LETTER)
    finally:
        address.close()


@pytest.mark.parametrize(
    ("status", "result"),
    [(200, "taken"), (202, "taken"), (204, "taken"), (400, "never"), (413, "never"), (422, "never"), (401, "refused"),
     (403, "refused"), (404, "refused"), (408, "refused"), (429, "refused"), (500, "refused"), (503, "refused")],
)  # fmt: skip
def test_what_a_status_means(status, result):
    with Receiver(reply=lambda number: Reply(status, body=b"the\nreason" if status != 204 else b"")) as receiver:
        answer = post(receiver.url)
    assert answer.result == result
    assert f"answers {status}" in answer.said
    assert ("the reason" in answer.said) == (status >= 300)
    assert "/hook" not in answer.said, "the path of an address may be a secret"


def test_a_redirect_is_told_and_not_followed():
    with Receiver() as other, Receiver(reply=lambda number: Reply(307, {"Location": other.url})) as receiver:
        answer = post(receiver.url)
        assert answer.result == "refused"
        assert "correct the address" in answer.said
        assert other.got == []


def test_the_receivers_own_wish_is_heard():
    with Receiver(reply=lambda number: Reply(429, {"Retry-After": "7"})) as receiver:
        assert post(receiver.url).after_s == 7


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [(None, 0), ("", 0), ("soon", 0), ("-3", 0), ("12", 12), ("1e9", 0), ("999999999", AFTER_MAX_S),
     ("Sat, 21 Nov 2026 08:00:30 GMT", 30), ("Sat, 21 Nov 2026 07:00:00 GMT", 0)],
)  # fmt: skip
def test_a_wish_is_a_number_or_a_date_and_has_a_limit(text, wait_s):
    assert retry_after(text, 1795248000.0) == wait_s


def test_nobody_there_is_not_now():
    answer = post(f"http://127.0.0.1:{free_ports(1)[0]}/")
    assert answer.result == "refused"
    assert "refused" in answer.said


def test_a_name_that_nobody_knows_is_not_now():
    answer = post("http://no-such-host.invalid/")
    assert answer.result == "refused"
    assert answer.said.startswith("no-such-host.invalid can't be reached: ")
    assert "object at" not in answer.said


def test_a_receiver_that_hangs_is_left_after_the_timeout():
    with Receiver(reply=lambda number: Reply(after_s=5.0)) as receiver:
        answer = post(receiver.url, timeout_s=0.2)
    assert answer.result == "refused"
    assert "no answer for 0.2 s" in answer.said


def test_who_takes_the_connection_and_says_nothing_or_nonsense_is_not_now():
    for said in (b"", b"\x15\x03\x01\0\x02"):
        with socket.create_server(("127.0.0.1", 0)) as server:
            thread = threading.Thread(target=_say, args=(server, said))
            thread.start()
            answer = post(f"http://127.0.0.1:{server.getsockname()[1]}/", timeout_s=2.0)
            thread.join()
        assert answer.result == "refused", said
        assert "object at" not in answer.said


def _say(server, said):
    connection, _ = server.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(said)


@pytest.mark.parametrize(("status", "said"), [(b"500 No", "500 No: because"), (b"200 OK", "200 OK")])
def test_an_answer_without_an_end_is_not_waited_for(status, said):
    with socket.create_server(("127.0.0.1", 0)) as server:
        ended = threading.Event()

        def drip():
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 1000000\r\n\r\nbecause")
                ended.wait(60)

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            answer = post(f"http://127.0.0.1:{server.getsockname()[1]}/", timeout_s=10.0)
            assert not ended.is_set()
        finally:
            ended.set()
            thread.join()
    assert answer.result == ("taken" if status.startswith(b"2") else "refused")
    assert answer.said.endswith(f"answers {said}")


def test_headers_and_token_go_along(tmp_path):
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    with Receiver() as receiver:
        assert post(receiver.url, headers={"X-Site": "north"}, token_file=token).result == "taken"
        (got,) = receiver.got
    assert got.headers["X-Site"] == "north"
    assert got.headers["Authorization"] == "Bearer s3cret"
    assert got.headers["Idempotency-Key"] == "a-1"
    assert got.headers["Content-Type"] == "application/json"
    assert got.headers["User-Agent"].startswith("gruard/")


def test_one_connection_serves_many_requests():
    with Receiver() as receiver:
        address = Address(receiver.url, Reached(), 5.0, "notify")
        for _ in range(5):
            assert address.post(LETTER).result == "taken"
        assert len(receiver._open) == 1
        address.close()


def test_a_receiver_that_is_back_is_reached_on_a_new_connection():
    receiver = Receiver()
    address = Address(receiver.url, Reached(), 5.0, "notify")
    assert address.post(LETTER).result == "taken"
    receiver.close()
    assert address.post(LETTER).result == "refused"
    with Receiver(port=receiver.port):
        assert address.post(LETTER).result == "taken"
    address.close()


def test_who_does_not_speak_tls_is_not_sent_anything():
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_hang_up, args=(server,))
        thread.start()
        answer = post(f"https://127.0.0.1:{server.getsockname()[1]}/", timeout_s=2.0)
        thread.join()
    assert answer.result == "refused"


def _hang_up(server):
    connection, _ = server.accept()
    with connection:
        assert b"Idempotency" not in connection.recv(65536)


@pytest.mark.parametrize(
    ("url", "headers", "said"),
    [
        ("127.0.0.1:80", {}, "begins with http:// or https://"),
        ("http:///x", {}, "names a host"),
        ("http://h:99999/", {}, "no address that can be read"),
        ("http://h/a b", {}, "no spaces"),
        ("http://me:s3cret@h/", {}, "user and password"),
        ("http://h/", {"s3cret name": "c"}, "is no name of a header"),
        ("http://h/", {"Host": "s3cret"}, "is no name of a header"),
        ("http://h/", {"X": "s3cret\r\nY: b"}, "no header can carry"),
    ],
)
def test_what_can_not_be_sent_is_said_at_once_and_without_a_secret(url, headers, said):
    with pytest.raises(ConfigurationError, match=said) as raised:
        post(url, headers=headers)
    assert str(raised.value).startswith("notify.webhooks ops")
    assert "s3cret" not in str(raised.value).replace("s3cret name", "")
    assert "\n" not in str(raised.value)


def test_files_that_are_not_there_are_named(tmp_path):
    empty = tmp_path / "empty"
    empty.write_text("\n")
    for given, said in (
        ({"token_file": tmp_path / "none"}, "ops.token_file .*none: can't be read"),
        ({"token_file": empty}, "the file is empty"),
        ({"ca_file": tmp_path / "none"}, "ops.ca_file .*none: no such file"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            post("http://127.0.0.1:1/", **given)
