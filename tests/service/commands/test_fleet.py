"""`gruard fleet` on a stream that already holds a fleet's readings."""

import json

from service.decoding import parse_time
from service.streams.embedded import EmbeddedLog
from tests.service.cli import gruard


def times(path):
    log = EmbeddedLog(path)
    rows = [row for p, end in log.ends().items() for row in log.readings(p, 0, end, end).values]
    log.close()
    return [parse_time(json.loads(row)["time"]) for row in rows]


def fleet(path, *more):
    options = ("--devices", "8", "--rate", "0", "--readings", "400", "--start", "2026-01-01T00:00:00Z", *more)
    said = gruard("fleet", *options, env={"GRUARD_EMBEDDED__PATH": str(path)})
    assert said.code == 0, said.error


def test_a_resumed_fleet_goes_on_after_the_last_reading(tmp_path):
    path = tmp_path / "fleet.db"
    fleet(path, "--resume")
    first = times(path)
    assert min(first) < parse_time("2026-01-01T00:01:00Z"), "an empty stream has nothing to go on from"
    fleet(path, "--resume")
    assert min(sorted(times(path))[len(first) :]) > max(first)
