"""Run a real worker over a real SQLite file, in this process or in one that may be killed, and read what came out."""

import multiprocessing
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any

from service.errors import UnavailableError
from service.streams.embedded import EmbeddedLog, EmbeddedStream, Message
from service.streams.port import Output
from service.worker import journal
from service.worker.crashpoints import CrashPoints
from service.worker.engine import Engine
from service.worker.loop import Surroundings, Worker
from service.worker.observer import RestoreResult, Silent
from service.worker.settings import WorkerSettings
from tests.service.counting import CountingDecoder, CountingDetector, message

PARTITIONS = 3
START_MS = 1_700_000_000_000
# Small numbers, so a short input holds many transactions and snapshots. A frozen clock journals no tick.
SETTINGS = WorkerSettings(max_records=97, poll_s=0.0, snapshot_records=300, snapshot_s=1e6, retry_s=1e-3)

MakeEngine = Callable[[str], Engine]


def counting_engine(settings: str = "") -> Engine:
    return Engine(CountingDetector(settings), CountingDecoder())  # type: ignore[arg-type]


def counting_messages(seed: int, count: int, devices: int = 12, step_ms: int = 500) -> list[Message]:
    chance = random.Random(seed)
    messages = []
    for i in range(count):
        device = f"device-{chance.randrange(devices)}"
        value = chance.choice((1.5, 0.25, -1.0, -1.0, 2.0))
        text = message(device, value) if chance.random() > 0.02 else b"{not json " + str(i).encode()
        messages.append(Message(device.encode(), text, START_MS + i * step_ms))
    return messages


def filled(path: Path, messages: Sequence[Message], partitions: int = PARTITIONS) -> Path:
    log = EmbeddedLog(path, partitions)
    log.append(messages)
    log.close()
    return path


class Watcher(Silent):
    """Stops the worker once everything is committed, and keeps what it was told."""

    def __init__(self, stop: Event, partitions: int) -> None:
        self.stop, self.partitions = stop, partitions
        self.caught_up: set[int] = set()
        self.results: list[RestoreResult] = []
        self.replayed = 0
        self.snapshots = 0
        self.refusals: list[str] = []
        self.lost = 0
        self.trips: dict[int, str] = {}
        self.resumed_partitions: list[int] = []

    def tripped(self, partition: int, told: str) -> None:
        self.trips[partition] = told
        self.caught_up.add(partition)  # as far as it gets

    def resumed(self, partition: int, offset: int) -> None:
        self.resumed_partitions.append(partition)

    def lag(self, partition: int, records: int, arrival_ms: int | None) -> None:
        if not records:
            self.caught_up.add(partition)
        if len(self.caught_up) == self.partitions:
            self.stop.set()

    def restored(self, partition: int, result: RestoreResult, replayed: int, seconds: float) -> None:
        self.results.append(result)
        self.replayed += replayed

    def snapshot(self, partition: int, pages: int, size_bytes: int) -> None:
        self.snapshots += 1

    def unavailable(self, reason: str, retry_s: float) -> None:
        self.refusals.append(reason)

    def lost_records(self, partition: int, records: int) -> None:
        self.lost += records


def _frozen() -> int:
    return 0


def _refusing(reach: Callable[[str], None], refused: frozenset[int]) -> Callable[[str], None]:
    commits = 0

    def checked(point: str) -> None:
        nonlocal commits
        reach(point)
        commits += point == "staged"
        if point == "staged" and commits in refused:
            raise UnavailableError(f"commit {commits} was refused")

    return checked


@dataclass(frozen=True)
class Life:
    """One process of the worker, from start to caught up or killed."""

    path: Path
    engine: MakeEngine = counting_engine
    rules: str = ""
    settings: WorkerSettings = SETTINGS
    clock: Callable[[], int] = _frozen
    retention_s: float = 1e9
    worker: type[Worker] = Worker
    refused: frozenset[int] = frozenset()  # which commits fail, the whole transaction written but for its end

    def live(self, crash_at: str | None = None) -> Watcher:
        """In this process."""
        log = EmbeddedLog(self.path, PARTITIONS, busy_s=0.2)
        # A killed process leaves to the kernel what it wrote; only a power cut would need the disk to be waited for.
        log.database.connection.execute("PRAGMA synchronous = OFF")
        stop = Event()
        watcher = Watcher(stop, log.partitions)
        crash = CrashPoints(crash_at)
        around = Surroundings(watcher, self.clock, wall_ms=lambda: START_MS, crash=crash)
        stream = EmbeddedStream(log, self.retention_s, _refusing(crash.reach, self.refused))
        self.worker(stream, self.engine(self.rules), self.settings, around).run(stop)
        return watcher

    def killed(self, crash_at: str) -> bool:
        """In a process of its own: True when it was killed there, False when it ended before."""
        process = _CONTEXT.Process(target=_live, args=(self, crash_at))
        process.start()
        process.join(60)
        assert process.exitcode in (0, -9), process.exitcode
        return process.exitcode == -9

    def but(self, **changes: Any) -> "Life":
        return replace(self, **changes)


def _live(life: Life, crash_at: str) -> None:
    life.live(crash_at)


# A server that has imported everything and never made a thread forks the processes: milliseconds instead of a second.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.service.rig", "tests.service.real"])


@dataclass(frozen=True)
class Committed:
    """All that a reader of the file can see, without wall clocks."""

    alerts: dict[int, list[tuple[int, bytes | None, bytes]]]
    deadletters: dict[int, list[tuple[int, bytes | None, bytes]]]
    ledger: dict[str, bytes | None]
    offsets: dict[int, int]


def outcome(path: Path) -> Committed:
    log = EmbeddedLog(path)
    try:
        ledger = {r.key: r.value for p in range(log.partitions) for r in log.state(p) if r.key.startswith("alert/")}
        committed = {p: log.committed(p) for p in range(log.partitions)}
        return Committed(
            _by_partition(log.written("alerts")),
            _by_partition(log.written("deadletters")),
            ledger,
            {p: c.offset for p, c in committed.items() if c},
        )
    finally:
        log.close()


def _by_partition(rows: list[tuple[int, Output]]) -> dict[int, list[tuple[int, bytes | None, bytes]]]:
    found: dict[int, list[tuple[int, bytes | None, bytes]]] = {}
    for _, output in rows:
        found.setdefault(output.partition, []).append((output.offset, output.key, output.value))
    return found


def events(path: Path) -> Iterator[tuple[str, str, int]]:
    """(event, alert id, sequence) of every committed alert."""
    log = EmbeddedLog(path)
    for _, output in log.written("alerts"):
        headers = dict(output.headers)
        alert_id, _, sequence = headers["ce_id"].decode().rpartition("-")
        yield headers["ce_type"].decode().rpartition(".")[2], alert_id, int(sequence)
    log.close()


class Restless(Worker):
    """Goes on turning when everything is read, so ticks come until it is killed."""

    def run(self, stop: Event) -> None:
        while True:
            self.turn()


class Clock:
    """A log's time that moves on by one tick at every look."""

    def __init__(self, now_ms: int = START_MS, step_ms: int = 11_000) -> None:
        self.now_ms, self.step_ms = now_ms, step_ms

    def __call__(self) -> int:
        self.now_ms += self.step_ms
        return self.now_ms


class Ticking(Watcher):
    """Stops after so many ticks."""

    def __init__(self, stop: Event, ticks: int) -> None:
        super().__init__(stop, 99)
        self.left = ticks

    def ticked(self, partition: int) -> None:
        self.left -= 1
        if not self.left:
            self.stop.set()


def tick(
    path: Path, ticks: int, clock: Clock, settings: WorkerSettings = SETTINGS, engine: MakeEngine = counting_engine
) -> Ticking:
    stop = Event()
    watcher = Ticking(stop, ticks)
    stream = EmbeddedStream(EmbeddedLog(path))
    Worker(stream, engine(""), settings, Surroundings(watcher, clock)).run(stop)
    return watcher


def replayed_alerts(path: Path, make: MakeEngine = counting_engine) -> dict[int, list[tuple[int, bytes | None, bytes]]]:
    """The oracle: a fresh detector over the input and the journal of the run that is judged."""
    log = EmbeddedLog(path)
    found: dict[int, list[tuple[int, bytes | None, bytes]]] = {}
    entries: dict[int, list[journal.Entry]] = {}
    for _, output in log.written("control"):
        entries.setdefault(output.partition, []).append(journal.parse(output.value))
    for partition in range(log.partitions):
        engine = make("")
        engine.detector.open(partition)
        records = log.readings(partition, 0, 10**9, 10**9)
        for item in journal.interleaved([records] if len(records) else [], entries.get(partition, [])):
            entry = isinstance(item, journal.Entry)
            outcome = engine.apply(partition, item) if entry else engine.step(item)[1]
            engine.detector.fold(outcome)
            found.setdefault(partition, []).extend((a.offset, a.device.encode(), a.value) for a in outcome.alerts)
    log.close()
    return {partition: alerts for partition, alerts in found.items() if alerts}
