"""The feeder writes a fleet's messages when they are due and tells only of what is already in the log."""

import time
from pathlib import Path

import pytest

from service.errors import UnavailableError
from service.feeder import Feeder
from service.fleet import Fleet, message
from service.streams.embedded import EmbeddedLog


def fleet(duration_s: float = 120) -> Fleet:
    return Fleet(4, 3, duration_s=duration_s)


def in_the_log(path: Path) -> dict[bytes, list[bytes]]:
    log = EmbeddedLog(path)
    found: dict[bytes, list[bytes]] = {}
    for partition, end in log.ends().items():
        records = log.readings(partition, 0, end, 100_000)
        for key, value in zip(records.keys, records.values, strict=True):
            found.setdefault(key or b"", []).append(value)
    log.close()
    return found


def test_every_message_of_the_fleet_is_in_the_log_in_the_order_of_its_device(tmp_path):
    path = tmp_path / "a.db"
    feeder = Feeder(fleet(), EmbeddedLog(path, 3), 0)
    feeder.run()
    wanted: dict[bytes, list[bytes]] = {}
    for key, value in map(message, fleet().readings()):
        wanted.setdefault(key, []).append(value)
    assert in_the_log(path) == wanted
    assert feeder.appended == sum(map(len, wanted.values()))
    assert feeder.finished
    assert set(feeder.classes) == {key.decode() for key in wanted}


def test_a_wish_for_so_many_readings_is_met(tmp_path):
    for wish in (17, 500):  # the second is more than the plan of two minutes holds
        feeder = Feeder(fleet(), EmbeddedLog(tmp_path / f"{wish}.db", 1), 0, readings=wish)
        assert sum(feeder.feed()) == wish


def test_it_never_writes_before_the_time(tmp_path):
    speed = 100.0
    feeder = Feeder(fleet(100), EmbeddedLog(tmp_path / "a.db", 1), speed)
    began = time.monotonic()
    for _ in feeder.feed():
        played_s = (feeder.position_ms - fleet().start_ms) / 1000
        assert time.monotonic() - began >= played_s / speed - 1e-3


def test_it_leaves_at_once_when_told(tmp_path):
    feeder = Feeder(Fleet(4, 3), EmbeddedLog(tmp_path / "a.db", 1), 0.001)
    feeder.start()
    feeder.leave()
    assert not feeder.is_alive()
    assert feeder.finished


def test_what_goes_wrong_in_its_thread_is_kept_for_whoever_started_it(tmp_path):
    log = EmbeddedLog(tmp_path / "a.db", 1, busy_s=0.05)
    other = EmbeddedLog(tmp_path / "a.db", 1)
    feeder = Feeder(fleet(), log, 0)
    with other.database.transaction():
        feeder.run()
    other.close()
    assert isinstance(feeder.error, UnavailableError)
    with pytest.raises(UnavailableError, match="locked"):
        raise feeder.error
