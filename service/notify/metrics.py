"""Every metric of `gruard notify`, declared once: prefix `gruard_notify_`, targets by their configured names."""

import time
from collections.abc import Iterable
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics
from prometheus_client.process_collector import ProcessCollector

RESULTS = ("taken", "refused", "never")
OUTCOMES = ("told", "counted", "put_aside", "unwanted", "duplicate")


class NotifyMetrics:
    """Told from any thread."""

    def __init__(self, targets: Iterable[str], version: str) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self.progress_s = 0.0
        ProcessCollector(registry=self.registry)
        self._declare_told()
        self._declare_waiting()
        self.build.labels(version).set(1)
        for target in targets:  # a series that begins with its first event hides that event from rate()
            for result in RESULTS:
                self.requests.labels(target, result)
            for outcome in OUTCOMES:
                self.events.labels(target, outcome)

    def _declare_told(self) -> None:
        counter = partial(Counter, registry=self.registry)
        self.requests = counter(
            "gruard_notify_requests_total", "Requests to a target, by what it made of them", ["target", "result"]
        )
        self.events = counter(
            "gruard_notify_events_total", "Alert events done with, by what became of them", ["target", "outcome"]
        )
        self.unreadable = counter("gruard_notify_unreadable_total", "Records that are no alert of ours")
        self.lost = counter("gruard_notify_lost_records_total", "Records that retention removed before they were told")
        self.unavailable = counter("gruard_notify_stream_unavailable_total", "Times the stream refused")

    def _declare_waiting(self) -> None:
        gauge = partial(Gauge, registry=self.registry)
        self.waiting = gauge("gruard_notify_waiting_events", "Alert events that wait to be told", ["target"])
        self.oldest = gauge(
            "gruard_notify_oldest_waiting_seconds", "How long the oldest of them has waited here", ["target"]
        )
        self.held = gauge("gruard_notify_partitions", "Partitions of the alerts that are ours; 0 = standing by")
        self.build = gauge("gruard_notify_build_info", "Version running, always 1", ["version"])
        self.progress = gauge("gruard_notify_last_progress_timestamp_seconds", "Unix time of the last round")

    def turned(self) -> None:
        self.progress_s = time.time()
        self.progress.set(self.progress_s)
