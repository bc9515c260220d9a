"""Readings, bands and evidence of the devices that a report draws, thinned so that a long run stays in memory.

Of two neighbours the one with the higher evidence is kept: a thinned curve loses no alert.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.records import Readings, Scores

KEPT = 20_000  # readings a device

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Curve:
    """One device; all arrays (n,) or (n, sensors), in the order of the input."""

    times: NDArray[np.int64]
    evidence: Floats
    sensors: tuple[str, ...]
    values: Floats
    expected: Floats
    lower: Floats
    upper: Floats

    def __len__(self) -> int:
        return len(self.times)

    def thinned(self) -> "Curve":
        pairs = len(self) // 2
        first = np.arange(pairs) * 2
        chosen = first + (self.evidence[first + 1] > self.evidence[first])
        return self.at(np.concatenate([chosen, np.arange(2 * pairs, len(self))]))

    def at(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> "Curve":
        bands = (self.values[rows], self.expected[rows], self.lower[rows], self.upper[rows])
        return Curve(self.times[rows], self.evidence[rows], self.sensors, *bands)


class Curves:
    def __init__(self, devices: Sequence[str] | None) -> None:
        """devices: whose curves are wanted; None = everybody's."""
        self._wanted = None if devices is None else set(devices)
        self._parts: dict[str, list[Curve]] = {}

    def add(self, readings: Readings, scores: Scores) -> None:
        at = scores.reading.tolist()
        rows: dict[str, list[int]] = {}
        for row, reading in enumerate(at):
            device = readings.devices[reading]
            if self._wanted is None or device in self._wanted:
                rows.setdefault(device, []).append(row)
        for device, own in rows.items():
            self._keep(device, _curve(readings, scores, np.asarray(own, np.intp)))

    def _keep(self, device: str, part: Curve) -> None:
        parts = self._parts.setdefault(device, [])
        parts.append(part)
        if sum(map(len, parts)) > 2 * KEPT:
            parts[:] = [joined(parts).thinned()]

    def of(self, device: str) -> Curve | None:
        parts = self._parts.get(device)
        return joined(parts) if parts else None


def _curve(readings: Readings, scores: Scores, rows: NDArray[np.intp]) -> Curve:
    at = scores.reading[rows]
    sensors, values = readings.sensors, readings.values[at]
    if named := [readings.named.get(reading) for reading in at.tolist() if reading in readings.named]:
        return _named_curve(readings, scores, rows, tuple(dict.fromkeys(name for each in named for name in each or ())))
    nothing = np.full_like(values, np.nan)
    bands = (band[rows] if band is not None else nothing for band in (scores.expected, scores.lower, scores.upper))
    return _seen(Curve(readings.times[at], scores.evidence[rows], sensors, values, *bands))


def _named_curve(readings: Readings, scores: Scores, rows: NDArray[np.intp], sensors: tuple[str, ...]) -> Curve:
    """Readings whose sensors are no columns of the batch: no band is known of them."""
    at = scores.reading[rows].tolist()
    values = np.array([[readings.named.get(i, {}).get(name, np.nan) for name in sensors] for i in at], np.float32)
    nothing = np.full_like(values, np.nan)
    return Curve(readings.times[at], scores.evidence[rows], sensors, values, nothing, nothing, nothing)


def _seen(curve: Curve) -> Curve:
    """Without the sensors of other devices."""
    seen = np.flatnonzero(np.isfinite(curve.values).any(axis=0) | np.isfinite(curve.expected).any(axis=0))
    if len(seen) == len(curve.sensors):
        return curve
    bands = (curve.values[:, seen], curve.expected[:, seen], curve.lower[:, seen], curve.upper[:, seen])
    return Curve(curve.times, curve.evidence, tuple(curve.sensors[s] for s in seen.tolist()), *bands)


def joined(parts: Sequence[Curve]) -> Curve:
    """One curve over the sensors of all parts."""
    sensors = tuple(dict.fromkeys(name for part in parts for name in part.sensors))

    def band(name: str) -> Floats:
        return np.concatenate([_over(part, getattr(part, name), sensors) for part in parts])

    times = np.concatenate([part.times for part in parts])
    evidence = np.concatenate([part.evidence for part in parts])
    return Curve(times, evidence, sensors, band("values"), band("expected"), band("lower"), band("upper"))


def _over(part: Curve, band: Floats, sensors: tuple[str, ...]) -> Floats:
    if part.sensors == sensors:
        return band
    wide = np.full((len(part), len(sensors)), np.nan, np.float32)
    wide[:, [sensors.index(name) for name in part.sensors]] = band
    return wide
