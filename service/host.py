"""One process of the service, put together from its settings: bundles, detector, decoder, stream, worker, telemetry.

`gruard run` and `gruard demo` both serve through here, so the demo shows the service itself and not a look-alike.
"""

import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Event
from typing import Any

from service.api.serving import Serving
from service.api.views import Facts
from service.bundle import Bundle, Bundles, assert_denormals_flushed
from service.decoding import Decoder
from service.detector import Detector
from service.detector.seen import Watcher
from service.errors import FencedError
from service.settings import Settings
from service.streams.opening import open_stream, where
from service.telemetry import logs
from service.telemetry.health import Vitals
from service.telemetry.metrics import Metrics
from service.telemetry.several import several
from service.worker.crashpoints import CrashPoints
from service.worker.engine import Engine
from service.worker.loop import Surroundings, Worker, wall_clock_ms
from service.worker.observer import Observer
from service.worker.publish import Origin


@dataclass(frozen=True)
class Served:
    """What is up before the first reading: where it answers, and with which bundles."""

    port: int
    bundles: list[Bundle]


@dataclass(frozen=True)
class Guest:
    """What a caller adds to the plain service. clock: ms, in the time base of the stream's arrivals.

    scoreboard: what /api/v1/demo answers, asked on any thread; None: there is none.
    """

    observers: tuple[Observer, ...] = ()
    clock: Callable[[], int] = wall_clock_ms
    serving: Callable[[Served], None] = lambda served: None
    scoreboard: Callable[[], Mapping[str, Any]] | None = None


def engine(settings: Settings, bundles: Bundles, watcher: Watcher | None = None) -> Engine:
    detector = Detector(
        bundles,
        settings.detector,
        settings.alerts,
        settings.models.patterns,
        dead_letter_late=settings.readings.dead_letter_late,
        watcher=watcher,
    )
    own = settings.readings
    return Engine(detector, Decoder(detector.sensors(), detector.classes(), own.mapping, own.max_message_bytes))


def serve(settings: Settings, version: str, stop: Event, guest: Guest | None = None) -> None:
    """Blocks until told to stop, or raises. The port is bound first: what can't be served is not started."""
    guest = guest or Guest()
    bundles = Bundles(settings.models.path, settings.models.default, settings.models.patterns.values())
    serving = Serving(settings.http)
    made = engine(settings, bundles, serving.recorder)
    assert_denormals_flushed()
    metrics = Metrics(bundles.all(), version, lambda: guest.clock() / 1000, made.detector.open_alerts)
    vitals = Vitals(stop)
    news = serving.news(made.detector)
    observer = several(metrics, vitals, logs.Journalist(), news, *guest.observers)
    crash = CrashPoints(settings.worker.crash_at)
    around = Surroundings(observer, guest.clock, origin=_origin(settings, version), crash=crash)
    budget = settings.detector.false_alarms_per_device_day
    facts = Facts(version, where(settings), budget, guest.clock, bundles.all(), guest.scoreboard)
    with serving.listen(facts, news, vitals, metrics.registry) as server:
        stream = open_stream(settings, crash.reach)
        guest.serving(Served(server.port, bundles.all()))
        try:
            Worker(stream, made, settings.worker, around).run(stop)
        except FencedError:
            _stand_back(settings, stop)
            raise


def _stand_back(settings: Settings, stop: Event) -> None:
    """Two workers of one name, each started anew whenever it ends, would fence each other for ever and unseen.

    Metrics go on being served, so somebody sees it.
    """
    if settings.stream.kind != "kafka":
        return  # a file's lock fences the newcomer alone
    delay_s = settings.kafka.fenced_delay_s * random.uniform(0.5, 1.5)
    logs.event("standing_back", logging.WARNING, exit_s=round(delay_s, 1))
    stop.wait(delay_s)


def _origin(settings: Settings, version: str) -> Origin:
    return Origin(group=settings.kafka.group, version=version, readings=settings.readings.model_dump_json())
