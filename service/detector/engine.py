"""The detector: composes the rooms beside it. What it knows of a partition changes only in `fold`."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

import service.detector.snapshots as snapshots
from service.bundle import Bundles
from service.detector.cutting import device_of_record, no_readings, slices
from service.detector.deadlines import fire
from service.detector.devices import ALERTING, row_bytes
from service.detector.fingerprint import fingerprint
from service.detector.measuring import Meter, drift, served_class
from service.detector.merging import Merger
from service.detector.partition import Overlay, Partition, table_key
from service.detector.publishing import Publisher
from service.detector.resolve import Resolver
from service.detector.roster import Roster, rosters
from service.detector.rules import AlertsSettings, DetectorSettings
from service.detector.scored import Scored
from service.detector.scores import ScoreSheet
from service.detector.seen import Watcher
from service.detector.step import Batch, step_group
from service.detector.tables import TableRules, by_class
from service.detector.telling import Teller
from service.detector.watched import Sighting
from service.records import Outcome, Readings, Reject

Part = tuple[Teller, Counter[str], ScoreSheet | None]


class Detector:
    """Scores the readings of any number of partitions. One unfolded outcome a partition at a time."""

    def __init__(
        self,
        bundles: Bundles,
        rules: DetectorSettings,
        alerts: AlertsSettings,
        patterns: Mapping[str, str],
        scores: bool = False,
        dead_letter_late: bool = False,
        watcher: Watcher | None = None,
    ) -> None:
        self._bundles, self._settings, self._alerts = bundles, rules, alerts
        self._watcher = watcher
        self._patterns = dict(patterns)
        self._resolver = Resolver(bundles, patterns, rules.max_devices)
        self._scores, self._dead_letter_late = scores, dead_letter_late
        self._place: Callable[[int], tuple[str, int]] = lambda partition: ("telemetry.readings.v1", partition)
        self._partitions: dict[int, Partition] = {}
        self._rules: dict[tuple[int, str], TableRules] = {}
        self._merging = isinstance(rules.merge_window_s, Mapping) or rules.merge_window_s > 0

    # Partitions come and go.

    def locate(self, place: Callable[[int], tuple[str, int]]) -> None:
        """How the outside calls a partition, by topic and number there: what an alert names as its source."""
        self._place = place

    def open(self, partition: int) -> None:
        self.drop(partition)
        self._partitions[partition] = Partition(partition)

    def drop(self, partition: int) -> None:
        self._partitions.pop(partition, None)
        self._rules = {key: rules for key, rules in self._rules.items() if key[0] != partition}

    # One step.

    def step(self, readings: Readings) -> Outcome:
        """What these readings would change and publish; nothing is changed yet."""
        partition = self._partitions[readings.partition]
        overlay = Overlay(partition)
        if not self._needs_slicing(partition, readings):
            return self._outcome(overlay, [self._advance(overlay, readings)])
        # At the cap a forgotten device makes room for a new one: then every record is a step of its own.
        parts = []
        for record, first, part in slices(readings):
            teller, counts, sheet = self._advance(overlay, part, first)
            teller.rejects = [reject._replace(record=record) for reject in teller.rejects]
            parts.append((teller, counts, sheet))
        outcome = self._outcome(overlay, parts)
        if outcome.scores is not None and not self._merging:
            outcome.scores.stepped = readings
        return outcome

    def tick(self, partition: int, offset: int, time_ms: int) -> Outcome:
        """Let stream time reach `time_ms` although no reading came; what becomes due carries `offset`."""
        overlay = Overlay(self._partitions[partition])
        empty = no_readings(partition, offset, max(time_ms, overlay.stream.now))
        overlay.stream = type(overlay.stream)(int(empty.arrivals[0]))
        stream = empty.arrivals
        teller = self._teller(overlay, empty, stream)
        counts: Counter[str] = Counter()
        if self._merging:
            whole, _ = self._merger(overlay).merge(empty, stream)
            self._step_readings(overlay, whole, stream, teller, counts, None)
        self._fire(overlay, stream, teller)
        return self._outcome(overlay, [(teller, counts, None)])

    def fold(self, outcome: Outcome) -> None:
        overlay = outcome.overlay
        assert isinstance(overlay, Overlay)
        overlay.fold()
        if self._watcher is not None:
            overlay.show(self._watcher)

    def _needs_slicing(self, partition: Partition, readings: Readings) -> bool:
        room = self._settings.max_devices - len(partition.codes)
        if room >= len(readings.devices) or room >= partition.newcomers(readings.devices):
            return False
        return int(readings.arrivals.max(initial=0)) >= partition.deadline

    def _advance(self, overlay: Overlay, readings: Readings, first: int = 0) -> Part:
        skew_ms = int(self._settings.max_clock_skew_s * 1000)
        overlay.stream, stream = overlay.stream.advance(readings.arrivals, device_of_record(readings), skew_ms)
        counts: Counter[str] = Counter()
        if self._merging:
            readings, counts["merged"] = self._merger(overlay).merge(readings, stream)
        teller = self._teller(overlay, readings, stream)
        sheet = ScoreSheet(readings, overlay.partition.signatures, first) if self._scores else None
        self._step_readings(overlay, readings, stream, teller, counts, sheet)
        self._fire(overlay, stream, teller)
        return teller, counts, sheet

    def _step_readings(
        self,
        overlay: Overlay,
        readings: Readings,
        stream: NDArray[np.int64],
        teller: Teller,
        counts: Counter[str],
        sheet: ScoreSheet | None,
    ) -> None:
        resolved = self._resolver.resolve(readings, overlay)
        counts.update(resolved.counts)
        for at in resolved.unserved:
            error = f"class {readings.classes[at]!r} has no model and models.default names none; add a bundle"
            teller.rejects.append(Reject(int(readings.record[at]), readings.elements.get(at), "no-model", error))
        skew_ms = int(self._settings.max_clock_skew_s * 1000)
        collect = self._collectors(overlay, readings, sheet)
        batch = Batch(readings, readings.times.copy(), stream, skew_ms, counts, Meter(overlay.measured), collect)
        self._rules_of_all(overlay.partition, teller)
        for group in resolved.groups:
            step_group(group, batch, teller.rules[group.work.table.key], teller)

    def _collectors(
        self, overlay: Overlay, readings: Readings, sheet: ScoreSheet | None
    ) -> list[Callable[[Scored], None]]:
        """Those who are told of each chunk that was scored."""
        told: list[Callable[[Scored], None]] = [sheet.add] if sheet is not None else []
        if self._watcher is not None and readings.devices:
            chosen = self._watcher.chosen(readings.devices)
            if chosen.any():
                told.append(Sighting(chosen, readings.labels, overlay.partition.signatures, overlay.seen).add)
        return told

    def _fire(self, overlay: Overlay, stream: NDArray[np.int64], teller: Teller) -> None:
        self._rules_of_all(overlay.partition, teller)
        fire(overlay, stream, teller.rules, teller)

    def _rules_of_all(self, partition: Partition, teller: Teller) -> None:
        for table in partition.tables:
            key = (partition.number, table.key)
            if key not in self._rules:
                self._rules[key] = TableRules(table.layout, partition, self._settings, self._alerts)
            teller.rules[table.key] = self._rules[key]

    def _teller(self, overlay: Overlay, readings: Readings, stream: NDArray[np.int64]) -> Teller:
        publisher = Publisher(overlay, readings, self._place(readings.partition), {})
        return Teller(publisher, readings, stream, self._alerts, self._dead_letter_late)

    def _merger(self, overlay: Overlay) -> Merger:
        def window_ms(device: str, class_name: str | None) -> int:
            _, name = self._resolver.route(device, class_name)
            return int(by_class(self._settings.merge_window_s, name, 0.0) * 1000)

        def expected(device: str) -> int:
            bundle, _ = self._resolver.route(device, None)
            code = int(overlay.find([device])[0])
            if code >= 0:
                bundle = overlay.partition.tables[code >> 32].layout.bundle
            return len(bundle.manifest.sensors) if bundle is not None else 0

        return Merger(overlay, window_ms, expected)

    def _outcome(self, overlay: Overlay, parts: list[Part]) -> Outcome:
        counts: Counter[str] = Counter()
        for teller, tally, _ in parts:
            counts.update(tally)
            counts.update(teller.counts)
        occurrences = [o for teller, _, _ in parts for o in teller.publisher.occurrences]
        occurrences.sort(key=lambda o: o[:4])
        sheets = [sheet for _, _, sheet in parts if sheet is not None]
        return Outcome(
            partition=overlay.partition.number,
            alerts=[o.record for o in occurrences],
            rejects=sorted(r for teller, _, _ in parts for r in teller.rejects),
            counts={name: count for name, count in counts.items() if count},
            scores=ScoreSheet.joined(sheets) if sheets else None,
            overlay=overlay,
            measured=overlay.measured,
        )

    # Snapshots.

    def pages(self, partition: int, after: Outcome | None = None, full: bool = False) -> list[tuple[str, bytes | None]]:
        """State records of a snapshot as if `after` were folded; `snapshot_committed` then marks them clean."""
        own = self._partitions[partition]
        overlay = after.overlay if after is not None else None
        assert overlay is None or isinstance(overlay, Overlay)
        own.staged = {}
        records = []
        for key, value, place in snapshots.Snapshot(own, overlay).records(full):
            own.staged[key] = (own.tables[place[0]], place[1]) if place is not None else None
            records.append((key, value))
        return records

    def snapshot_committed(self, partition: int) -> None:
        own = self._partitions[partition]
        own.snapshots += 1
        for place in own.staged.values():
            if place is not None:
                table, page = place
                table.dirty.discard(page)
                table.written[page] = own.snapshots
        own.staged = {}

    def load(self, partition: int, pages: Iterable[tuple[str, bytes]]) -> int:
        """How many devices start anew because their bundle is gone or has changed. DataRuleError: a damaged page."""
        self.open(partition)
        own = self._partitions[partition]
        return snapshots.load(own, pages, lambda key, sha256: self._table_for(own, key, sha256))

    def _table_for(self, partition: Partition, key: str, sha256: str) -> int | None:
        width = int(key.rpartition("/")[2])
        found = (b for b in self._bundles.all() if (table_key(b, width), b.manifest.sha256) == (key, sha256))
        bundle = next(found, None)
        return None if bundle is None else partition.table(self._resolver.layout(bundle, width))

    def forget_alerts(self, partition: int, keys: Collection[str]) -> None:
        """Drop open alerts, by their keys in `open_alerts`, and tell nobody: for those that were told otherwise."""
        for table in self._partitions[partition].tables:
            for slot, case in list(table.cases.items()):
                case.forget({key.rpartition("/")[2] for key in keys if key.startswith(f"alert/{table.ids[slot]}/")})
                if case.process is None:
                    table.columns["flags"][slot] &= ~ALERTING
                table.dirty.add(slot // table.layout.page_rows)

    # What others may ask.

    def open_alerts(self, partition: int) -> dict[str, bytes]:
        """Ledger: what is open, as last published."""
        own = self._partitions[partition]
        return {
            f"alert/{table.ids[slot]}/{alert.alert_id}": alert.value
            for table in own.tables
            for slot, case in table.cases.items()
            for alert in case.open()
        }

    def rows(self, partition: int) -> dict[str, bytes]:
        """Each device's whole state as bytes, for comparing two histories."""
        own = self._partitions[partition]
        return {
            device: row_bytes(table.columns, slot, table.cases.get(slot), own.sensors(table, slot))
            for table in own.tables
            for slot, device in enumerate(table.ids)
            if device is not None
        }

    def rosters(self) -> list[Roster]:
        """Every device, by partition and table; copies, so that the detector may go on."""
        return [roster for own in self._partitions.values() for roster in rosters(own)]

    def devices(self) -> int:
        return sum(len(own.codes) for own in self._partitions.values())

    def summary(self, partition: int) -> dict[str, float]:
        """Devices, those still warming up, and devices by `class/<class>`.

        `drift/<class>` is the sum of ln(limit / newborn limit) over the `judged/<class>` devices.
        """
        own = self._partitions[partition]
        tally: Counter[str] = Counter({"devices": len(own.codes)})
        drifts: dict[str, float] = {}
        for table in own.tables:
            warm_up = max(table.layout.bundle.manifest.warm_up, 1)
            tally["warming"] += sum(int((table.columns["count"][slots] < warm_up).sum()) for slots in table.alive())
            name = served_class(table.layout.bundle.manifest)
            tally[f"class/{name}"] += len(table.ids) - len(table.free)
            if rules := self._rules.get((partition, table.key)):
                moved, devices = drift(table, rules)
                drifts[f"drift/{name}"] = drifts.get(f"drift/{name}", 0.0) + moved
                tally[f"judged/{name}"] += devices
        return {**tally, **drifts}

    def sensors(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(s.name for bundle in self._bundles.all() for s in bundle.manifest.sensors))

    def classes(self) -> frozenset[str]:
        return frozenset(bundle.manifest.name for bundle in self._bundles.all() if not bundle.manifest.universal)

    def fingerprint(self) -> str:
        """Equal fingerprints step to equal bits."""
        rules = self._settings.model_dump_json(), self._alerts.model_dump_json(), repr(sorted(self._patterns.items()))
        return fingerprint(self._bundles, rules, self._dead_letter_late)
