"""Which bundle serves a device, and a batch's readings as rows and values of that bundle's table.

A device is served by the bundle of its class, else of the first pattern that its id matches, else by `default`, else
by `models.default`. A universal device's sensors are those it has sent, in the order of first sight; when they outgrow
the width, its row moves to a wider table.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from service.bundle import Bundle, Bundles
from service.detector.devices import Layout, Work
from service.detector.partition import SLOT_BITS, SLOT_MASK, Overlay, Signature, width_for
from service.manifest import WIDTHS
from service.records import Readings


@dataclass
class Group:
    """The readings of one batch that one table steps, in order."""

    table: int
    work: Work
    at: NDArray[np.intp]  # (n,) positions in the readings
    rows: NDArray[np.intp]  # (n,) work rows
    values: NDArray[np.float32]  # (n, width)
    sensors: NDArray[np.intp]  # (n,) how many sensors the device has, as of this reading


@dataclass
class Resolved:
    groups: list[Group]
    counts: Counter[str] = field(default_factory=Counter)
    unserved: list[int] = field(default_factory=list)  # readings that no bundle serves


class Resolver:
    def __init__(self, bundles: Bundles, patterns: Mapping[str, str], max_devices: int) -> None:
        self._bundles = bundles
        self._patterns = patterns
        self._max_devices = max_devices
        self._layouts: dict[tuple[str, int], Layout] = {}
        self._columns: dict[tuple[tuple[str, ...], tuple[str, ...]], NDArray[np.intp]] = {}
        self._routes: dict[tuple[str, str | None], tuple[Bundle | None, str]] = {}

    def layout(self, bundle: Bundle, width: int) -> Layout:
        key = (bundle.manifest.sha256, width)
        if key not in self._layouts:
            self._layouts[key] = Layout(bundle, width)
        return self._layouts[key]

    def route(self, device: str, class_name: str | None) -> tuple[Bundle | None, str]:
        """The bundle that serves a device, and the class it counts as."""
        name = class_name
        if name is None:
            name = next((c for pattern, c in self._patterns.items() if fnmatchcase(device, pattern)), "default")
        return self._bundles.get(name) or self._bundles.default, name

    def is_known(self, class_name: str) -> bool:
        return self._bundles.get(class_name) is not None

    def resolve(self, readings: Readings, overlay: Overlay) -> Resolved:
        resolved = Resolved([])
        if not readings.devices:
            return resolved
        codes = overlay.find(readings.devices)
        codes = self._born(readings, overlay, codes, resolved)
        for table in np.unique(codes[codes >= 0] >> SLOT_BITS).tolist():
            at = np.flatnonzero((codes >> SLOT_BITS) == table)
            layout = overlay.partition.tables[table].layout
            if layout.bundle.manifest.universal:
                resolved.groups += self._universal(readings, overlay, table, at, codes[at] & SLOT_MASK, resolved.counts)
            else:
                rows = overlay.rows(table, codes[at] & SLOT_MASK)
                values = self._fitted_values(readings, at, layout, resolved.counts)
                scored = sum(sensor.scored for sensor in layout.bundle.manifest.sensors)
                sensors = np.full(len(at), scored, np.intp)
                resolved.groups.append(Group(table, overlay.works[table], at, rows, values, sensors))
        resolved.counts["unknown_class"] += self._of_unknown_class(readings)
        return merged(resolved)

    def _of_unknown_class(self, readings: Readings) -> int:
        tally = Counter(readings.classes)
        return sum(n for name, n in tally.items() if name is not None and not self.is_known(name))

    def _born(
        self, readings: Readings, overlay: Overlay, codes: NDArray[np.int64], resolved: Resolved
    ) -> NDArray[np.int64]:
        """Rows for devices never seen, up to the cap; the codes with them."""
        births: dict[int, tuple[list[str], list[int]]] = {}
        given: dict[str, int] = {}
        room = self._max_devices - overlay.devices
        for at in np.flatnonzero(codes < 0).tolist():
            device = readings.devices[at]
            if device in given:
                continue
            bundle, class_name = self.route(device, readings.classes[at])
            if bundle is None:
                resolved.counts["no_model"] += 1
                resolved.unserved.append(at)
                continue
            if len(given) >= room:
                resolved.counts["refused"] += 1
                continue
            names = tuple(sensor.name for sensor in bundle.manifest.sensors)
            table = overlay.partition.table(self.layout(bundle, len(names) or WIDTHS[0]))
            devices, signatures = births.setdefault(table, ([], []))
            devices.append(device)
            signatures.append(overlay.partition.signature(Signature(class_name, names)))
            given[device] = 0
        for table, (devices, signatures) in births.items():
            slots = codes[codes >= 0]
            overlay.rows(table, np.unique(slots[slots >> SLOT_BITS == table] & SLOT_MASK).astype(np.intp))
            overlay.birth(table, devices, signatures)
        if given:
            unknown = np.flatnonzero(codes < 0)
            codes[unknown] = overlay.find([readings.devices[at] for at in unknown.tolist()])
        return codes

    def _fitted_values(
        self, readings: Readings, at: NDArray[np.intp], layout: Layout, counts: Counter[str]
    ) -> NDArray[np.float32]:
        names = tuple(sensor.name for sensor in layout.bundle.manifest.sensors)
        columns = self._columns.get((names, readings.sensors))
        if columns is None:
            where = {name: s for s, name in enumerate(readings.sensors)}
            columns = np.array([where.get(name, len(readings.sensors)) for name in names], np.intp)
            self._columns[names, readings.sensors] = columns
        padded = np.concatenate([readings.values[at], np.full((len(at), 1), np.nan, np.float32)], axis=1)
        values = padded[:, columns]
        counts["foreign_sensor"] += int(np.isfinite(padded).sum() - np.isfinite(values).sum())
        if readings.named:
            place = {name: s for s, name in enumerate(names)}
            for i, reading in enumerate(at.tolist()):
                for name, value in readings.named.get(reading, {}).items():
                    if name in place:
                        values[i, place[name]] = value
                    else:
                        counts["foreign_sensor"] += 1
        return np.ascontiguousarray(values)

    def _universal(
        self,
        readings: Readings,
        overlay: Overlay,
        table: int,
        at: NDArray[np.intp],
        slots: NDArray[np.int64],
        counts: Counter[str],
    ) -> list[Group]:
        """Sensors are learnt in the order of the readings; then every device is stepped at its last width."""
        partition = overlay.partition
        rows = overlay.rows(table, slots.astype(np.intp))
        work = overlay.works[table]
        known: dict[int, tuple[str, ...]] = {}
        present = [present_names(readings, reading) for reading in at.tolist()]
        sizes = np.empty(len(at), np.intp)
        for i, row in enumerate(rows.tolist()):
            if row not in known:
                known[row] = partition.signatures[int(work.columns["signature"][row])].sensors
            fresh = [name for name in present[i] if name not in known[row]]
            room = WIDTHS[-1] - len(known[row])
            counts["too_many_sensors"] += max(len(fresh) - room, 0)
            known[row] += tuple(fresh[:room])
            sizes[i] = len(known[row])
        return [
            self._universal_group(overlay, table, width, at, rows, present, sizes, known)
            for width in sorted({width_for(len(names)) for names in known.values()})
        ]

    def _universal_group(
        self,
        overlay: Overlay,
        table: int,
        width: int,
        at: NDArray[np.intp],
        rows: NDArray[np.intp],
        present: list[dict[str, float]],
        sizes: NDArray[np.intp],
        known: dict[int, tuple[str, ...]],
    ) -> Group:
        partition, work = overlay.partition, overlay.works[table]
        chosen = [i for i, row in enumerate(rows.tolist()) if width_for(len(known[row])) == width]
        target, new_rows = self._settled(overlay, table, width, set(rows[chosen].tolist()), known)
        new_work = overlay.works[target]
        values = np.full((len(chosen), width), np.nan, np.float32)
        for n, i in enumerate(chosen):
            row = int(rows[i])
            for s, name in enumerate(known[row]):
                if name in present[i]:
                    values[n, s] = present[i][name]
        for row in {int(rows[i]) for i in chosen}:
            old = partition.signatures[int(work.columns["signature"][row])]
            new_work.columns["signature"][new_rows[row]] = partition.signature(Signature(old.device_class, known[row]))
        moved = np.array([new_rows[int(rows[i])] for i in chosen], np.intp)
        return Group(target, new_work, at[chosen], moved, values, sizes[chosen])

    def _settled(
        self, overlay: Overlay, table: int, width: int, rows: set[int], known: dict[int, tuple[str, ...]]
    ) -> tuple[int, dict[int, int]]:
        """Where rows live once they have the width: the table, and each row's place in it."""
        layout = overlay.partition.tables[table].layout
        if layout.width == width:
            return table, {row: row for row in rows}
        target = overlay.partition.table(self.layout(layout.bundle, width))
        old, new = overlay.works[table], overlay.work(target)
        places = {}
        for row in sorted(rows):
            device = old.ids[row]
            assert device is not None
            overlay.forget(table, row)
            places[row] = overlay.birth(target, [device], [int(old.columns["signature"][row])])
            widen(old, row, new, places[row])
        return target, places


def widen(old: Work, row: int, new: Work, place: int) -> None:
    """Copy a universal device's row into a wider table: state is (state_per_sensor, width) after the fixed part."""
    manifest = old.table.layout.bundle.manifest
    fixed, narrow, wide = manifest.state_fixed, old.table.layout.width, new.table.layout.width
    for name, column in old.columns.items():
        if name not in ("state", "signature"):
            new.columns[name][place] = column[row]
    state = new.columns["state"][place]
    state[:fixed] = old.columns["state"][row, :fixed]
    state[fixed:].reshape(-1, wide)[:, :narrow] = old.columns["state"][row, fixed:].reshape(-1, narrow)
    case = old.peek(row)
    if case is not None:
        new.cases[place] = case.copy()


def present_names(readings: Readings, at: int) -> dict[str, float]:
    if at in readings.named:
        return readings.named[at]
    row = readings.values[at]
    return {readings.sensors[s]: float(row[s]) for s in np.flatnonzero(np.isfinite(row)).tolist()}


def merged(resolved: Resolved) -> Resolved:
    """One group a table: devices that have just outgrown a narrower one join those that were there."""
    groups: dict[int, Group] = {}
    for group in resolved.groups:
        if group.table in groups:
            groups[group.table] = joined(groups[group.table], group)
        else:
            groups[group.table] = group
    return Resolved(list(groups.values()), resolved.counts, resolved.unserved)


def joined(one: Group, other: Group) -> Group:
    order = np.argsort(np.concatenate([one.at, other.at]), kind="stable")
    return Group(
        one.table,
        one.work,
        np.concatenate([one.at, other.at])[order],
        np.concatenate([one.rows, other.rows])[order],
        np.concatenate([one.values, other.values])[order],
        np.concatenate([one.sensors, other.sensors])[order],
    )
