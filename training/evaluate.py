"""How good the forecasts are: beside the last value and beside the best moving average, sensor by sensor.

Errors are mean absolute, in units of each sensor's level spread, over rows that trained nothing.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from service.bundle import Bundle
from service.manifest import Sensor
from training.calibrate import BEGINNING
from training.datasets import Dataset
from training.replay import Trace, trace
from training.windows import slow_averages

Floats = NDArray[np.float32]
EWMA_TAUS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)  # readings; the best is picked per sensor with hindsight


def forecast_errors(
    values: Sequence[Floats], means: Sequence[Floats], firsts: Sequence[int], spread: Floats
) -> dict[str, NDArray[np.float64]]:
    """Errors per sensor of the model, the last value and the best EWMA, over rows from `firsts` on."""
    averages = [_errors(values, [_before(a) for a in slow_averages(values, tau)], firsts, spread) for tau in EWMA_TAUS]
    return {
        "model": _errors(values, means, firsts, spread),
        "last_value": _errors(values, [_before(_filled(v)) for v in values], firsts, spread),
        "ewma": np.min(averages, axis=0),
    }


def _errors(
    values: Sequence[Floats], forecasts: Sequence[Floats], firsts: Sequence[int], spread: Floats
) -> NDArray[np.float64]:
    parts = [np.abs(v[k:] - f[k:]) / spread for v, f, k in zip(values, forecasts, firsts, strict=True)]
    errors = np.concatenate(parts)
    count = (~np.isnan(errors)).sum(axis=0)
    return np.nansum(errors, axis=0, dtype=np.float64) / np.maximum(count, 1)


def _filled(values: Floats) -> Floats:
    newest = np.maximum.accumulate(np.where(np.isnan(values), 0, np.arange(len(values))[:, None]), axis=0)
    return np.take_along_axis(values, newest, axis=0)


def _before(array: Floats) -> Floats:
    return np.concatenate([np.full_like(array[:1], np.nan), array[:-1]])


def errors_of(traces: Sequence[Trace], firsts: Sequence[int], spread: Floats) -> dict[str, NDArray[np.float64]]:
    return forecast_errors([trace.values for trace in traces], [trace.mean for trace in traces], firsts, spread)


def of_bundle(found: Bundle, data: Dataset) -> dict[str, NDArray[np.float64]]:
    """Errors of a shipped graph on data it never saw, stepped from birth; the first BEGINNING rows don't count."""
    traces = trace(found.graph, found.manifest.memory[1], data)
    spread = np.float32(
        [np.nanstd(np.concatenate([h.values[:, c] for h in data.histories])) for c, _ in enumerate(data.sensors)]
    )
    return errors_of(traces, [BEGINNING] * len(traces), np.where(spread > 0, spread, np.float32(1)))


def table(errors: dict[str, NDArray[np.float64]], sensors: Sequence[Sensor]) -> list[str]:
    """Lines to show: one a sensor, then the mean."""
    lines = [f"{'mean absolute error in deviations':<34}{'model':>10}{'last value':>12}{'best EWMA':>11}"]
    scored = [column for column, sensor in enumerate(sensors) if sensor.scored]
    rows = [(sensors[column].name, column) for column in scored] + [("all scored sensors", scored)]
    for name, column in rows:
        model, last, ewma = (float(np.mean(errors[key][column])) for key in ("model", "last_value", "ewma"))
        lines.append(f"{name:<34}{model:>10.4f}{last:>12.4f}{ewma:>11.4f}")
    return lines


def metrics(errors: dict[str, NDArray[np.float64]], sensors: Sequence[Sensor]) -> dict[str, float]:
    """For the manifest: means over scored sensors, and skill: 0.1 = a tenth less error than the baseline."""
    scored = [column for column, sensor in enumerate(sensors) if sensor.scored]
    means = {name: float(error[scored].mean()) if scored else 0.0 for name, error in errors.items()}
    found = {f"error_{name}": value for name, value in means.items()}
    for name in ("last_value", "ewma"):
        found[f"skill_over_{name}"] = 1 - means["model"] / max(means[name], 1e-12)
    found |= {f"error/{sensors[column].name}": errors["model"][column] for column in scored}
    return {name: round(float(value), 5) for name, value in found.items()}
