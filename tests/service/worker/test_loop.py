"""The protocol itself, with a detector that only counts: every reading shows in every later alert of its device.

Streams, files, processes and kills are real; `test_exactly_once` runs the same with the real detector.
"""

import random
import sqlite3
import time
from pathlib import Path
from threading import Event, Thread

import pytest

from service.errors import FencedError, GruardError, UnavailableError
from service.streams.embedded import EmbeddedLog, EmbeddedStream, Message
from service.streams.port import Assigned, Lost, Poll, Revoked
from service.worker import journal
from service.worker.crashpoints import POINTS
from service.worker.loop import Surroundings, Worker
from service.worker.observer import Silent
from service.worker.staging import Staged, settle
from tests.service import rig
from tests.service.counting import message
from tests.service.rig import (
    PARTITIONS,
    SETTINGS,
    START_MS,
    Clock,
    Life,
    Restless,
    counting_messages,
    events,
    filled,
    outcome,
    replayed_alerts,
    tick,
)

SEED = 20261
COUNT = 3000


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    path = filled(tmp_path_factory.mktemp("whole") / "gruard.db", counting_messages(SEED, COUNT))
    watcher = Life(path).live()
    found = [event for event, _, _ in events(path)]
    assert found.count("opened") >= 10
    assert found.count("resolved") >= 10
    assert watcher.snapshots >= 3 + PARTITIONS
    return outcome(path)


@pytest.fixture
def path(tmp_path):
    return filled(tmp_path / "gruard.db", counting_messages(SEED, COUNT))


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_at_any_point_leaves_the_same_alerts(path, uninterrupted, point):
    life = Life(path)
    if point == "replayed":
        assert life.killed("committed:20")
    assert life.killed(point if point == "replayed" else f"{point}:2")
    life.live()
    assert outcome(path) == uninterrupted


@pytest.mark.parametrize("seed", range(3))
def test_killed_again_and_again_the_alerts_stay_the_same(path, uninterrupted, seed):
    chance = random.Random(seed)
    every_turn = ("polled", "stepped", "begun", "staged", "committed", "folded")
    kills = sum(Life(path).killed(f"{chance.choice(every_turn)}@{chance.randrange(600)}") for _ in range(8))
    assert kills >= 4
    Life(path).live()
    assert outcome(path) == uninterrupted


@pytest.mark.parametrize("size", [9, 41, 5000])
def test_polls_of_any_size_give_the_same_alerts(path, uninterrupted, size):
    Life(path, settings=SETTINGS.model_copy(update={"max_records": size})).live()
    assert outcome(path) == uninterrupted


@pytest.mark.parametrize("records", [1, 40, 10**6])
def test_snapshots_however_often_change_no_alert(path, uninterrupted, records):
    life = Life(path, settings=SETTINGS.model_copy(update={"snapshot_records": records}))
    life.killed("committed@1500")
    life.live()
    assert outcome(path) == uninterrupted


def test_readings_fed_while_it_runs_give_the_same_alerts(tmp_path, uninterrupted):
    path = filled(tmp_path / "gruard.db", [])
    sent = counting_messages(SEED, COUNT)

    def feed() -> None:
        log = EmbeddedLog(path)
        for start in range(0, COUNT, 250):
            log.append(sent[start : start + 250])
            time.sleep(0.002)
        log.close()

    feeder = Thread(target=feed)
    feeder.start()
    while feeder.is_alive():
        Life(path).live()
    Life(path).live()
    feeder.join()
    assert outcome(path) == uninterrupted


class FoldsFirst(Worker):
    """The defect that the protocol exists to prevent: memory moves on before the commit has."""

    def _commit(self, staged: Staged) -> None:
        settle(staged, self._running, self._engine.detector, 0)
        staged.snapshots, steps, staged.steps = [], staged.steps, []
        try:
            super()._commit(staged)
        except UnavailableError:
            for step in steps:
                self._running[step.partition].position -= len(step.records or ())
            raise


def test_a_commit_that_fails_is_made_again_exactly(path, uninterrupted):
    watcher = Life(path, refused=frozenset({4, 5, 11})).live()
    assert len(watcher.refusals) == 3
    assert outcome(path) == uninterrupted


def test_a_worker_that_folds_before_the_commit_fails_this_oracle(path, uninterrupted):
    settings = SETTINGS.model_copy(update={"snapshot_records": 10**6})
    life = Life(path, settings=settings, worker=FoldsFirst)
    life.but(refused=frozenset({4})).live()
    assert outcome(path) != uninterrupted


def test_a_worker_that_folds_before_a_commit_that_holds_passes_it(path, uninterrupted):
    Life(path, settings=SETTINGS.model_copy(update={"snapshot_records": 10**6}), worker=FoldsFirst).live()
    assert outcome(path).alerts == uninterrupted.alerts


def test_a_locked_file_only_delays(path, uninterrupted):
    blocker = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    blocker.execute("BEGIN IMMEDIATE")

    def release() -> None:
        time.sleep(0.5)
        blocker.execute("ROLLBACK")
        blocker.close()

    thread = Thread(target=release)
    thread.start()
    watcher = Life(path).live()
    thread.join()
    assert any("is locked" in refusal for refusal in watcher.refusals)
    assert outcome(path) == uninterrupted


def test_it_gives_up_on_a_stream_that_refuses_for_too_long(path):
    settings = SETTINGS.model_copy(update={"give_up_s": 0.0})
    with pytest.raises(UnavailableError, match="commit 2 was refused"):
        Life(path, settings=settings, refused=frozenset(range(1, 99))).live()
    EmbeddedStream(EmbeddedLog(path)).close()  # and leaves the file to the next worker


def test_a_stop_leaves_a_snapshot_with_nothing_to_replay(path):
    assert Life(path).live().results == ["cold"] * PARTITIONS
    again = Life(path).live()
    assert again.results == ["exact"] * PARTITIONS
    assert again.replayed == 0


def test_a_kill_leaves_a_replay_that_writes_nothing(path):
    assert Life(path).killed("committed@900")
    before = outcome(path)
    stopped = Life(path).killed("restored")
    assert stopped
    assert outcome(path) == before
    again = Life(path).live()
    assert again.results == ["exact"] * PARTITIONS
    assert again.replayed > 0


def test_partitions_take_their_snapshots_in_turn(path):
    taken: list[int] = []

    class Noted(rig.Watcher):
        def snapshot(self, partition: int, pages: int, size_bytes: int) -> None:
            taken.append(partition)

        def turned(self) -> None:
            taken.append(-1)

    stop = Event()
    stream = EmbeddedStream(EmbeddedLog(path))
    Worker(stream, rig.counting_engine(), SETTINGS, Surroundings(Noted(stop, PARTITIONS))).run(stop)
    turns = " ".join(map(str, taken[:-PARTITIONS])).split("-1")  # the last ones are those of the stop
    several = [turn for turn in turns if len(turn.split()) > 1]
    assert len(several) <= 1, "only the first transaction carries a snapshot of several partitions"


def test_dead_letters_keep_the_bytes_and_say_where_they_came_from(path, uninterrupted):
    Life(path).live()
    log = EmbeddedLog(path)
    letters = [output for _, output in log.written("deadletters")]
    assert len(letters) > 20
    for letter in letters:
        headers = dict(letter.headers)
        source = log.readings(letter.partition, letter.offset, letter.offset + 1, 1)
        assert (letter.key, letter.value) == (source.keys[0], source.values[0])
        assert headers["dlq.reason"] == b"decode"
        assert headers["dlq.topic"] == b"telemetry.readings.v1"
        assert (int(headers["dlq.partition"]), int(headers["dlq.offset"])) == (letter.partition, letter.offset)
        assert int(headers["dlq.timestamp"]) == source.arrivals[0]
        assert "dlq.element" not in headers
    log.close()


def test_alerts_are_cloud_events_with_unique_ids(path):
    Life(path).live()
    log = EmbeddedLog(path)
    found = [dict(output.headers) for _, output in log.written("alerts")]
    log.close()
    assert len({headers["ce_id"] for headers in found}) == len(found)
    assert {headers["ce_type"] for headers in found} == {
        b"gruard.alert.opened", b"gruard.alert.updated", b"gruard.alert.resolved"
    }  # fmt: skip
    expected = {
        "ce_specversion",
        "ce_id",
        "ce_type",
        "ce_source",
        "ce_subject",
        "ce_time",
        "content-type",
        "detected_time",
    }
    assert all(headers.keys() == expected for headers in found)


# Idle ticks.

QUIET = [Message(b"a", message("a", 1.0), START_MS), Message(b"b", message("b", 1.0), START_MS)]


def test_devices_that_fall_silent_together_are_found_by_ticks(tmp_path):
    path = filled(tmp_path / "gruard.db", QUIET)
    tick(path, 20, Clock())
    silent = [dict(o.headers)["ce_subject"] for _, o in EmbeddedLog(path).written("alerts") if b"silence" in o.value]
    assert sorted(silent) == [b"a", b"b"]


def test_a_partition_without_readings_is_not_ticked(tmp_path):
    path = filled(tmp_path / "gruard.db", QUIET[:1])
    tick(path, 5, Clock())
    assert {output.partition for _, output in EmbeddedLog(path).written("control")} == {
        EmbeddedLog(path).partition(b"a")
    }


@pytest.mark.parametrize("snapshot_records", [1, 10**6])
def test_ticks_between_readings_are_replayed_where_they_were(tmp_path, snapshot_records):
    path = filled(tmp_path / "gruard.db", QUIET)
    settings = SETTINGS.model_copy(update={"snapshot_records": snapshot_records, "snapshot_s": 1e-9})
    clock = Clock()
    for life in range(4):
        tick(path, 3 + life, clock, settings)
        log = EmbeddedLog(path)
        log.append([Message(b"a", message("a", -1.0), clock()), Message(b"b", message("b", 2.0), clock())])
        log.close()
    tick(path, 9, clock)
    assert outcome(path).alerts == replayed_alerts(path)
    log = EmbeddedLog(path)
    keys = [(o.partition, o.offset, journal.parse(o.value).sequence) for _, o in log.written("control")]
    log.close()
    assert len(keys) >= 18
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("point", ["begun", "staged", "committed", "folded"])
def test_a_kill_among_ticks_changes_nothing(tmp_path, point):
    path = filled(tmp_path / "gruard.db", QUIET)
    for n in (2, 3, 4):
        life = Life(path, clock=Clock(START_MS + n * 100_000), worker=Restless)
        assert life.killed(f"{point}:{n}")
    tick(path, 4, Clock(START_MS + 900_000))
    assert outcome(path).alerts == replayed_alerts(path)
    assert sum(map(len, outcome(path).alerts.values())) >= 4


# Partitions that come and go, as Kafka's will.


class Moving(EmbeddedStream):
    """A stream whose partitions leave and return by a script: (poll number, events)."""

    script: dict[int, list[Assigned | Revoked | Lost]]
    polls = 0

    def poll(self, timeout_s: float, max_records: int) -> Poll:
        self.polls += 1
        events = self.script.get(self.polls, [])
        for event in events:
            self.pause(event.partition)
        return Poll(events) if events else super().poll(timeout_s, max_records)


def moved(path: Path, script: dict[int, list[Assigned | Revoked | Lost]]) -> rig.Watcher:
    stop = Event()
    stream = Moving(EmbeddedLog(path))
    stream.script = script
    watcher = rig.Watcher(stop, PARTITIONS)
    Worker(stream, rig.counting_engine(), SETTINGS, Surroundings(watcher, lambda: 0)).run(stop)
    return watcher


@pytest.mark.parametrize("leaves", [Revoked, Lost])
def test_partitions_that_move_in_the_middle_change_no_alert(path, uninterrupted, leaves):
    script = {n: [leaves(1), leaves(2)] for n in (6, 14)} | {n: [Assigned(1), Assigned(2)] for n in (9, 15)}
    watcher = moved(path, script)
    assert len(watcher.results) == PARTITIONS + 4
    assert (watcher.replayed == 0) == (leaves is Revoked)
    assert outcome(path) == uninterrupted


def test_a_partition_that_leaves_while_it_is_restored_starts_over(path, uninterrupted):
    assert Life(path).killed("committed@2000")
    script = {2: [Lost(0), Assigned(0), Lost(1)], 4: [Assigned(1), Revoked(2)], 5: [Assigned(2), Lost(2), Assigned(2)]}
    moved(path, script)
    assert outcome(path) == uninterrupted


def test_a_fenced_worker_writes_nothing_more(path):
    class Fenced(EmbeddedStream):
        commits = 0

        def commit(self, transaction):
            self.commits += 1
            if self.commits > 3:
                raise FencedError("another instance owns this slot")
            super().commit(transaction)

    stream = Fenced(EmbeddedLog(path))
    with pytest.raises(FencedError):
        Worker(stream, rig.counting_engine(), SETTINGS, Surroundings(Silent(), lambda: 0)).run(Event())
    assert stream.commits == 4


def test_a_defect_in_the_detector_ends_the_worker_and_loses_nothing(path, uninterrupted):
    class Broken(Worker):
        def _stepped(self, batches):
            if self._around.crash.records > 500:
                raise GruardError("a defect")
            return super()._stepped(batches)

    with pytest.raises(GruardError):
        Life(path, worker=Broken).live()
    Life(path).live()
    assert outcome(path) == uninterrupted
