"""Every Prometheus metric, declared once: prefix `gruard_`, base units, closed label sets, never a device id.

The one exception to the last is `gruard_open_alert_info`, for the worst 50 open alerts. The worker tells `Metrics`
once a batch; nothing here is called once a reading.
"""

import time
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.process_collector import ProcessCollector

from service.bundle import Bundle
from service.records import AlertRecord
from service.telemetry.open_alerts import OpenAlerts
from service.worker.observer import RestoreResult, Silent

# 0.1 s is the goal from poll to commit, so it is an edge of its own; a factor of about 2 apart, 0.5 ms to 10 s.
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
RESTORE_SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
RECORDS = (1, 4, 16, 64, 256, 1024, 2048, 4096, 8192, 16384, 65536)


class Declared:
    """The metrics by name and meaning; `registry` is what a scrape reads."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # else every counter comes with a second series that nobody asks for
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._declare_flow()
        self._declare_trouble()
        self._declare_speed()
        self._declare_holdings()
        self._declare_state()

    def _declare_flow(self) -> None:
        counter = partial(Counter, registry=self.registry)
        self.records = counter("gruard_records_total", "Records polled from the stream")
        self.readings = counter("gruard_readings_total", "Readings committed, by what became of them", ["outcome"])
        self.alerts = counter("gruard_alert_events_total", "Alert events committed", ["kind", "event", "severity"])
        self.dead_letters = counter("gruard_dead_letters_total", "Dead letters committed", ["reason"])
        self.ticks = counter("gruard_idle_ticks_total", "Ticks of stream time journalled in idle partitions")

    def _declare_trouble(self) -> None:
        counter, gauge = partial(Counter, registry=self.registry), partial(Gauge, registry=self.registry)
        self.refused = counter("gruard_stream_unavailable_total", "Times the stream refused, nothing written")
        self.superseded = counter("gruard_commits_superseded_total", "Commits too late for the group, nothing written")
        self.uncertain = counter("gruard_commits_uncertain_total", "Commits of which only a restore can tell")
        self.fenced = counter("gruard_fenced_total", "Times another instance owned our slot, which ends the process")
        self.stalled = counter("gruard_stalled_total", "Times nothing got done unrefused, which ends the process")
        self.breaker = gauge("gruard_breaker_open", "1 = too much is no reading, nothing more is read", ["partition"])
        self.resumed = counter("gruard_breaker_resumed_total", "Partitions that went on with their breaker off")

    def _declare_speed(self) -> None:
        gauge, histogram = partial(Gauge, registry=self.registry), partial(Histogram, registry=self.registry)
        self.batch_records = histogram("gruard_batch_records", "Records in one poll", buckets=RECORDS)
        self.step_seconds = histogram("gruard_step_seconds", "Decoding and stepping one poll", buckets=SECONDS)
        self.commit_seconds = histogram("gruard_commit_seconds", "One transaction", buckets=SECONDS)
        self.lag_records = gauge("gruard_lag_records", "Records in the log not yet committed", ["partition"])
        self.lag_seconds = gauge(
            "gruard_lag_seconds", "Age of the last committed record while there are newer ones", ["partition"]
        )
        self.progress = gauge("gruard_last_progress_timestamp_seconds", "Unix time of the last round of the loop")

    def _declare_holdings(self) -> None:
        gauge = partial(Gauge, registry=self.registry)
        self.devices = gauge("gruard_devices", "Devices with state", ["partition"])
        self.warming = gauge("gruard_warming_devices", "Devices too young to score", ["partition"])
        self.open = gauge("gruard_open_alerts", "Open alerts as of the last snapshot", ["kind", "severity"])
        self.partitions = gauge("gruard_partitions", "Partitions of this worker", ["state"])
        self.model = gauge("gruard_model_info", "Bundles served, always 1", ["name", "version", "sha256"])
        self.build = gauge("gruard_build_info", "Version running, always 1", ["version"])

    def _declare_state(self) -> None:
        counter, histogram = partial(Counter, registry=self.registry), partial(Histogram, registry=self.registry)
        self.snapshots = counter("gruard_snapshots_total", "Snapshots committed")
        self.snapshot_pages = counter("gruard_snapshot_pages_total", "Pages written by snapshots")
        self.snapshot_bytes = counter("gruard_snapshot_bytes_total", "Bytes written by snapshots")
        self.restores = counter("gruard_restores_total", "Partitions restored", ["result"])
        self.restore_seconds = histogram("gruard_restore_seconds", "Restoring one partition", buckets=RESTORE_SECONDS)
        self.replayed = counter("gruard_replayed_records_total", "Records replayed by restores")
        self.lost = counter("gruard_lost_records_total", "Records that retention removed before they were read")


class Metrics(Silent):
    """An Observer. clock: seconds, in the time base of arrivals. open_alerts: a partition's ledger, after a restore."""

    def __init__(
        self,
        bundles: Iterable[Bundle] = (),
        version: str = "0",
        clock: Callable[[], float] = time.time,
        open_alerts: Callable[[int], Mapping[str, bytes]] = lambda partition: {},
    ) -> None:
        self._metrics, self._clock, self._ledger = Declared(), clock, open_alerts
        self.registry = self._metrics.registry
        self._open_alerts = OpenAlerts()
        self.registry.register(self._open_alerts)
        self._restoring: set[int] = set()
        self._running: set[int] = set()
        self._parked: set[int] = set()
        self._arrivals: dict[int, int] = {}
        self._summaries: dict[int, Mapping[str, int]] = {}
        self._told_open: set[str] = set()
        self._metrics.build.labels(version).set(1)
        for bundle in bundles:
            manifest = bundle.manifest
            self._metrics.model.labels(manifest.name, manifest.version, manifest.sha256[:12]).set(1)

    def turned(self) -> None:
        self._metrics.progress.set_to_current_time()

    def polled(self, records: int) -> None:
        if records:
            self._metrics.records.inc(records)
            self._metrics.batch_records.observe(records)

    def readings(self, partition: int, counts: Mapping[str, int]) -> None:
        for outcome, count in counts.items():
            self._metrics.readings.labels(outcome).inc(count)

    def alerts(self, partition: int, alerts: Sequence[AlertRecord]) -> None:
        for (kind, event, severity), count in Tally((a.kind, a.event, a.severity) for a in alerts).items():
            self._metrics.alerts.labels(kind, event, severity).inc(count)
        for alert in alerts:
            self._open_alerts.hear(partition, alert.value)

    def dead_letters(self, reasons: Mapping[str, int]) -> None:
        for reason, count in reasons.items():
            self._metrics.dead_letters.labels(reason).inc(count)

    def stepped(self, seconds: float, records: int) -> None:
        self._metrics.step_seconds.observe(seconds)

    def committed(self, seconds: float, records: int) -> None:
        self._metrics.commit_seconds.observe(seconds)

    def lag(self, partition: int, records: int, arrival_ms: int | None) -> None:
        if arrival_ms is not None:
            self._arrivals[partition] = arrival_ms
        last = self._arrivals.get(partition)
        age = 0.0 if records == 0 or last is None else max(self._clock() - last / 1000, 0.0)
        self._metrics.lag_records.labels(str(partition)).set(records)
        self._metrics.lag_seconds.labels(str(partition)).set(age)

    def ticked(self, partition: int) -> None:
        self._metrics.ticks.inc()

    def snapshot(self, partition: int, pages: int, size_bytes: int) -> None:
        self._metrics.snapshots.inc()
        self._metrics.snapshot_pages.inc(pages)
        self._metrics.snapshot_bytes.inc(size_bytes)

    def summary(self, partition: int, counts: Mapping[str, int]) -> None:
        self._summaries[partition] = counts
        self._metrics.devices.labels(str(partition)).set(counts.get("devices", 0))
        self._metrics.warming.labels(str(partition)).set(counts.get("warming", 0))
        self._tell_open()

    def restoring(self, partition: int) -> None:
        self._move(partition, self._restoring)

    def restored(self, partition: int, result: RestoreResult, replayed: int, seconds: float) -> None:
        self._move(partition, self._running)
        self._metrics.breaker.labels(str(partition)).set(0)
        self._metrics.restores.labels(result).inc()
        self._metrics.restore_seconds.observe(seconds)
        self._metrics.replayed.inc(replayed)
        for value in self._ledger(partition).values():
            self._open_alerts.hear(partition, value)

    def parked(self, partition: int) -> None:
        self._move(partition, self._parked)

    def tripped(self, partition: int, told: str) -> None:
        self._metrics.breaker.labels(str(partition)).set(1)

    def resumed(self, partition: int, offset: int) -> None:
        self._metrics.resumed.inc()

    def dropped(self, partition: int) -> None:
        self._move(partition, None)
        self._summaries.pop(partition, None)
        self._open_alerts.forget(partition)
        for gauge in (
            self._metrics.lag_records,
            self._metrics.lag_seconds,
            self._metrics.devices,
            self._metrics.warming,
            self._metrics.breaker,
        ):
            gauge.remove_by_labels({"partition": str(partition)})
        self._tell_open()

    def lost_records(self, partition: int, records: int) -> None:
        self._metrics.lost.inc(records)

    def unavailable(self, reason: str, retry_s: float) -> None:
        self._metrics.refused.inc()

    def superseded(self, reason: str) -> None:
        self._metrics.superseded.inc()

    def uncertain(self, reason: str, retry_s: float) -> None:
        self._metrics.uncertain.inc()

    def fenced(self, reason: str) -> None:
        self._metrics.fenced.inc()

    def stalled(self, reason: str) -> None:
        self._metrics.stalled.inc()

    def _move(self, partition: int, to: set[int] | None) -> None:
        states = {"restoring": self._restoring, "running": self._running, "parked": self._parked}
        for name, held in states.items():
            held.discard(partition)
            if held is to:
                held.add(partition)
            self._metrics.partitions.labels(name).set(len(held))

    def _tell_open(self) -> None:
        """What has gone is told as 0, not taken away: a scrape in between would see alerts that come and go."""
        tally = Tally(dict.fromkeys(self._told_open, 0))
        for counts in self._summaries.values():
            tally.update({name: count for name, count in counts.items() if name.startswith("open/")})
        self._told_open = set(tally)
        for name, count in tally.items():
            _, kind, severity = name.split("/")
            self._metrics.open.labels(kind, severity).set(count)
