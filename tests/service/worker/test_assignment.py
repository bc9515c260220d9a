"""Partitions that move between workers, commits that fail in every way: the alerts stay the same."""

import random
from collections.abc import Callable
from threading import Event

import pytest

from service.errors import FencedError, UnavailableError
from service.streams.port import Assigned, Lost, Revoked, SupersededError, UncertainError
from service.worker import restore
from service.worker.loop import Surroundings, Worker
from service.worker.observer import RestoreResult, Silent
from tests.service.memory import Commit, MemoryLog, MemoryStream
from tests.service.rig import SETTINGS, counting_engine, counting_messages

PARTITIONS = 4
SMALL = SETTINGS.model_copy(update={"max_records": 17, "snapshot_records": 60, "retry_s": 1e-6, "retry_max_s": 1e-6})


class Heard(Silent):
    def __init__(self) -> None:
        self.told: list[tuple[str, object]] = []
        self.results: list[RestoreResult] = []
        self.replayed = 0

    def restored(self, partition: int, result: RestoreResult, replayed: int, seconds: float) -> None:
        self.results.append(result)
        self.replayed += replayed

    def parked(self, partition: int) -> None:
        self.told.append(("parked", partition))

    def dropped(self, partition: int) -> None:
        self.told.append(("dropped", partition))

    def unavailable(self, reason: str, retry_s: float) -> None:
        self.told.append(("unavailable", reason))

    def superseded(self, reason: str) -> None:
        self.told.append(("superseded", reason))

    def uncertain(self, reason: str, retry_s: float) -> None:
        self.told.append(("uncertain", reason))

    def fenced(self, reason: str) -> None:
        self.told.append(("fenced", reason))

    def of(self, name: str) -> list[object]:
        return [what for told, what in self.told if told == name]


class Member:
    """One process of the group."""

    def __init__(self, log: MemoryLog, name: str = "a", commit: Commit = lambda do: do()) -> None:
        self.stream, self.heard = MemoryStream(log, name, commit), Heard()
        self.worker = Worker(self.stream, counting_engine(), SMALL, Surroundings(self.heard, lambda: 0))

    def turn(self, times: int = 1) -> None:
        """As `Worker.run` does it."""
        for _ in range(times):
            self.worker._refused(Event())

    def until(self, condition: Callable[[], bool]) -> None:
        for _ in range(2000):
            if condition():
                return
            self.turn()
        raise AssertionError("it never came")


def made(seed: int = 5, count: int = 900) -> MemoryLog:
    log = MemoryLog(PARTITIONS, target=dict.fromkeys(range(PARTITIONS), "a"))
    log.append(counting_messages(seed, count))
    return log


def told(log: MemoryLog) -> tuple[object, ...]:
    alerts, letters = (
        {p: [(o.offset, o.key, o.value) for o in outputs] for p, outputs in table.items()}
        for table in (log.alerts, log.deadletters)
    )
    ledger = {(p, k): v for p, state in log.states.items() for k, v in state.items() if k.startswith("alert/")}
    return alerts, letters, ledger, {p: committed.offset for p, committed in log.offsets.items()}


@pytest.fixture(scope="module")
def undisturbed() -> tuple[object, ...]:
    log = made()
    Member(log).until(lambda: log.done)
    assert sum(map(len, log.alerts.values())) > 100
    return told(log)


# Parking.


def halfway() -> tuple[MemoryLog, Member]:
    log = made()
    member = Member(log)
    member.until(lambda: len(log.offsets) == PARTITIONS and log.offsets[1].offset > 100)
    member.stream.restored.clear()
    member.heard.results.clear()
    return log, member


def test_a_partition_that_returns_untouched_runs_on_without_a_restore(undisturbed):
    log, member = halfway()
    log.target[1] = "b"
    member.turn()
    assert member.heard.of("parked") == [1]
    assert 1 not in member.worker._running
    assert log.offsets[1].metadata.startswith(f'{{"offset":{log.offsets[1].offset},'), "it left with a snapshot"
    log.target[1] = "a"
    member.turn()
    assert member.heard.results == ["exact"]
    assert member.heard.replayed == 0
    assert 1 in member.worker._running
    member.until(lambda: log.done)
    assert member.stream.restored == []
    assert told(log) == undisturbed


def test_a_partition_that_another_had_meanwhile_is_restored(undisturbed):
    log, member = halfway()
    log.target[1] = "b"
    member.turn(2)  # revoked, then lost
    assert member.heard.of("dropped") == [1]
    other = Member(log, "b")
    other.until(lambda: 1 in other.worker._running)
    other.turn(2)
    log.target[1] = "a"
    other.turn(2)
    member.until(lambda: log.done)
    assert member.stream.restored == [1]
    assert told(log) == undisturbed


def test_a_parked_partition_whose_last_commit_is_in_doubt_is_kept_only_if_it_was_not_made(undisturbed):
    for made_it in (False, True):
        log, member = halfway()

        def doubtful(do: Callable[[], None], made_it: bool = made_it) -> None:
            if made_it:
                do()
            raise UncertainError("no answer")

        log.target[1] = "b"
        member.stream._commit, usual = doubtful, member.stream._commit
        member.turn()
        member.stream._commit = usual
        log.target[1] = "a"
        member.until(lambda log=log: log.done)
        assert member.stream.restored == ([1] if made_it else [])
        assert told(log) == undisturbed


@pytest.mark.parametrize("error", [SupersededError, UnavailableError])
def test_a_last_snapshot_that_is_refused_costs_nothing_but_a_replay(undisturbed, error):
    log, member = halfway()

    def refuse(do: Callable[[], None]) -> None:
        raise error("too late")

    log.target[1] = "b"
    member.stream._commit, usual = refuse, member.stream._commit
    member.turn()
    member.stream._commit = usual
    assert member.heard.of("parked") == [1]
    log.target[1] = "a"
    member.until(lambda: log.done)
    assert member.stream.restored == []
    assert told(log) == undisturbed


def test_a_partition_lost_without_a_warning_is_dropped_and_commits_nothing(undisturbed):
    log, member = halfway()
    log.holder[2] = None  # the group has gone on without us
    log.target[2] = "b"
    before = log.commits[2]
    member.turn(3)
    assert member.heard.of("dropped") == [2]
    assert log.commits[2] == before
    other = Member(log, "b")
    other.until(lambda: 2 in other.worker._running)
    log.target[2] = "a"
    other.turn(2)
    member.until(lambda: log.done)
    assert told(log) == undisturbed


# Commits that fail.


def failing(error: type[Exception], at: int, committed: bool) -> Commit:
    count = 0

    def commit(do: Callable[[], None]) -> None:
        nonlocal count
        count += 1
        if count != at or committed:
            do()
        if count == at:
            raise error("as told")

    return commit


def test_a_superseded_commit_is_rewound_without_waiting(undisturbed):
    log = made()
    member = Member(log, commit=failing(SupersededError, 9, committed=False))
    member.until(lambda: log.done)
    assert member.heard.of("superseded") == ["as told"]
    assert member.heard.of("unavailable") == []
    assert sorted(member.stream.restored) == list(range(PARTITIONS)), "nothing was restored again"
    assert told(log) == undisturbed


@pytest.mark.parametrize("committed", [True, False])
def test_after_a_commit_in_doubt_every_partition_that_ran_is_restored(undisturbed, committed):
    log = made()
    member = Member(log, commit=failing(UncertainError, 15, committed))
    member.until(lambda: log.done)
    assert member.heard.of("uncertain") == ["as told"]
    assert sorted(member.stream.restored) == sorted(2 * list(range(PARTITIONS)))
    assert set(member.heard.results) == {"cold", "exact"}
    assert told(log) == undisturbed


def test_a_fenced_worker_says_so_and_ends():
    log = made()
    member = Member(log, commit=failing(FencedError, 3, committed=False))
    with pytest.raises(FencedError):
        member.worker.run(Event())
    assert member.heard.of("fenced") == ["as told"]
    assert member.stream.closed


# Restores.


def test_partitions_are_restored_one_after_another_and_the_restored_run_meanwhile(undisturbed, monkeypatch):
    monkeypatch.setattr(restore, "SLICE", 5)
    log, member = halfway()
    member.stream.close()  # killed
    again = Member(log)
    ran: list[int] = []
    again.until(lambda: bool(ran.append(len(again.worker._running)) or log.done))
    assert sorted(set(ran)) == list(range(PARTITIONS + 1))
    assert told(log) == undisturbed


def test_a_restore_that_is_given_up_lets_the_next_one_read(undisturbed, monkeypatch):
    monkeypatch.setattr(restore, "SLICE", 2)
    log, member = halfway()
    member.stream.close()
    again = Member(log)
    again.turn(4)
    assert again.stream._reading == 0
    log.holder[0], log.target[0] = None, "nobody"
    again.turn(2)
    assert again.stream._reading == 1
    log.target[0] = "a"
    again.until(lambda: log.done)
    assert told(log) == undisturbed


def test_a_worker_to_which_nothing_is_assigned_waits_without_an_error():
    log = made()
    log.target = dict.fromkeys(range(PARTITIONS), "b")
    idle = Member(log)
    idle.turn(50)
    assert idle.heard.told == []
    assert not idle.worker.ready


# All of it at once.


class KilledError(BaseException):
    """The process is gone, in the middle of a commit."""


class Chaos:
    """Members that come, go, hang and die as a seed says, and a broker that now and then fails a commit."""

    NAMES = ("a", "b", "c")

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.log = made(count=0)
        self.coming = counting_messages(5, 900)
        self.members = {name: self.member(name) for name in self.NAMES}
        self.faults: set[str] = set()
        self.calm = False

    def member(self, name: str) -> Member:
        return Member(self.log, name, self.commit)

    def commit(self, do: Callable[[], None]) -> None:
        what = "" if self.calm or self.chance.random() > 0.1 else self.chance.choice(list(FAULTS))
        if what:
            self.faults.add(what)
        error, before = FAULTS.get(what, (None, True))
        if before:
            do()
        if error is not None:
            raise error(what)

    def step(self) -> None:
        if self.chance.random() < 0.3:
            self.log.append(self.coming[:6])
            self.coming = self.coming[6:]
        draw = self.chance.random()
        name = self.chance.choice(self.NAMES)
        if draw < 0.04:
            self.log.target = {p: self.chance.choice(self.NAMES) for p in range(PARTITIONS)}
        elif draw < 0.05:  # hangs for so long that the group goes on without it
            for partition, holder in self.log.holder.items():
                if holder is self.members[name].stream:
                    self.log.holder[partition] = None
            self.log.target |= {p: "c" for p, to in self.log.target.items() if to == name}
        elif draw < 0.06:
            self.kill(name)
        else:
            try:
                self.members[name].turn(self.chance.randrange(1, 4))
            except KilledError:
                self.kill(name)

    def kill(self, name: str) -> None:
        self.members[name].stream.close()
        self.members[name] = self.member(name)

    def play(self) -> None:
        for _ in range(500):
            self.step()
        self.log.append(self.coming)
        self.calm = True
        while not self.log.done:
            for member in self.members.values():
                member.turn()


FAULTS: dict[str, tuple[type[BaseException], bool]] = {
    "refused": (UnavailableError, False),
    "superseded": (SupersededError, False),
    "in doubt, made": (UncertainError, True),
    "in doubt, not made": (UncertainError, False),
    "killed before": (KilledError, False),
    "killed after": (KilledError, True),
}


@pytest.mark.parametrize("seed", range(12))
def test_whatever_the_group_and_the_broker_do_the_alerts_are_the_same(undisturbed, monkeypatch, seed):
    monkeypatch.setattr(restore, "SLICE", 40)
    chaos = Chaos(seed)
    chaos.play()
    assert len(chaos.faults) >= 3
    assert told(chaos.log) == undisturbed


def test_events_of_one_poll_are_all_applied_in_their_order():
    """A rebalance that is over before it is seen: everything is revoked and comes back in one poll."""
    _, member = halfway()
    events = [event(p) for p in range(PARTITIONS) for event in (Revoked, Assigned)]
    member.worker._change([*events, Lost(3), Assigned(3)])
    assert sorted(member.worker._running) == [0, 1, 2]
    assert list(member.worker._assignment.restoring) == [3]
    assert member.heard.results == ["exact"] * PARTITIONS
