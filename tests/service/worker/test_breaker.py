"""The breaker trips at one record, whatever the polls, kills and restarts; and what it kept back is not lost."""

from collections.abc import Sequence
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import DataRuleError
from service.records import Readings, Reject
from service.streams.embedded import EmbeddedLog, EmbeddedStream, Message
from service.telemetry.health import Vitals
from service.worker.breaker import Breaker, Rules
from service.worker.crashpoints import POINTS
from service.worker.loop import Surroundings, Worker
from tests.service.counting import message
from tests.service.rig import (
    PARTITIONS,
    SETTINGS,
    START_MS,
    Clock,
    Life,
    Watcher,
    counting_engine,
    counting_messages,
    filled,
    outcome,
)

SMALL = Rules(in_a_row=4, window=12, share=0.25)


def readings(flags: Sequence[bool], first: int = 0) -> Readings:
    """One record a flag, True = no reading."""
    good = [at for at, bad in enumerate(flags) if not bad]
    n, none = len(good), np.zeros(len(flags), np.int64)
    return Readings(
        0, np.arange(first, first + len(flags)) * 3, none, np.array(good, np.int32),
        ["d"] * n, none[:n], [None] * n, ("x",), np.zeros((n, 1), np.float32),
        rejects=[Reject(at, None, "decode", "no") for at, bad in enumerate(flags) if bad],
    )  # fmt: skip


def played(flags: Sequence[bool], sizes: Sequence[int], rules: Rules = SMALL) -> Breaker:
    breaker, start, turn = Breaker(), 0, 0
    while start < len(flags) and breaker.trip is None:
        size = sizes[turn % len(sizes)]
        breaker, start, turn = (
            breaker.after(readings(flags[start : start + size], start), rules),
            start + size,
            turn + 1,
        )
    return breaker


def tripping(flags: Sequence[bool], rules: Rules = SMALL) -> int | None:
    """The rule as one would say it: after which record there are too many."""
    for n in range(1, len(flags) + 1):
        in_a_row = n >= rules.in_a_row and all(flags[n - rules.in_a_row : n])
        if flags[n - 1] and (in_a_row or sum(flags[max(n - rules.window, 0) : n]) > rules.share * rules.window):
            return n - 1
    return None


FLAGS = st.lists(st.sampled_from([True, False, False, False, False]), max_size=80)
SIZES = st.lists(st.integers(1, 30), min_size=1, max_size=5)


@given(FLAGS, SIZES)
def test_it_trips_at_the_record_that_the_rule_names(flags, sizes):
    trip = played(flags, sizes).trip
    assert (trip.offset if trip else None) == (None if (at := tripping(flags)) is None else 3 * at)


@given(FLAGS, SIZES)
def test_its_state_does_not_depend_on_polls_and_survives_a_snapshot(flags, sizes):
    assert played(flags, sizes) == played(flags, [1]) == Breaker.parse(played(flags, [len(flags) or 1]).value())


@given(st.lists(st.booleans(), max_size=80), SIZES)
def test_a_replay_counts_and_never_judges(flags, sizes):
    breaker = Breaker().after(readings(flags), SMALL, judging=False)
    assert breaker.trip is None
    assert breaker.seen == len(flags)
    if tripping(flags) is None:
        assert breaker == played(flags, sizes)


def test_of_a_batch_message_most_elements_must_be_refused():
    found = readings([False, False])
    found.record = np.array([0, 0, 1], np.int32)
    found.rejects = [Reject(0, 1, "schema", ""), Reject(1, 0, "time", ""), Reject(1, 2, "schema", "")]
    breaker = Breaker().after(found, Rules(1, 10, 1.0))
    assert breaker.trip
    assert breaker.trip.offset == 3
    assert "(the last one: time)" in breaker.trip.why


def test_a_breaker_of_another_version_is_refused_in_one_line():
    with pytest.raises(DataRuleError, match="'breaker' can't be read"):
        Breaker.parse(b'{"seen": "many"}')


# Through a worker.

ON = SETTINGS.model_copy(update={"breaker_in_a_row": 9, "breaker_window": 60, "breaker_share": 0.2})
OFF = ON.model_copy(update={"breaker": False})
SPOILT = b"device-3"  # whose partition gets messages that nobody can read, from the middle on


def input_of(seed: int = 3) -> list[Message]:
    sent = counting_messages(seed, 1200)
    for n in range(60):
        at = 600 + 7 * n
        sent.insert(at, Message(SPOILT, b"\xff broken %d" % n, sent[at].arrival))
    return sent


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return filled(tmp_path / "gruard.db", input_of())


def spoilt(path: Path) -> int:
    log = EmbeddedLog(path)
    partition = log.partition(SPOILT)
    log.close()
    return partition


@pytest.fixture(scope="module")
def tripped(tmp_path_factory: pytest.TempPathFactory) -> object:
    path = filled(tmp_path_factory.mktemp("tripped") / "gruard.db", input_of())
    watcher = Life(path, settings=ON).live()
    assert list(watcher.trips) == [spoilt(path)]
    return outcome(path)


@pytest.fixture(scope="module")
def never(tmp_path_factory: pytest.TempPathFactory) -> object:
    """As if there were no breakers."""
    path = filled(tmp_path_factory.mktemp("never") / "gruard.db", input_of())
    assert not Life(path, settings=OFF).live().trips
    return outcome(path)


def test_it_stops_one_partition_at_a_record_and_the_others_go_on(path, tripped, never):
    p = spoilt(path)
    log = EmbeddedLog(path)
    ends, stopped = log.ends(), tripped.offsets[p]
    assert 0 < stopped < ends[p]
    assert {q: at for q, at in tripped.offsets.items() if q != p} == {q: at for q, at in ends.items() if q != p}
    letters = tripped.deadletters[p]
    log.close()
    assert letters[-1][0] == stopped - 1, "the last record that is read is the one that tripped it, and a dead letter"
    assert letters == never.deadletters[p][: len(letters)]
    assert tripped.alerts[p] == [alert for alert in never.alerts[p] if alert[0] < stopped]
    for other in set(range(PARTITIONS)) - {p}:
        assert tripped.alerts[other] == never.alerts[other]


@pytest.mark.parametrize("size", [1, 7, 50, 5000])
def test_polls_of_any_size_trip_it_at_the_same_record(path, tripped, size):
    Life(path, settings=ON.model_copy(update={"max_records": size})).live()
    assert outcome(path) == tripped


@pytest.mark.parametrize("records", [1, 10**6])
def test_snapshots_however_often_change_nothing(path, tripped, records):
    life = Life(path, settings=ON.model_copy(update={"snapshot_records": records}))
    assert life.killed("committed@800")
    life.live()
    assert outcome(path) == tripped


@pytest.mark.parametrize("point", sorted(POINTS.keys() - {"replayed"}))
def test_killed_and_restarted_it_trips_at_the_same_record(path, tripped, point):
    life = Life(path, settings=ON.model_copy(update={"max_records": 31}))
    for times in (2, 5, 9, 12):
        life.killed(f"{point}:{times}")
    life.live()
    assert outcome(path) == tripped


def test_a_restart_reads_no_further_and_says_so_again(path, tripped):
    Life(path, settings=ON).live()
    log = EmbeddedLog(path)
    log.append([Message(SPOILT, message("device-3", 1.0), START_MS + 10**7)])
    log.close()
    watcher = Life(path, settings=ON).live()
    assert watcher.results == ["exact"] * PARTITIONS
    assert watcher.replayed == 0
    assert list(watcher.trips) == [spoilt(path)]
    assert outcome(path) == tripped


@pytest.mark.parametrize("point", ["begun", "staged", "committed", "folded", "restored"])
def test_switched_off_it_goes_on_from_there_and_nothing_is_missing_or_twice(path, never, point):
    Life(path, settings=ON).live()
    off = Life(path, settings=OFF)
    off.killed(point)
    off.killed(f"{point}:3")
    watcher = off.live()
    assert not watcher.trips
    assert outcome(path) == never
    poison = [value for _, _, value in outcome(path).deadletters[spoilt(path)] if b"broken" in value]
    assert poison == [b"\xff broken %d" % n for n in range(60)]


def test_going_on_is_counted_once_and_a_breaker_switched_on_again_starts_anew(path):
    Life(path, settings=ON).live()
    assert Life(path, settings=OFF).live().resumed_partitions == [spoilt(path)]
    assert Life(path, settings=OFF).live().resumed_partitions == []
    log = EmbeddedLog(path)
    log.append([Message(SPOILT, b"\xff again", START_MS + 10**7) for _ in range(8)])
    log.close()
    assert not Life(path, settings=ON).live().trips, "eight are not too many, and those before are not counted"
    log = EmbeddedLog(path)
    log.append([Message(SPOILT, b"\xff again", START_MS + 10**7)])
    log.close()
    assert Life(path, settings=ON).live().trips


def test_a_worker_stays_up_unready_and_names_partition_offset_reason_and_way_out(path, tripped):
    stop = Event()
    vitals = Vitals(stop)

    class Told(Watcher):
        def tripped(self, partition: int, told: str) -> None:
            super().tripped(partition, told)
            vitals.tripped(partition, told)

        def restored(self, *told: object) -> None:
            vitals.restored(*told)  # type: ignore[arg-type]

    worker = Worker(EmbeddedStream(EmbeddedLog(path)), counting_engine(), ON, Surroundings(Told(stop, 99), Clock()))
    for _ in range(40):
        worker.turn()
    p = spoilt(path)
    assert not worker.ready
    for words in (
        f"partition {p}",
        f"since offset {tripped.offsets[p] - 1}",
        "records",
        "decode",
        "worker.breaker: off",
    ):
        assert words in vitals.ready()
    assert vitals.live() == ""
    log = EmbeddedLog(path)
    ticks = [output for _, output in log.written("control") if output.partition == p]
    others = [output for _, output in log.written("control") if output.partition != p]
    log.close()
    assert len(others) > 20
    assert all(tick.offset < tripped.offsets[p] for tick in ticks), "an open breaker is not ticked"


def test_what_is_not_stepped_is_not_read_either_also_after_a_restart_and_a_rewind(path):
    for _ in range(2):
        stream = EmbeddedStream(EmbeddedLog(path))
        worker = Worker(stream, counting_engine(), ON, Surroundings(Watcher(Event(), 99), lambda: 0))
        for _ in range(30):
            worker.turn()
        worker._assignment.rewind()
        read = {records.partition for records in stream.poll(0.0, 1000).records}
        assert set(stream._positions) == set(range(PARTITIONS)) - {spoilt(path)}
        assert not read
        stream.close()


def test_a_commit_that_fails_does_not_open_it(path, tripped):
    """Nor does the rewind after it read on where it is open."""
    refused = frozenset(range(5, 30, 3))
    assert Life(path, settings=ON, refused=refused).live().refusals
    assert outcome(path) == tripped
