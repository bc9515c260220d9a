"""The demo: a simulated fleet, sped up, through the service itself; alerts on the screen and a score at the end.

The fleet's messages go into a temporary SQLite file, from a thread of their own and when they are due; `service.host`
serves that file as `gruard run` would. `Stage` listens as an observer and prints what was committed. Beside it stands
the console, which asks the API for the score so far.
"""

import json
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from service import host
from service.decoding import parse_time
from service.demo import show
from service.demo.companion import Companion
from service.demo.scoreboard import Opened, Play, Verdict, judge, report
from service.detector.tables import DEFAULT_BUDGET, by_class
from service.errors import UnavailableError
from service.feeder import Feeder
from service.fleet import CLASSES, START_MS, Fleet
from service.records import AlertRecord
from service.settings import Settings, StreamSettings
from service.streams.embedded import EmbeddedLog
from service.worker.observer import Silent

STATUS_S = 0.25


@dataclass(frozen=True)
class Plan:
    seconds: float | None  # of the clock; None: until Ctrl-C
    speed: float
    devices: int
    seed: int
    report: Path | None = None
    console_port: int | None = None  # None: no console

    def fleet(self) -> Fleet:
        played_s = None if self.seconds is None else self.seconds * self.speed
        return Fleet(self.devices, self.seed, duration_s=played_s)


class Stage(Silent):
    """What the worker tells becomes lines; asks for the end once all that was fed is committed."""

    def __init__(self, feeder: Feeder, screen: show.Screen, stop: threading.Event) -> None:
        self._feeder, self._screen, self._stop = feeder, screen, stop
        self._next_status = 0.0
        self._began = time.monotonic()
        self._open: set[str] = set()
        self._heard: list[dict[str, Any]] = []  # in this turn
        self.done = 0
        self.opened: list[Opened] = []
        self.rejected = 0

    def alerts(self, partition: int, alerts: Sequence[AlertRecord]) -> None:
        for record in alerts:
            alert = show.parsed(record.value)
            if record.event == "opened":
                self.opened.append(show.opened(alert, parse_time(alert["reading_time"])))
            (self._open.discard if record.event == "resolved" else self._open.add)(record.alert_id)
            self._heard.append(alert)

    def dead_letters(self, reasons: Mapping[str, int]) -> None:
        self.rejected += sum(reasons.values())

    def committed(self, seconds: float, records: int) -> None:
        self.done += records

    def turned(self) -> None:
        for alert in sorted(self._heard, key=lambda alert: str(alert["reading_time"])):  # partitions are told in turn
            if line := show.alert_line(alert, self._screen):
                self._screen.line(line)
        self._heard.clear()
        if self._feeder.finished and (self._feeder.error or self.done >= self._feeder.appended):
            self._stop.set()
        if self._screen.terminal and time.monotonic() >= self._next_status:
            self._next_status = time.monotonic() + STATUS_S
            self._screen.status(self._status())

    def _status(self) -> str:
        rate = self.done / max(time.monotonic() - self._began, 1e-3)
        clock = show.clock(self._feeder.position_ms)
        return f"{clock}  {self.done:,} readings, {rate:,.0f} a second; {len(self._open)} alerts open"


@dataclass
class Cast:
    """Who plays, and what the scoreboard is made of."""

    fleet: Fleet
    feeder: Feeder
    stage: Stage
    models: list[dict[str, str]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)


@dataclass
class Demo:
    """One play. Raises UnavailableError when the port is taken, ConfigurationError without a model."""

    plan: Plan
    settings: Settings
    version: str
    to: TextIO
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Blocks until the play ends or `stop` is asked for; then shows the scoreboard and writes the report."""
        write = _writer(self.plan.report)
        screen = show.Screen(self.to)
        companion = Companion(self.plan.console_port)
        try:
            with tempfile.TemporaryDirectory(prefix="gruard-demo-", ignore_cleanup_errors=True) as folder:
                cast = self._serve(Path(folder) / "demo.db", screen, companion)
        finally:
            companion.leave()
        play, verdict = self._judged(cast)
        for line in show.scoreboard(play, verdict, screen):
            screen.line(line)
        self._farewell(screen)
        write(play, verdict)

    def _serve(self, path: Path, screen: show.Screen, companion: Companion) -> Cast:
        own = self.settings.embedded.model_copy(update={"path": path})
        # A configuration of a Kafka stream plays in a file all the same.
        settings = self.settings.model_copy(update={"embedded": own, "stream": StreamSettings(kind="embedded")})
        fleet = self.plan.fleet()
        feeder = Feeder(fleet, EmbeddedLog(path, own.partitions), self.plan.speed)
        stage = Stage(feeder, screen, self.stop)
        cast = Cast(fleet, feeder, stage)

        def serving(served: host.Served) -> None:
            cast.models.extend(
                {"name": b.name, "version": b.version, "sha256": b.manifest.sha256} for b in served.bundles
            )
            for line in self._banner(fleet, served, companion.start(settings.http, served.port)):
                screen.line(line)
            cast.began = time.monotonic()
            feeder.start()

        # The log's time is the feeder's: a tick then never runs ahead of readings that are yet to come.
        guest = host.Guest((stage,), lambda: feeder.position_ms, serving, lambda: self._score(cast))
        try:
            host.serve(settings, self.version, self.stop, guest)
        finally:
            feeder.leave()
        if feeder.error is not None:
            raise feeder.error
        return cast

    def _score(self, cast: Cast) -> dict[str, Any]:
        """So far; asked on a thread of the API while the play goes on."""
        return {**report(*self._judged(cast)), "finished": cast.feeder.finished}

    def _judged(self, cast: Cast) -> tuple[Play, Verdict]:
        play = self._play(cast)
        faults = [fault for fault in cast.fleet.faults if fault.device in play.periods_s]
        return play, judge(faults, list(cast.stage.opened), play.periods_s, cast.feeder.position_ms)

    def _play(self, cast: Cast) -> Play:
        feeder, stage, clock_s = cast.feeder, cast.stage, time.monotonic() - cast.began
        classes = feeder.classes.copy()
        budget = self.settings.detector.false_alarms_per_device_day
        return Play(
            seconds=self.plan.seconds if self.plan.seconds is not None else round(clock_s, 1),
            speed=self.plan.speed,
            played_s=(feeder.position_ms - START_MS) / 1000,
            clock_s=clock_s,
            readings=stage.done,
            dead_letters=stage.rejected,
            periods_s={device: CLASSES[name].period_s for device, name in classes.items()},
            budgets={device: by_class(budget, name, DEFAULT_BUDGET) for device, name in classes.items()},
            models=cast.models,
        )

    def _banner(self, fleet: Fleet, served: host.Served, console: str | None) -> list[str]:
        end = "until Ctrl-C" if self.plan.seconds is None else f"for {self.plan.seconds:g} s"
        return [
            f"Gruard {self.version}: {fleet.devices} simulated devices ({', '.join(CLASSES)}) with {len(fleet.faults)} "
            f"hidden faults, {self.plan.speed:g} times as fast as the clock, {end}.",
            f"The same worker, detector and models as `gruard run`. Metrics: http://127.0.0.1:{served.port}/metrics",
            *([console] if console else []),
            "",
        ]

    def _farewell(self, screen: show.Screen) -> None:
        screen.line("  next     gruard-train fit DATA.csv --name NAME --output models   a model of your own devices")
        screen.line("           gruard backtest DATA.csv --model NAME --output out     what it finds, with pictures")


def _writer(target: Path | None) -> Callable[[Play, Verdict], None]:
    """Opened before the play: who asks for a report learns at once that it can't be written."""
    if target is None:
        return lambda play, verdict: None
    try:
        target.touch()
    except OSError as error:
        raise UnavailableError(f"--report {target}: can't be written ({error.strerror})") from None

    def write(play: Play, verdict: Verdict) -> None:
        told: dict[str, Any] = report(play, verdict)
        target.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", "utf-8")

    return write
