"""Partial readings: messages of one device and one time, each with other sensors, become one reading.

Comes in: readings as they were sent. Goes out: the same, with the partial ones replaced by whole ones at the record
that made them whole: all sensors in, a newer time, or stream time past the merge window.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.detector.partition import Overlay, Pending
from service.records import Readings


class Whole(NamedTuple):
    record: int
    device: str
    pending: Pending


class Merger:
    """One pass over a batch. `window_ms` tells a device's window (0: not merged), `expected` how many sensors it has
    (0: unknown)."""

    def __init__(
        self, overlay: Overlay, window_ms: Callable[[str, str | None], int], expected: Callable[[str], int]
    ) -> None:
        self._overlay = overlay
        self._window_ms = window_ms
        self._expected = expected
        self._deadlines = {d: p.deadline_ms for d, p in overlay.partition.pending.items()}
        self._deadlines.update({d: p.deadline_ms for d, p in overlay.pending.items() if p is not None})
        for device, pending in overlay.pending.items():
            if pending is None:
                self._deadlines.pop(device, None)

    def merge(self, readings: Readings, stream: NDArray[np.int64]) -> tuple[Readings, int]:
        """The readings to step, and how many messages were gathered into others."""
        out: list[Whole | int] = []
        merged = 0
        position = 0
        owners = readings.record.tolist()
        for record, now in enumerate(stream.tolist()):
            out += self._due(record, now)
            while position < len(owners) and owners[position] == record:
                window = self._window_ms(readings.devices[position], readings.classes[position])
                if window > 0:
                    done, joined = self._gather(readings, position, record, now + window)
                    out += done
                    merged += joined
                else:
                    out.append(position)
                position += 1
        untouched = len(out) == len(owners) and not any(isinstance(part, Whole) for part in out)
        return (readings, 0) if untouched else (rebuilt(readings, out), merged)

    def _due(self, record: int, now: int) -> list[Whole]:
        if not self._deadlines or now < min(self._deadlines.values()):
            return []
        due = sorted((deadline, device) for device, deadline in self._deadlines.items() if deadline <= now)
        return [self._close(record, device) for _, device in due]

    def _close(self, record: int, device: str) -> Whole:
        pending = self._overlay.find_pending(device)
        assert pending is not None
        self._overlay.pending[device] = None
        del self._deadlines[device]
        return Whole(record, device, pending)

    def _gather(self, readings: Readings, at: int, record: int, deadline: int) -> tuple[list[Whole | int], int]:
        device, time = readings.devices[at], int(readings.times[at])
        values = named_values(readings, at)
        pending = self._overlay.find_pending(device)
        out: list[Whole | int] = []
        if pending is not None and time > pending.time_ms:
            out.append(self._close(record, device))
            pending = None
        if pending is not None and (time < pending.time_ms or values.keys() & pending.values.keys()):
            return [*out, at], 0  # older, or said twice: the order's own rules judge it
        if not values:
            return [*out, at], 0
        joined = 0 if pending is None else 1
        labels = readings.labels.get(at, {})
        if pending is None:
            pending = Pending(time, deadline, values, readings.classes[at], labels)
        else:
            pending = pending._replace(values=pending.values | values, labels=pending.labels | labels)
        self._overlay.pending[device] = pending
        self._deadlines[device] = pending.deadline_ms
        if len(pending.values) >= (self._expected(device) or 1 << 30):
            out.append(self._close(record, device))
        return out, joined


def named_values(readings: Readings, at: int) -> dict[str, float]:
    """A reading's sensors that are present."""
    if at in readings.named:
        return {name: value for name, value in readings.named[at].items() if value == value}
    row = readings.values[at]
    return {readings.sensors[s]: float(row[s]) for s in np.flatnonzero(np.isfinite(row)).tolist()}


def rebuilt(readings: Readings, parts: Sequence[Whole | int]) -> Readings:
    """The readings that `parts` lists: a position of the old ones, or one made whole."""
    source = np.array([part if isinstance(part, int) else -1 for part in parts], np.int64)
    wholes = {i: part for i, part in enumerate(parts) if isinstance(part, Whole)}
    kept = {int(old): new for new, old in enumerate(source.tolist()) if old >= 0}
    old = source >= 0
    values = np.full((len(parts), readings.values.shape[1]), np.nan, np.float32)
    record, times = np.zeros(len(parts), np.int32), np.zeros(len(parts), np.int64)
    values[old], record[old], times[old] = (a[source[old]] for a in (readings.values, readings.record, readings.times))
    for i, whole in wholes.items():
        record[i], times[i] = whole.record, whole.pending.time_ms
    return replace(
        readings,
        record=record,
        times=times,
        values=values,
        devices=[readings.devices[p] if isinstance(p, int) else p.device for p in parts],
        classes=[readings.classes[p] if isinstance(p, int) else p.pending.class_name for p in parts],
        named={kept[a]: v for a, v in readings.named.items() if a in kept}
        | {i: w.pending.values for i, w in wholes.items()},
        labels={kept[a]: v for a, v in readings.labels.items() if a in kept}
        | {i: w.pending.labels for i, w in wholes.items() if w.pending.labels},
        elements={kept[a]: v for a, v in readings.elements.items() if a in kept},
    )
