"""A worker that gets nowhere ends itself, and one that has a reason to stand still does not."""

from threading import Event, Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import StalledError, UnavailableError
from service.streams.embedded import EmbeddedLog, EmbeddedStream
from service.streams.port import Poll
from service.worker import restore
from service.worker.alarm import LONGEST_S, Alarm
from service.worker.loop import Surroundings, Worker
from service.worker.observer import Silent
from tests.service.rig import SETTINGS, Life, Watcher, counting_engine, counting_messages, filled, outcome


class Time:
    def __init__(self, step_s: float = 0.0) -> None:
        self.now, self.step_s = 100.0, step_s

    def __call__(self) -> float:
        self.now += self.step_s
        return self.now


@given(st.lists(st.floats(0, 50, allow_subnormal=False), max_size=60))
def test_it_rings_when_the_time_between_looks_at_one_position_adds_up(steps):
    time = Time()
    alarm, stood = Alarm(60.0, time), 0.0
    alarm.look({7: 5})
    for step in steps:
        time.now += step
        stood += min(step, LONGEST_S)
        if stood >= 60.0 + 1e-6:
            with pytest.raises(StalledError, match="partition 7"):
                alarm.look({7: 5})
            return
        if stood < 60.0 - 1e-6:
            alarm.look({7: 5})


def test_a_frozen_process_is_not_blamed_for_the_time_it_was_not_there():
    time = Time()
    alarm = Alarm(60.0, time)
    alarm.look({0: 5})
    time.now += 3600
    alarm.look({0: 5})


@pytest.mark.parametrize("between", ["moved", "caught up", "forgotten"])
def test_it_starts_anew_when_something_happens(between):
    time = Time()
    alarm = Alarm(15.0, time)
    for turn in range(20):
        time.now += 10
        alarm.look({0: turn if between == "moved" else 5, 1: turn})
        if between == "caught up":
            alarm.look({1: turn})
        if between == "forgotten":
            alarm.forget()


class Deaf(EmbeddedStream):
    """After some polls it says that there is more and gives nothing: a bug that nobody has thought of."""

    polls = 0

    def poll(self, timeout_s: float, max_records: int) -> Poll:
        self.polls += 1
        return super().poll(timeout_s, max_records) if self.polls < 9 else Poll(ends=self.log.ends())


class Heard(Silent):
    def __init__(self) -> None:
        self.stalls: list[str] = []
        self.turns = 0

    def stalled(self, reason: str) -> None:
        self.stalls.append(reason)

    def turned(self) -> None:
        self.turns += 1


def test_a_worker_that_gets_nowhere_ends_with_69_and_a_restart_is_exact(tmp_path):
    messages = counting_messages(5, 2000)
    whole, path = (filled(tmp_path / name, messages) for name in ("whole.db", "stalled.db"))
    Life(whole).live()
    heard = Heard()
    worker = Worker(
        Deaf(EmbeddedLog(path)), counting_engine(), SETTINGS, Surroundings(heard, lambda: 0, monotonic=Time(0.1))
    )
    with pytest.raises(StalledError, match=r"partition \d: nothing was committed .* from offset \d+ on") as caught:
        worker.run(Event())
    assert caught.value.exit_code == 69
    assert "\n" not in str(caught.value)
    assert heard.stalls == [str(caught.value)]
    assert Life(path).live().results == ["exact"] * 3
    assert outcome(path) == outcome(whole)


def test_a_worker_that_has_read_everything_never_rings(tmp_path):
    path = filled(tmp_path / "gruard.db", counting_messages(5, 100))
    heard = Heard()
    around = Surroundings(heard, lambda: 0, monotonic=Time(5.0))
    worker = Worker(EmbeddedStream(EmbeddedLog(path)), counting_engine(), SETTINGS, around)
    for _ in range(200):
        worker.turn()
    assert heard.turns == 200


# An orderly end comes soon, whatever the worker is at.


class Refusing(EmbeddedStream):
    commits = 0

    def commit(self, transaction):
        self.commits += 1
        raise UnavailableError("not today")


def test_a_stop_while_the_stream_refuses_waits_for_nothing_and_tries_nothing_more(tmp_path):
    path = filled(tmp_path / "gruard.db", counting_messages(5, 100))
    stop, refused = Event(), Event()

    class Told(Silent):
        def unavailable(self, reason: str, retry_s: float) -> None:
            refused.set()

    stream = Refusing(EmbeddedLog(path))
    settings = SETTINGS.model_copy(update={"retry_s": 1000.0, "retry_max_s": 1000.0})

    def run() -> None:
        stream.log.close()
        stream.log = EmbeddedLog(path)  # of this thread
        Worker(stream, counting_engine(), settings, Surroundings(Told(), lambda: 0)).run(stop)

    thread = Thread(target=run)
    thread.start()
    assert refused.wait(10)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
    assert stream.commits == 1


def test_a_stop_while_a_partition_is_restored_ends_after_the_slice(tmp_path, monkeypatch):
    path = filled(tmp_path / "gruard.db", counting_messages(5, 2000))
    assert Life(path, settings=SETTINGS.model_copy(update={"snapshot_records": 10**6})).killed("committed@1500")
    monkeypatch.setattr(restore, "SLICE", 10)
    stop = Event()

    class Told(Watcher):
        turns = 0

        def turned(self) -> None:
            self.turns += 1
            stop.set()

    told = Told(stop, 99)
    before = outcome(path)
    Worker(EmbeddedStream(EmbeddedLog(path)), counting_engine(), SETTINGS, Surroundings(told, lambda: 0)).run(stop)
    assert told.turns == 1
    assert outcome(path) == before
    assert Life(path).live().results == ["exact"] * 3
