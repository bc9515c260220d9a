"""Every Prometheus metric, declared once: prefix `gruard_`, base units, closed label sets, never a device id.

The one exception to the last is `gruard_open_alert_info`, for the worst 50 open alerts. `Declared` is what the worker's
numbers go to and a scrape reads; `all` is what dashboards and the reference are held against.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.process_collector import ProcessCollector

from service.records import SCORE_EDGES
from service.telemetry.distribution import Distribution
from service.telemetry.open_alerts import NAME, OpenAlerts

# 0.1 s is the goal from poll to commit, so it is an edge of its own; a factor of about 2 apart, 0.5 ms to 10 s.
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
# Clocks of devices, queues of gateways and a backlog lie in between: from a batch to a day.
AGES = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 86400)
RESTORE_SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
RECORDS = (1, 4, 16, 64, 256, 1024, 2048, 4096, 8192, 16384, 65536)

# The label values that are known beforehand: told as 0 from the start, so that the first one is a rise as well.
VALUES: dict[str, tuple[str, ...]] = {
    "outcome": (
        "stepped", "late", "duplicate", "conflict", "future", "all_missing", "refused", "no_model", "merged", "gap",
        "evicted", "clock_corrected", "unknown_class", "unknown_member", "key_mismatch", "foreign_sensor",
        "too_many_sensors",
    ),
    "reason": (
        "decode", "schema", "not-finite", "time", "device", "oversize", "future", "late", "no-model",
    ),
    "restored": ("exact", "cold", "migrated", "reset", "inexact", "lost"),
    "transaction": ("committed", "refused", "superseded", "uncertain", "fenced"),
    "state": ("restoring", "running", "parked"),
    "values": ("present", "missing"),
    "type": (
        "surprise", "level", "season", "change", "silent", "stuck", "missing", "out_of_range", "clock_skew",
    ),
}  # fmt: skip
GRAVE = (("process", "critical"), ("process", "warning"), ("data_quality", "warning"))
EVENTS = (
    *(
        ("process", event, severity)
        for event in ("opened", "updated", "resolved")
        for severity in ("warning", "critical")
    ),
    ("process", "escalated", "critical"),
    ("data_quality", "opened", "warning"),
    ("data_quality", "resolved", "warning"),
)
Kind = Literal["counter", "gauge", "histogram"]
PARTITION = ("partition",)


@dataclass(frozen=True)
class Declaration:
    """name: as a query writes it; a histogram's has `_bucket`, `_sum` or `_count` behind it."""

    name: str
    kind: Kind
    told: str
    labels: tuple[str, ...] = ()


class Declared:
    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # else every counter comes with a second series that nobody asks for
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.all: list[Declaration] = []
        self._declare_flow()
        self._declare_found()
        self._declare_trouble()
        self._declare_speed()
        self._declare_holdings()
        self._declare_state()

    def _declare_flow(self) -> None:
        self.records = self._counter("gruard_records_total", "Records polled from the stream")
        self.committed = self._counter("gruard_committed_records_total", "Records whose transaction was committed")
        self.readings = self._counter(
            "gruard_readings_total", "Readings committed, by what became of them", "outcome", known="outcome"
        )
        self.dead_letters = self._counter(
            "gruard_dead_letters_total", "Dead letters committed", "reason", known="reason"
        )
        self.values = self._counter(
            "gruard_sensor_values_total", "Sensor values of the readings stepped, and those that were not there",
            "class", "state",
        )  # fmt: skip
        self.ticks = self._counter("gruard_idle_ticks_total", "Ticks of stream time journalled in idle partitions")

    def _declare_found(self) -> None:
        self.alerts = self._counter("gruard_alert_events_total", "Alert events committed", "kind", "event", "severity")
        self.opened = self._counter(
            "gruard_opened_alerts_total",
            "Process alerts of severity warning or worse that opened, by their leading sensor", "class", "sensor",
        )  # fmt: skip
        self.allowed = self._counter(
            "gruard_allowed_false_alarms_total",
            "False alarms that the budget allows for the device time scored", "class",
        )  # fmt: skip
        self.device_seconds = self._counter(
            "gruard_scored_device_seconds_total", "Device time scored, a sample period a reading", "class"
        )
        told = "Scores of the readings that could be scored; above 1 is beyond the device's limit"
        self.score = self._distribution("gruard_score", told, SCORE_EDGES, "class")
        self.limit_ratio = self._gauge(
            "gruard_limit_ratio",
            "Limits that devices have learnt over those the bundle came with, geometric mean as of the last snapshots",
            "class",
        )
        self.open = self._gauge("gruard_open_alerts", "Open alerts", "class", "kind", "severity")
        self.open_types = self._gauge("gruard_open_alert_types", "Open alerts by what was noticed", "type",
                                      known="type")  # fmt: skip
        self.worst = OpenAlerts()
        self._declare(NAME, "gauge", "The worst 50 open alerts, always 1", ("device", "type", "severity"))
        self.registry.register(self.worst)

    def _declare_trouble(self) -> None:
        counter = self._counter
        self.refused = counter("gruard_stream_unavailable_total", "Times the stream refused, nothing written")
        self.superseded = counter("gruard_commits_superseded_total", "Commits too late for the group, nothing written")
        self.uncertain = counter("gruard_commits_uncertain_total", "Commits of which only a restore can tell")
        self.fenced = counter("gruard_fenced_total", "Times another instance owned our slot, which ends the process")
        self.stalled = counter("gruard_stalled_total", "Times nothing got done unrefused, which ends the process")
        self.breaker = self._gauge(
            "gruard_breaker_open", "1 = too much is no reading, nothing more is read", *PARTITION
        )
        self.resumed = counter("gruard_breaker_resumed_total", "Partitions that went on with their breaker off")

    def _declare_speed(self) -> None:
        histogram = self._histogram
        self.batch_records = histogram("gruard_batch_records", "Records in one poll", RECORDS)
        self.batch_seconds = histogram("gruard_batch_seconds", "One batch, from its poll to its commit", SECONDS)
        self.step_seconds = histogram("gruard_step_seconds", "Decoding and stepping one poll", SECONDS)
        self.commit_seconds = histogram("gruard_commit_seconds", "One transaction", SECONDS)
        self.end_to_end = self._distribution(
            "gruard_end_to_end_seconds", "From a reading's event time to the commit of what it led to", AGES
        )
        self.delivery = self._distribution(
            "gruard_arrival_to_commit_seconds", "From a record's arrival in the log to its commit", AGES
        )
        self.lag_records = self._gauge("gruard_lag_records", "Records in the log not yet committed", *PARTITION)
        self.lag_seconds = self._gauge(
            "gruard_lag_seconds", "Age of the last committed record while there are newer ones", *PARTITION
        )
        self.progress = self._gauge("gruard_last_progress_timestamp_seconds", "Unix time of the last round of the loop")

    def _declare_holdings(self) -> None:
        gauge = self._gauge
        self.devices = gauge("gruard_devices", "Devices with state, as of the last snapshot", *PARTITION)
        self.warming = gauge("gruard_warming_devices", "Of them, those too young to score", *PARTITION)
        self.class_devices = gauge("gruard_class_devices", "Devices with state, as of the last snapshots", "class")
        self.partitions = gauge("gruard_partitions", "Partitions of this worker", "state", known="state")
        self.rebalances = self._counter(
            "gruard_rebalances_total", "Times partitions were given to this worker or taken away, the first included"
        )
        self.transactions = self._counter(
            "gruard_transactions_total", "Transactions by how they ended; refused are polls as well", "result",
            known="transaction",
        )  # fmt: skip
        self.model = gauge("gruard_model_info", "Bundles served, always 1", "name", "version", "sha256")
        self.build = gauge("gruard_build_info", "Version running, always 1", "version")

    def _declare_state(self) -> None:
        counter = self._counter
        self.snapshots = counter("gruard_snapshots_total", "Snapshots committed")
        self.snapshot_pages = counter("gruard_snapshot_pages_total", "Pages written by snapshots")
        self.snapshot_bytes = counter("gruard_snapshot_bytes_total", "Bytes written by snapshots")
        self.restores = counter("gruard_restores_total", "Partitions restored", "result", known="restored")
        self.restore_seconds = self._histogram("gruard_restore_seconds", "Restoring one partition", RESTORE_SECONDS)
        self.replayed = counter("gruard_replayed_records_total", "Records replayed by restores")
        self.lost = counter("gruard_lost_records_total", "Records that retention removed before they were read")

    def _declare(self, name: str, kind: Kind, told: str, labels: tuple[str, ...]) -> None:
        self.all.append(Declaration(name, kind, told, labels))

    def _counter(self, name: str, told: str, *labels: str, known: str | None = None) -> Counter:
        self._declare(name, "counter", told, labels)
        made = Counter(name, told, labels, registry=self.registry)
        for value in VALUES[known] if known else ():
            made.labels(value)
        return made

    def _gauge(self, name: str, told: str, *labels: str, known: str | None = None) -> Gauge:
        self._declare(name, "gauge", told, labels)
        made = Gauge(name, told, labels, registry=self.registry)
        for value in VALUES[known] if known else ():
            made.labels(value)
        return made

    def _histogram(self, name: str, told: str, edges: Sequence[float]) -> Histogram:
        self._declare(name, "histogram", told, ())
        return Histogram(name, told, registry=self.registry, buckets=edges)

    def _distribution(self, name: str, told: str, edges: Sequence[float], *labels: str) -> Distribution:
        self._declare(name, "histogram", told, labels)
        made = Distribution(name, told, labels, edges)
        self.registry.register(made)
        return made
