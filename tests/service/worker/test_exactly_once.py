"""Whatever kills the worker, the committed alerts are byte for byte those of a run that nobody disturbed.

Shipped models, real decoder, detector, SQLite, processes and SIGKILL; the oracle is one uninterrupted run.
"""

import json
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from service.streams.embedded import EmbeddedLog
from service.worker.crashpoints import POINTS
from service.worker.settings import WorkerSettings
from tests.service import cli
from tests.service.published import assert_sound
from tests.service.real import BUDGET, MODELS, fleet_messages, real_engine, rows
from tests.service.rig import (
    PARTITIONS,
    START_MS,
    Clock,
    Committed,
    Life,
    Restless,
    events,
    filled,
    outcome,
    replayed_alerts,
    tick,
)
from tests.service.worker.test_loop import FoldsFirst

SEED = 20262
EVERY_TURN = ("polled", "stepped", "begun", "staged", "committed", "folded")
SETTINGS = WorkerSettings(max_records=300, poll_s=0.0, snapshot_records=1000, snapshot_s=1e6, retry_s=1e-3)
CHAINS, KILLS = 5, 10


def life(path: Path) -> Life:
    return Life(path, real_engine, settings=SETTINGS)


@pytest.fixture(scope="module")
def fed(tmp_path_factory) -> Path:
    return filled(tmp_path_factory.mktemp("fed") / "gruard.db", fleet_messages(SEED))


@pytest.fixture(scope="module")
def whole(fed) -> tuple[Committed, dict[str, bytes]]:
    """The oracle, once it is sure that it holds enough to be one."""
    path = shutil.copy(fed, fed.with_name("whole.db"))
    watcher = life(path).live()
    kinds = Counter(event for event, _, _ in events(path))
    assert kinds["opened"] >= 10
    assert kinds["resolved"] >= 10
    assert watcher.snapshots >= 3 + PARTITIONS
    assert assert_sound(path) == sum(kinds.values())
    return outcome(path), rows(path)


@pytest.fixture
def path(fed, tmp_path) -> Path:
    return Path(shutil.copy(fed, tmp_path / "gruard.db"))


# `gruard run`, as a user starts it.


def environment(path: Path, crash_at: str = "") -> dict[str, str]:
    return cli.environment(
        {
            "GRUARD_EMBEDDED__PATH": str(path),
            "GRUARD_EMBEDDED__PARTITIONS": str(PARTITIONS),
            "GRUARD_MODELS__PATH": str(MODELS),
            "GRUARD_DETECTOR__FALSE_ALARMS_PER_DEVICE_DAY": str(BUDGET),
            "GRUARD_HTTP__PORT": "0",
            "GRUARD_WORKER__MAX_RECORDS": "300",
            "GRUARD_WORKER__SNAPSHOT_RECORDS": "1000",
            "GRUARD_WORKER__POLL_S": "0",
            "GRUARD_WORKER__IDLE_TICK_S": "1e6",  # the oracle has no ticks
            **({"GRUARD_CRASH_AT": crash_at} if crash_at else {}),
        }
    )


def crashed(path: Path, crash_at: str) -> int:
    done = subprocess.run(
        cli.command("run"), env=environment(path, crash_at), capture_output=True, timeout=60, check=False
    )
    return done.returncode


def stopped_when_caught_up(path: Path, said: Path) -> int:
    with said.open("w") as log:
        process = subprocess.Popen(cli.command("run"), env=environment(path), stdout=log, stderr=log)
    log = EmbeddedLog(path)
    deadline = time.monotonic() + 60
    while not _caught_up(log):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    log.close()
    process.send_signal(signal.SIGTERM)
    return process.wait(30)


def _caught_up(log: EmbeddedLog) -> bool:
    committed = {partition: log.committed(partition) for partition in range(log.partitions)}
    return {partition: at.offset for partition, at in committed.items() if at} == log.ends()


open_at_kill: list[bool] = []


@pytest.mark.parametrize("chain", range(CHAINS))
def test_gruard_run_killed_at_seeded_record_counts_changes_nothing(path, whole, chain, tmp_path):
    chance = random.Random(SEED + chain)
    span = len(fleet_messages(SEED)) // (KILLS + 1)
    for _ in range(KILLS):
        crash_at = f"{chance.choice(EVERY_TURN)}@{chance.randrange(span // 5, span)}"
        assert crashed(path, crash_at) == -signal.SIGKILL, crash_at
        open_at_kill.append(bool(outcome(path).ledger))
    said = tmp_path / "log"
    assert stopped_when_caught_up(path, said) == 0
    assert (outcome(path), rows(path)) == whole
    restored = [told for line in said.read_text().splitlines() if (told := json.loads(line))["event"] == "restored"]
    assert [told["result"] for told in restored] == ["exact"] * PARTITIONS
    assert sum(told["replayed"] for told in restored) > 0


def test_a_third_of_those_kills_fell_while_an_alert_was_open():
    if len(open_at_kill) == CHAINS * KILLS:  # only when all of them ran
        assert sum(open_at_kill) >= len(open_at_kill) / 3


def test_gruard_run_killed_at_every_point_of_the_protocol_changes_nothing(path, whole, tmp_path):
    for point in POINTS:
        # Two polls between two kills, so every life has something to lose and something to replay.
        assert crashed(path, point if point in ("replayed", "restored") else f"{point}:3") == -signal.SIGKILL, point
    assert stopped_when_caught_up(path, tmp_path / "log") == 0
    assert (outcome(path), rows(path)) == whole


# The same input, told otherwise.


@pytest.mark.parametrize("size", [47, 8192])
def test_any_split_into_polls_gives_the_same_alerts(path, whole, size):
    life(path).but(settings=SETTINGS.model_copy(update={"max_records": size})).live()
    assert (outcome(path), rows(path)) == whole


def test_a_commit_that_fails_once_changes_nothing(path, whole):
    watcher = life(path).but(refused=frozenset({9})).live()
    assert len(watcher.refusals) == 1
    assert (outcome(path), rows(path)) == whole


def test_a_worker_that_folds_before_the_commit_is_caught(path, whole):
    life(path).but(refused=frozenset({9}), worker=FoldsFirst).live()
    found = outcome(path), rows(path)
    assert found[0].alerts != whole[0].alerts or found[1] != whole[1]


def unplaced(committed: Committed) -> dict[int, list[tuple[bytes | None, dict]]]:
    """Alerts without the offset of their reading: what is delivered twice lies elsewhere in the log."""
    return {
        partition: [
            (key, {name: v for name, v in json.loads(value).items() if name != "source"}) for _, key, value in alerts
        ]
        for partition, alerts in committed.alerts.items()
    }


def test_input_delivered_twice_changes_no_alert(tmp_path, whole):
    twice = [message for message in fleet_messages(SEED) for _ in range(2)]
    path = filled(tmp_path / "gruard.db", twice)
    life(path).live()
    assert unplaced(outcome(path)) == unplaced(whole[0])


def test_a_prefix_of_the_input_gives_the_prefix_of_the_alerts(tmp_path, whole):
    messages = fleet_messages(SEED)
    path = filled(tmp_path / "gruard.db", messages[: len(messages) // 2])
    life(path).live()
    found = outcome(path)
    for partition, alerts in whole[0].alerts.items():
        prefix = found.alerts.get(partition, [])
        assert alerts[: len(prefix)] == prefix
    assert 10 < sum(map(len, found.alerts.values())) < sum(map(len, whole[0].alerts.values()))


def test_idle_ticks_find_the_silent_and_are_replayed_where_they_were(tmp_path):
    """No clock of any later run says when those ticks were: the journal does, through kills and more readings."""
    messages = fleet_messages(SEED, 9, 400.0, 0)
    path = filled(tmp_path / "gruard.db", messages[: len(messages) // 2])
    restless = life(path).but(worker=Restless)
    for n, point in enumerate(("committed:9", "staged:14", "folded:12")):
        assert restless.but(clock=Clock(START_MS + 400_000 + n * 300_000)).killed(point)
    log = EmbeddedLog(path)
    log.append(messages[len(messages) // 2 :])
    log.close()
    assert restless.but(clock=Clock(START_MS + 1_400_000)).killed("committed:9")
    tick(path, 15, Clock(START_MS + 2_000_000), SETTINGS, real_engine)
    found = outcome(path).alerts
    assert assert_sound(path) == sum(map(len, found.values()))
    assert found == replayed_alerts(path, real_engine)
    assert sum(b'"type":"silent"' in value for alerts in found.values() for _, _, value in alerts) >= 9
