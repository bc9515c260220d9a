"""The list of devices is what the worker said last; until it has said one, there is none, not an empty one."""

import threading

import pytest

from service.api import answers
from service.api.alertbook import AlertBook
from service.api.news import News, UnlistedError
from service.api.recorder import Recorder
from tests.service.api.test_doors import Nobody, client
from tests.service.api.test_fleet import roster


class Few(Nobody):
    """A detector with two devices."""

    def rosters(self):
        return [roster(0, [("a", 0, 5), ("b", 1, 5)])]


def news(detector):
    return News(detector, AlertBook(1), Recorder(1, 1))


def test_before_the_first_list_there_is_none_and_the_next_round_brings_one():
    own = news(Few())
    with pytest.raises(UnlistedError):
        own.fleet()
    own.turned()
    assert len(own.fleet()) == 2


def test_a_first_question_waits_for_the_round_to_end():
    own, found = news(Few()), []
    own.turned()  # nobody has asked yet, so nothing is copied
    asking = threading.Thread(target=lambda: found.append(len(own.fleet())))
    asking.start()
    while asking.is_alive():
        own.turned()
    assert found == [2]


def test_a_round_that_does_not_end_is_waited_for_with_a_bound(monkeypatch):
    monkeypatch.setattr("service.api.news.FIRST_S", 0.01)
    own = news(Few())
    own.turned()
    with pytest.raises(UnlistedError):
        own.fleet()


def test_a_worker_without_devices_has_an_empty_list():
    own = news(Nobody())
    with pytest.raises(UnlistedError):
        own.fleet()
    own.turned()
    assert len(own.fleet()) == 0


@pytest.mark.parametrize("path", ["/api/v1/devices", "/api/v1/devices/a"])
def test_who_asks_before_the_first_list_is_told_when_to_ask_again(path):
    said = client().simulate_get(path, headers={"Host": "localhost"})
    assert (said.status_code, said.headers["Retry-After"]) == (503, "1")
    assert said.headers["Content-Type"] == "application/problem+json"
    problem = answers.Problem.model_validate(said.json)
    assert (problem.title, problem.status) == ("Service Unavailable", 503)
    assert "being made" in problem.detail
