"""What the settings mean for one table: periods, budgets, ranges and masks, worked out once and looked up by row."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from service.detector.devices import Columns, Layout, Work
from service.detector.limits import per_ten_thousand
from service.detector.partition import Partition
from service.detector.quality import MISSING_AFTER, Ranges
from service.detector.rules import AlertsSettings, DetectorSettings, MaintenanceWindow, SensorRule
from service.errors import ConfigurationError

FOREVER = np.int64(1 << 60)
DEFAULT_BUDGET = 0.5  # false alarms per device-day, for a class that a map of budgets leaves out

Floats = NDArray[np.float32]


def by_class(setting: float | Mapping[str, float], device_class: str, default: float) -> float:
    if isinstance(setting, Mapping):
        return setting.get(device_class, setting.get("default", default))
    return setting


class Maintenance:
    """Windows of event time in which nothing is learnt and no process alert opens."""

    def __init__(self, windows: tuple[MaintenanceWindow, ...]) -> None:
        self._windows = [(w.devices, _unix_ms(w.start), _unix_ms(w.end)) for w in windows]

    def __bool__(self) -> bool:
        return bool(self._windows)

    def covers(self, device: str, time_ms: int) -> bool:
        return any(begin <= time_ms < end and fnmatchcase(device, name) for name, begin, end in self._windows)


def _unix_ms(text: str) -> int:
    moment: datetime | None = None
    with suppress(ValueError):
        moment = datetime.fromisoformat(text)
    if moment is None or moment.tzinfo is None:
        raise ConfigurationError(
            f"alerts.maintenance: {text!r} is no RFC 3339 time with an offset; write it like 2026-11-21T08:00:00Z"
        )
    return int(moment.timestamp() * 1000)


class TableRules:
    def __init__(self, layout: Layout, partition: Partition, rules: DetectorSettings, alerts: AlertsSettings) -> None:
        manifest = layout.bundle.manifest
        self.ranges = Ranges(manifest, rules.sensors, layout.width)
        self.gap = rules.gap
        self.memory = manifest.memory
        self.warm_up, self.ripening = manifest.warm_up, manifest.ripening
        self.hold_off = alerts.hold_off_readings
        self.change_events = alerts.change_events
        self.time_to_live_ms = int(rules.time_to_live_s * 1000)
        self._period = manifest.sample_period_s
        self._silence = rules.silence
        self._budget = rules.false_alarms_per_device_day
        self._sensors = rules.sensors
        self._partition = partition
        self._layout = layout
        self._maintenance = Maintenance(alerts.maintenance)
        self._fixed_k = (
            None if self._period is None else per_ten_thousand(self.budget_of(manifest.name), np.array([self._period]))
        )

    def budget_of(self, device_class: str) -> float:
        return by_class(self._budget, device_class, DEFAULT_BUDGET)

    def period(self, columns: Columns, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """(rows,) seconds between readings: the bundle's, else the device's own so far (0 = not known yet)."""
        if self._period is not None:
            return np.full(len(rows), self._period)
        return columns["period"][rows].astype(np.float64)

    def k(self, columns: Columns, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """(rows,) false alarms per 10,000 readings that the budget allows."""
        if self._fixed_k is not None and not isinstance(self._budget, Mapping):
            return np.broadcast_to(self._fixed_k, len(rows))
        budgets = np.array([self.budget_of(s.device_class) for s in self._partition.signatures])
        period = np.maximum(self.period(columns, rows), 1e-3)
        signature = columns["signature"][rows]
        return per_ten_thousand(1.0, period * budgets[signature])

    def silence_ms(self, columns: Columns, rows: NDArray[np.intp]) -> NDArray[np.int64]:
        """(rows,) how long a device may be unheard; for ever while its period is not known."""
        period = self.period(columns, rows)
        wait = np.maximum(period * self._silence.after_periods, self._silence.at_least_s) * 1000
        return np.where((period > 0) & (columns["count"][rows] > 1), wait.astype(np.int64), FOREVER)

    def learning(self, work: Work, rows: NDArray[np.intp], times: NDArray[np.int64]) -> Floats:
        learn = np.ones(len(rows), np.float32)
        if self._maintenance:
            pairs = zip(rows.tolist(), times.tolist(), strict=True)
            learn[[i for i, (row, t) in enumerate(pairs) if self._maintenance.covers(work.ids[row] or "", t)]] = 0
        return learn

    def allowed(self, terms: Floats, values: Floats, mean: Floats, reference: Floats) -> Floats:
        """The terms (rows, W, S) that count: what the rules of direction and least deviation leave of them."""
        if not self._sensors:
            return terms
        terms = terms.copy()
        for s, sensor in enumerate(self._layout.bundle.manifest.sensors):
            rule = self._sensors.get(sensor.name)
            if rule is not None and (rule.direction != "both" or rule.minimum_deviation > 0):
                self._mask(terms, s, rule, values[:, s], mean[:, s], reference[:, s])
        return terms

    def _mask(self, terms: Floats, s: int, rule: SensorRule, values: Floats, mean: Floats, reference: Floats) -> None:
        for w, witness in enumerate(self._layout.plan.witnesses):
            deviation = values - (mean if witness.reduce == "mean" else reference)
            small = np.abs(deviation) < rule.minimum_deviation
            wrong = (
                (deviation < 0) if rule.direction == "high" else (deviation > 0) if rule.direction == "low" else False
            )
            terms[small | wrong, w, s] = 0

    def held_too_long(self, held: Floats, count: NDArray[np.uint32]) -> NDArray[np.bool_]:
        """(rows, S) sensors that have not changed, or were missing, for longer than health explains."""
        missing = (-held >= MISSING_AFTER) & (-held < count[:, None])
        return (held >= self.ranges.stuck) | missing
