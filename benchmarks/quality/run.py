"""What is done with one series, in a process of its own: the product of each seed, what stands beside it, files."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.quality import last_value, product
from benchmarks.quality.baselines import BASELINES, judge
from benchmarks.quality.limited import Judged
from benchmarks.quality.marks import Marks, marks
from benchmarks.quality.series import Series
from service.bundle import Bundles
from service.detector.limits import per_ten_thousand
from service.detector.rules import AlertsSettings
from service.detector.scoring import NOTHING
from service.errors import GruardError, UnavailableError

PRODUCT, SHIPPED, WITHOUT_NETWORK = "product", "product at the shipped budget", "without network"
SHIPPED_BUDGET = 0.5  # false alarms per device-day
UNIVERSAL = "universal"


@dataclass(frozen=True)
class Plan:
    """The same for every series."""

    budget: float  # false alarms per 10,000 readings
    seeds: tuple[int, ...]
    models: Path | None  # folder with the universal bundle; None: each series fits its own
    baselines: tuple[str, ...]
    output: Path


@dataclass(frozen=True)
class Job:
    series: Series
    plan: Plan
    cuts: tuple[int, ...] = ()  # rows less at the start of the test part, one more run of the product each
    written: bool = True


@dataclass(frozen=True)
class Told:
    """What was said of the rows of a series that are judged."""

    detectors: dict[str, tuple[Marks, ...]]  # one of each seed, or one
    cut: tuple[tuple[Marks, ...], ...] = ()  # by seed and cut


def run(job: Job) -> Told:
    """Blocks for minutes. Raises GruardError with the name of the series."""
    series = job.series
    try:
        seeds = [_of_seed(job, place) for place in range(len(job.plan.seeds))]
        beside = {name: (told.since(series.shown),) for name, told in _beside(series, job.plan)}
    except GruardError as error:
        raise type(error)(f"{series.group}/{series.name}: {error}") from None
    main, shipped, cut = zip(*seeds, strict=True)
    return Told({PRODUCT: main, SHIPPED: shipped, **beside}, cut)


def _of_seed(job: Job, place: int) -> tuple[Marks, Marks, tuple[Marks, ...]]:
    """Its marks at the budget, at the shipped one, and of the cut series."""
    series, plan = job.series, job.plan
    wanted = product.per_day(plan.budget, series.period_s)
    with tempfile.TemporaryDirectory() as folder:
        if plan.models:
            bundles = Bundles(plan.models, UNIVERSAL)
        else:
            bundles = product.fit(series, plan.seeds[place], Path(folder))
        main, shipped = (product.judge(series, bundles, each).since(series.shown) for each in (wanted, SHIPPED_BUDGET))
        less = tuple(product.judge(shortened(series, rows), bundles, wanted) for rows in job.cuts)
    if job.written:
        write(series, main, plan.output if place == 0 else plan.output / f"seed-{plan.seeds[place]}")
    return main, shipped, less


def shortened(series: Series, rows: int) -> Series:
    """Without so many rows from the end of the history on; what follows moves up, so that there is no pause."""
    kept = kept_rows(series, rows)
    pause = series.time_ms[series.history + rows] - series.time_ms[series.history]
    times = series.time_ms - np.where(np.arange(len(series.time_ms)) < series.history, 0, pause)
    flags = [None if part is None else part[kept] for part in (series.anomaly, series.changepoint)]
    return replace(
        series, times=tuple(series.times[row] for row in kept.tolist()), time_ms=times[kept],
        values=series.values[kept], anomaly=flags[0], changepoint=flags[1], windows=None,
    )  # fmt: skip


def kept_rows(series: Series, rows: int) -> NDArray[np.intp]:
    return np.delete(np.arange(len(series.time_ms)), np.s_[series.history : series.history + rows])


def write(series: Series, told: Marks, folder: Path) -> None:
    """A row per row that is shown. Raises UnavailableError."""
    table = pl.DataFrame(
        {
            "time": list(series.times[series.shown :]),
            "score": told.score.astype(np.float32),
            "event": told.event.astype(np.float32),
            "alert": told.alert.astype(np.int8),
        }
    )
    path = folder / series.group / f"{series.name}.csv"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        table.write_csv(path)
    except OSError as error:
        raise UnavailableError(f"--output: {path} can't be written ({error.strerror or error})") from None


def _beside(series: Series, plan: Plan) -> Iterator[tuple[str, Marks]]:
    """Detectors that learn from the history, with the product's limits and life of alerts, at the same budget."""
    # What the service would step: neither late nor there twice.
    reached = np.maximum.accumulate(series.time_ms)
    stepped = np.append(True, series.time_ms[1:] > reached[:-1])
    values, times = series.values[stepped], series.time_ms[stepped]
    history = int(stepped[: series.history].sum())
    k = readings_budget(product.per_day(plan.budget, series.period_s), series)
    alerts = AlertsSettings()
    max_open, hold_off = alerts.max_open_s / series.period_s, alerts.hold_off_readings
    if WITHOUT_NETWORK in plan.baselines:
        found = last_value.without_network(product.history(series), values, times, k, max_open, hold_off)
        yield WITHOUT_NETWORK, _spread(found.judged, stepped, hold_off)
    for baseline in BASELINES:
        if baseline.name in plan.baselines:
            judged = judge(baseline, values, history, k, max_open, hold_off=hold_off)
            yield baseline.name, _spread(judged, stepped, hold_off)


def readings_budget(per_device_day: float, series: Series) -> float:
    """The setting as the detector has it: false alarms per 10,000 readings."""
    return float(per_ten_thousand(per_device_day, np.array([series.period_s]))[0])


def _spread(judged: Judged, stepped: NDArray[np.bool_], hold_off: int) -> Marks:
    evidence, alert = np.full(len(stepped), NOTHING, np.float32), np.zeros(len(stepped), np.bool_)
    evidence[stepped], alert[stepped] = judged.evidence, judged.alert
    return marks(evidence, alert, stepped, hold_off)
