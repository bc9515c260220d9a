"""What the worker tells, as Prometheus metrics: once a batch, never once a reading.

Which metrics there are is declared in `declared`; here is when each of them moves.
"""

import math
import time
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from service.bundle import Bundle
from service.records import OTHER, AlertRecord, Measured
from service.telemetry.declared import EVENTS, GRAVE, Declared
from service.telemetry.open_alerts import Told
from service.worker.observer import RestoreResult, Silent


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
        self._open_alerts = self._metrics.worst
        self._restoring: set[int] = set()
        self._running: set[int] = set()
        self._parked: set[int] = set()
        self._arrivals: dict[int, int] = {}
        self._summaries: dict[int, Mapping[str, float]] = {}
        self._sensors: dict[str, set[str]] = {OTHER: set()}  # of each class that has a bundle of its own
        self._metrics.build.labels(version).set(1)
        for bundle in bundles:
            manifest = bundle.manifest
            self._metrics.model.labels(manifest.name, manifest.version, manifest.sha256[:12]).set(1)
            if not manifest.universal:
                self._sensors.setdefault(manifest.name, set()).update(s.name for s in manifest.sensors if s.scored)
        self._begin()

    def _begin(self) -> None:
        """Every class is there from the start, at nothing, so that what comes first is a rise as well."""
        self._metrics.progress.set_to_current_time()
        self.measured({name: Measured() for name in self._sensors})
        for name, sensors in self._sensors.items():
            self._metrics.class_devices.labels(name).set(0)
            for kind, severity in GRAVE:
                self._metrics.open.labels(name, kind, severity).set(0)
            for sensor in sorted(sensors) or [OTHER]:
                self._metrics.opened.labels(name, sensor)
        for kind, event, severity in EVENTS:
            self._metrics.alerts.labels(kind, event, severity)

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
            self._hear(self._open_alerts.hear(partition, alert.value))
        if alerts:
            self._tell_open()

    def _hear(self, told: Told) -> None:
        if (told.event, told.kind) == ("opened", "process") and told.severity != "info":
            name = self._class(told.model.name)
            sensor = told.sensor if told.sensor in self._sensors[name] else OTHER
            self._metrics.opened.labels(name, sensor).inc()

    def _class(self, model: str) -> str:
        return model if model in self._sensors else OTHER

    def dead_letters(self, reasons: Mapping[str, int]) -> None:
        for reason, count in reasons.items():
            self._metrics.dead_letters.labels(reason).inc(count)

    def measured(self, by_class: Mapping[str, Measured]) -> None:
        for name, seen in by_class.items():
            self._metrics.score.add(seen.scores, seen.score_sum, name)
            self._metrics.device_seconds.labels(name).inc(seen.device_s)
            self._metrics.allowed.labels(name).inc(seen.allowed)
            self._metrics.values.labels(name, "present").inc(seen.present)
            self._metrics.values.labels(name, "missing").inc(seen.missing)

    def waited(self, event_s: NDArray[np.float64], arrival_s: NDArray[np.float64]) -> None:
        self._metrics.end_to_end.observe(np.maximum(event_s, 0.0))  # a clock that is ahead has not waited
        self._metrics.delivery.observe(np.maximum(arrival_s, 0.0))

    def stepped(self, seconds: float, records: int) -> None:
        self._metrics.step_seconds.observe(seconds)

    def committed(self, seconds: float, records: int) -> None:
        self._metrics.commit_seconds.observe(seconds)
        self._metrics.committed.inc(records)
        self._metrics.transactions.labels("committed").inc()

    def finished(self, seconds: float, records: int) -> None:
        self._metrics.batch_seconds.observe(seconds)

    def rebalanced(self) -> None:
        self._metrics.rebalances.inc()

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

    def summary(self, partition: int, counts: Mapping[str, float]) -> None:
        self._summaries[partition] = counts
        self._metrics.devices.labels(str(partition)).set(counts.get("devices", 0))
        self._metrics.warming.labels(str(partition)).set(counts.get("warming", 0))
        self._tell_classes()

    def restoring(self, partition: int) -> None:
        self._move(partition, self._restoring)

    def restored(self, partition: int, result: RestoreResult, replayed: int, seconds: float) -> None:
        self._move(partition, self._running)
        self._metrics.breaker.labels(str(partition)).set(0)
        self._metrics.restores.labels(result).inc()
        self._metrics.restore_seconds.observe(seconds)
        self._metrics.replayed.inc(replayed)
        self._open_alerts.forget(partition)
        for value in self._ledger(partition).values():
            self._open_alerts.hear(partition, value)
        self._tell_open()

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
        self._tell_classes()

    def lost_records(self, partition: int, records: int) -> None:
        self._metrics.lost.inc(records)

    def unavailable(self, reason: str, retry_s: float) -> None:
        self._metrics.refused.inc()
        self._metrics.transactions.labels("refused").inc()

    def superseded(self, reason: str) -> None:
        self._metrics.superseded.inc()
        self._metrics.transactions.labels("superseded").inc()

    def uncertain(self, reason: str, retry_s: float) -> None:
        self._metrics.uncertain.inc()
        self._metrics.transactions.labels("uncertain").inc()

    def fenced(self, reason: str) -> None:
        self._metrics.fenced.inc()
        self._metrics.transactions.labels("fenced").inc()

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
        tally: Tally[tuple[str, str, str]] = Tally()
        for (model, kind, severity), count in self._open_alerts.tally.items():
            tally[self._class(model), kind, severity] += count
        for labels, count in tally.items():
            self._metrics.open.labels(*labels).set(count)
        for type_, count in self._open_alerts.types.items():
            self._metrics.open_types.labels(type_).set(count)

    def _tell_classes(self) -> None:
        for name in self._sensors:
            self._metrics.class_devices.labels(name).set(self._summed(f"class/{name}"))
            if judged := self._summed(f"judged/{name}"):
                self._metrics.limit_ratio.labels(name).set(math.exp(self._summed(f"drift/{name}") / judged))

    def _summed(self, name: str) -> float:
        return sum(counts.get(name, 0) for counts in self._summaries.values())
