"""Logs: one event a line, JSON for machines and text for people, in UTC, with nothing said twice."""

import io
import json
import logging
from collections.abc import Iterator
from datetime import datetime

import pytest

from service.records import AlertRecord
from service.settings import LoggingSettings
from service.telemetry import logs
from service.telemetry.several import several


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def restored_logger() -> Iterator[None]:
    before = logs.LOGGER.handlers, logs.LOGGER.level, logs.LOGGER.propagate
    yield
    logs.LOGGER.handlers, logs.LOGGER.propagate = before[0], before[2]
    logs.LOGGER.setLevel(before[1])


def configured(to: io.StringIO, **settings: str) -> io.StringIO:
    logs.configure(LoggingSettings.model_validate(settings), to)
    return to


def test_a_line_is_one_json_object_in_utc_whatever_is_in_its_fields():
    to = configured(io.StringIO())
    logs.event("restored", partition=0, text='a "quoted"\nline with ünïcode', odd=object)
    (line,) = to.getvalue().splitlines()
    told = json.loads(line)
    assert (told["event"], told["level"], told["partition"]) == ("restored", "info", 0)
    assert told["text"] == 'a "quoted"\nline with ünïcode'
    assert told["time"].endswith("Z")
    assert datetime.fromisoformat(told["time"]).utcoffset() is not None


def test_a_person_at_a_terminal_gets_text():
    to = configured(Terminal())
    logs.event("stream_unavailable", logging.WARNING, reason="file is locked", retry_s=0.123456)
    assert 'warning stream unavailable reason="file is locked" retry_s=0.123' in to.getvalue()


def test_the_format_can_be_chosen():
    to = configured(Terminal(), format="json")
    logs.event("started")
    assert json.loads(to.getvalue())["event"] == "started"


def test_what_is_below_the_level_is_not_written():
    to = configured(io.StringIO(), level="warning")
    logs.event("started")
    logs.event("records_lost", logging.ERROR)
    assert to.getvalue().count("\n") == 1


def test_configuring_twice_writes_each_line_once():
    configured(io.StringIO())
    to = configured(io.StringIO())
    logs.event("started")
    assert to.getvalue().count("\n") == 1


def test_the_first_dead_letter_of_a_reason_is_told_and_the_rest_are_counted_elsewhere():
    to = configured(io.StringIO())
    journalist = logs.Journalist()
    for _ in range(3):
        journalist.dead_letters({"schema": 2, "time": 1})
    assert [json.loads(line)["reason"] for line in to.getvalue().splitlines()] == ["schema", "time"]


def test_alerts_are_told_but_for_their_updates():
    to = configured(io.StringIO())
    value = json.dumps({"summary": "pump-1: flow is low", "other": 1}).encode()
    events = ("opened", "updated", "escalated", "resolved")
    alerts = [AlertRecord("pump-1", "id", event, i, "process", "warning", 0, value) for i, event in enumerate(events)]
    logs.Journalist().alerts(0, alerts)
    told = [json.loads(line) for line in to.getvalue().splitlines()]
    assert [each["event"] for each in told] == ["alert_opened", "alert_escalated", "alert_resolved"]
    assert told[0]["summary"] == "pump-1: flow is low"


def test_a_restore_that_is_not_exact_is_a_warning():
    to = configured(io.StringIO())
    journalist = logs.Journalist()
    journalist.restored(0, "exact", 5, 0.1)
    journalist.restored(1, "inexact", 5, 0.1)
    assert [json.loads(line)["level"] for line in to.getvalue().splitlines()] == ["info", "warning"]


def test_several_observers_hear_everything_in_their_order():
    heard: list[tuple[str, str]] = []

    class Ear(logs.Journalist):
        def __init__(self, name: str) -> None:
            self._name = name

        def ticked(self, partition: int) -> None:
            heard.append((self._name, f"ticked {partition}"))

        def turned(self) -> None:
            heard.append((self._name, "turned"))

    both = several(Ear("first"), Ear("second"))
    both.ticked(3)
    both.turned()
    assert heard == [("first", "ticked 3"), ("second", "ticked 3"), ("first", "turned"), ("second", "turned")]
