"""The embedded stream keeps the contract, and says in one line what a user's disk or other processes do to it."""

import multiprocessing
import os
import resource
import signal
import sqlite3
import threading
from pathlib import Path

import pytest

from service.errors import DataRuleError, FencedError, UnavailableError
from service.streams.embedded import EmbeddedLog, EmbeddedStream, Message
from service.streams.port import Committed, Output, StateRecord, Transaction
from tests.service.streams.contract import PARTITIONS, StreamContract, drained, flat, messages, started


class FileLog:
    def __init__(self, path: Path) -> None:
        self.log = EmbeddedLog(path, PARTITIONS)
        self.append, self.partition = self.log.append, self.log.partition
        self.open: list[EmbeddedStream] = []

    def stream(self, retention_s: float = 1e6, busy_s: float = 30.0) -> EmbeddedStream:
        self.open.append(EmbeddedStream(EmbeddedLog(self.log.database.path, PARTITIONS, busy_s), retention_s))
        return self.open[-1]

    def written(self, table):
        return [output for _, output in self.log.written(table)]

    def close(self) -> None:
        self.log.close()
        for stream in self.open:
            stream.log.close()


@pytest.fixture
def log(tmp_path):
    made = FileLog(tmp_path / "gruard.db")
    yield made
    made.close()


class TestEmbeddedStream(StreamContract):
    pass


def test_offsets_are_dense_whoever_appends(log):
    other = EmbeddedLog(log.log.database.path)
    for _ in range(5):
        log.append(messages(7))
        other.append(messages(3))
    other.close()
    found = flat(drained(started(log.stream()), 50))
    assert all([row[0] for row in rows] == list(range(len(rows))) for rows in found.values())


def test_a_device_stays_in_its_partition(log):
    log.append(messages(50))
    found = flat(drained(started(log.stream()), 50))
    homes = {(key, partition) for partition, rows in found.items() for _, _, key, _, _ in rows}
    assert len(homes) == 7


def test_outputs_of_one_offset_are_numbered_on_across_commits(log):
    stream = started(log.stream())
    for value in (b"a", b"b"):
        stream.commit(Transaction(alerts=[Output(0, 4, b"d", value), Output(0, 4, b"d", value * 2)]))
    rows = sqlite3.connect(log.log.database.path).execute("SELECT seq, value FROM alerts ORDER BY id").fetchall()
    assert rows == [(0, b"a"), (1, b"aa"), (2, b"b"), (3, b"bb")]


def test_a_second_worker_is_fenced_until_the_first_is_gone(log):
    first = log.stream()
    with pytest.raises(FencedError, match="has a running worker already") as caught:
        log.stream()
    assert caught.value.exit_code == 75
    first.close()
    log.stream().close()


def _hold_and_die(path, holding):
    EmbeddedStream(EmbeddedLog(path))
    holding.set()
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_worker_leaves_no_lock_behind(log):
    context = multiprocessing.get_context("forkserver")
    holding = context.Event()
    process = context.Process(target=_hold_and_die, args=(log.log.database.path, holding))
    process.start()
    process.join()
    assert holding.is_set()
    log.stream().close()


def test_a_locked_file_is_unavailable_and_nothing_of_the_commit_stays(log):
    stream = started(log.stream(busy_s=0.1))
    blocker = sqlite3.connect(log.log.database.path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(UnavailableError, match=r"is locked by another process for over 0\.1 s") as caught:
        stream.commit(Transaction(alerts=[Output(0, 0, b"k", b"v")], offsets={0: Committed(1, "m")}))
    assert caught.value.exit_code == 69
    blocker.execute("ROLLBACK")
    blocker.close()
    assert stream.committed(0) is None
    stream.commit(Transaction(offsets={0: Committed(1, "m")}))


def test_a_feeder_waits_for_a_worker_and_a_worker_for_a_feeder(log):
    stream = started(log.stream())
    path = log.log.database.path

    def feed() -> None:
        other = EmbeddedLog(path, busy_s=30)
        for i in range(40):
            other.append([Message(b"d", b"%d" % i, i)])
        other.close()

    feeder = threading.Thread(target=feed)
    feeder.start()
    for i in range(40):
        stream.commit(Transaction(offsets={0: Committed(i, "")}))
    feeder.join()
    assert sum(map(len, drained(stream, 40))) == 40


def test_a_full_file_is_unavailable_and_works_again_once_there_is_room(log):
    stream = started(log.stream())
    execute = stream.log.database.connection.execute
    big = [StateRecord(0, f"page/{i}", b"x" * 4000) for i in range(200)]
    execute(f"PRAGMA max_page_count = {execute('PRAGMA page_count').fetchone()[0] + 20}")
    with pytest.raises(UnavailableError, match=r"can't be written \(database or disk is full\); make room"):
        stream.commit(Transaction(state=big, offsets={0: Committed(1, "")}))
    assert stream.committed(0) is None
    assert list(stream.state(0)) == []
    execute("PRAGMA max_page_count = 1000000")
    stream.commit(Transaction(state=big, offsets={0: Committed(1, "")}))
    assert len(list(stream.state(0))) == 200


def _append_until_the_disk_is_full(path, said):
    limit = os.path.getsize(path) + 300_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    log = EmbeddedLog(path)
    try:
        for i in range(1000):
            log.append([Message(b"d", b"x" * 10_000, i)])
    except UnavailableError as error:
        said.put(str(error))


def test_a_feeder_on_a_full_disk_is_told_so_and_what_it_was_told_is_there(log):
    context = multiprocessing.get_context("forkserver")
    said = context.Queue()
    process = context.Process(target=_append_until_the_disk_is_full, args=(log.log.database.path, said))
    process.start()
    assert "can't be written" in said.get(timeout=30)
    process.join()
    ends = log.log.ends()
    assert 5 < sum(ends.values()) < 1000
    assert len(drained(started(log.stream()), sum(ends.values()))) > 0


def test_another_number_of_partitions_is_refused(log):
    with pytest.raises(DataRuleError, match=r"embedded\.partitions is 5, but .* was made with 3; set") as caught:
        EmbeddedLog(log.log.database.path, 5)
    assert caught.value.exit_code == 65


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda path: None, UnavailableError, "does not exist; feed readings into it first"),
        (lambda path: path.write_bytes(b"no database " * 100), DataRuleError, "damaged or no SQLite file"),
        (lambda path: sqlite3.connect(path).execute("CREATE TABLE notes (a)"), DataRuleError, "is not a Gruard file"),
        (lambda path: path.mkdir(), UnavailableError, "can't be opened"),
    ],
)
def test_a_file_that_is_none_of_ours_is_refused_in_one_line(tmp_path, make, error, words):
    path = tmp_path / "other.db"
    make(path)
    with pytest.raises(error, match=words) as caught:
        EmbeddedLog(path)
    assert "\n" not in str(caught.value)


def _make_and_append(path, together, said):
    together.wait()
    try:
        log = EmbeddedLog(path, PARTITIONS)
        log.append(messages(10))
        said.put("")
    except Exception as error:
        said.put(repr(error))


def test_processes_that_make_the_file_at_once_agree_on_it(tmp_path):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["service.streams.embedded"])  # so that they truly meet
    for attempt in range(20):
        together, said, path = context.Barrier(4), context.Queue(), tmp_path / f"{attempt}.db"
        processes = [context.Process(target=_make_and_append, args=(path, together, said)) for _ in range(4)]
        for process in processes:
            process.start()
        assert [said.get(timeout=30) for _ in processes] == [""] * 4
        for process in processes:
            process.join()
        log = EmbeddedLog(path)
        assert sum(log.ends().values()) == 40
        log.close()


def test_a_file_of_a_later_schema_is_refused(log):
    log.log.database.connection.execute("PRAGMA user_version = 2")
    with pytest.raises(DataRuleError, match="schema 2"):
        EmbeddedLog(log.log.database.path)


def test_readings_before_the_snapshot_go_after_their_retention(log):
    log.append([Message(b"d", b"%d" % i, i * 1000) for i in range(100)])
    partition = log.partition(b"d")
    stream = started(log.stream(retention_s=30))
    said = [Output(partition, 10, None, b"tick"), Output(partition, 20, None, b"tock")]
    stream.commit(Transaction(alerts=said, control=said, deadletters=said, needed={partition: 20}))
    assert stream.log_start(partition) == 20
    assert [len(log.written(table)) for table in ("alerts", "control", "deadletters")] == [2, 1, 1]
    stream.commit(Transaction(control=[Output(partition, 80, None, b"tick")], needed={partition: 90}))
    assert stream.log_start(partition) == 69  # the newest arrival is 99 s, so 69 s is the oldest within 30 s
    assert [output.offset for output in log.written("control")] == [80]
    assert log.log.ends()[partition] == 100
    log.append([Message(b"d", b"next", 100_000)])
    assert flat(list(stream.replay(partition, 100, 101, 9)))[partition][0][3] == b"next"


def test_nothing_goes_that_a_restore_needs(log):
    log.append([Message(b"d", b"%d" % i, i * 1000) for i in range(100)])
    stream = started(log.stream(retention_s=0))
    stream.commit(Transaction(offsets={log.partition(b"d"): Committed(90, "")}))
    assert stream.log_start(log.partition(b"d")) == 0
