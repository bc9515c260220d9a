"""Histories in, a checked bundle out: the whole of training as one story.

`fit_histories` is what `gruard-train fit` and the shipped models both call.
"""

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from service.manifest import Manifest
from training import bundles, calibrate, evaluate, evidence, export, replay, windows
from training.bundles import Fitted
from training.datasets import Dataset
from training.fit import Epoch, Job, Trained, fit
from training.network import Shape
from training.seeds import limit_seeds
from training.settings import Settings
from training.step import Step, witnesses

GOLDEN_STEPS, GOLDEN_ROWS = 24, 4
PARITY_STEPS = 600

Tell = Callable[[Epoch], None]


def silent(epoch: Epoch) -> None:
    """The default listener."""


@dataclass(frozen=True)
class Spec:
    name: str
    output: Path = Path("models")
    version: str | None = None  # None: the next free number
    settings: Settings = field(default_factory=Settings)
    runs: Path | None = Path("runs")  # None: no run folder


@dataclass(frozen=True)
class Material:
    """A dataset, and how it was cut and normalised."""

    data: Dataset
    splits: Sequence[windows.Split]
    normal: windows.Normal
    rules: calibrate.Rules


def fit_histories(data: Dataset, spec: Spec, tell: Tell = silent) -> Path:
    """Fit, calibrate, export, check; returns the bundle's folder. `tell` hears of each epoch. Blocks for a minute."""
    fitted = make(data, spec, tell)
    folder = bundles.write(fitted, spec.output)
    if spec.runs:
        bundles.write_run(fitted, spec.runs)
    return folder


def make(data: Dataset, spec: Spec, tell: Tell = silent) -> Fitted:
    # 1. What is normal, from the fit part alone.
    splits = [windows.split(history, spec.settings) for history in data.histories]
    parts = [history.values[: part.fit] for history, part in zip(data.histories, splits, strict=True)]
    found = windows.normal(parts, data.sensors, spec.settings.spread_floor)
    # 2. Train on it; the part after it chooses the epoch.
    shape = windows.shape(data, spec.settings)
    rows = witnesses(shape.sensors, int(found.scored.sum()), shape.season)
    material = Material(data, splits, found, calibrate.Rules(rows, found.scored))
    trained = _train(material, shape, spec.settings, tell)
    # 3. Export, calibrate on what it was not trained on, step the calibrated graph over everything.
    weighted = any(witness.name == "weighted" for witness in rows)
    step = Step(trained.forecaster, data.period_s, weighted).eval()
    graph = _calibrated(step, material)
    traces = replay.trace(graph, step.forecaster.cell.size, data)
    # 4. Say what it is.
    errors = evaluate.errors_of(traces, [split.stop for split in splits], found.spread)
    manifest = _manifest(step, graph, material, spec, traces)
    trained_on = {**manifest.trained, "best_epoch": trained.best, "seed": spec.settings.seed}
    metrics = evaluate.metrics(errors, manifest.sensors)
    manifest = manifest.model_copy(update={"trained": trained_on, "metrics": metrics})
    return Fitted(step, graph, manifest, evidence.gather(trained, traces, errors, manifest.sensors, spec.settings))


def _train(material: Material, shape: Shape, settings: Settings, tell: Tell) -> Trained:
    rows = windows.rows(material.data, material.normal, shape)
    pairs = list(zip(rows.starts, material.splits, strict=True))
    train = windows.lanes([(start, start + part.fit) for start, part in pairs], settings.streams)
    held_out = windows.lanes([(start + part.fit, start + part.stop) for start, part in pairs], settings.streams)
    return fit(Job(rows, train, held_out, shape, settings), tell)


def _calibrated(step: Step, material: Material) -> bytes:
    """Fill the step's buffers and return the graph with the same ones."""
    normal = material.normal
    _set(step, mu=normal.mu, spread=normal.spread, scored=np.float32(normal.scored))
    raw = replay.trace(export.graph(step), step.forecaster.cell.size, material.data)
    found = calibrate.calibrate(raw, material.splits, material.rules)
    _set(step, dead_zone=found.dead_zone, weight=found.weight)
    _set(step, level_unit=found.level_unit, change_unit=found.change_unit)
    _set(step, band=normal.spread * found.dead_zone, reference_band=normal.spread * found.level_unit[1])
    return export.graph(step)


def _set(step: Step, **values: NDArray[np.float32]) -> None:
    for name, value in values.items():
        step.get_buffer(name).copy_(torch.from_numpy(np.ascontiguousarray(value, np.float32)))


def _manifest(step: Step, graph: bytes, material: Material, spec: Spec, traces: Sequence[replay.Trace]) -> Manifest:
    data, scored = material.data, material.normal.scored
    young = replay.trace(graph, step.forecaster.cell.size, replay.born_at(data, [s.stop for s in material.splits]))
    seeds, source = limit_seeds(traces, young, material.splits, material.rules)
    parity = export.assert_parity(step, graph, excerpt(data, PARITY_STEPS, export.ROWS))
    return Manifest(
        name=spec.name,
        version=spec.version or bundles.next_version(spec.output / spec.name),
        sha256=sha256(graph).hexdigest(),
        cell=step.shape.cell,
        units=step.shape.units,
        sensors=calibrate.described(data, scored),
        sample_period_s=data.period_s,
        state_size=step.size,
        memory=(0, step.forecaster.cell.size),
        witnesses=material.rules.witnesses,
        warm_up=calibrate.BEGINNING,
        limit_seeds=seeds,
        trained={**_provenance(data), "limits_from": source, "parity": f"{parity:.1g} of the tolerance"},
        golden=export.golden(step, excerpt(data, GOLDEN_STEPS, GOLDEN_ROWS)),
    )


def excerpt(data: Dataset, steps: int, rows: int) -> replay.Inputs:
    """The last rows of the histories, as many columns as asked for, with everything a stream may do put in."""
    chosen = [data.histories[row % len(data.histories)] for row in range(rows)]
    inputs = replay.side_by_side([h.since(-steps) for h in chosen], rows)
    values, length = inputs.values, len(inputs.values)
    values[length // 4 : length // 3, ::3, 0] = np.nan  # one sensor silent for a while
    values[length // 2, 1::4] = np.nan  # a reading that misses everything
    values[length // 2 + 2, 2::4] *= np.float32(1.5)
    inputs.elapsed[2 * length // 3, 1::2] *= 40  # a gap
    inputs.learn[3 * length // 4 :, 2::4] = 0
    inputs.alerting[3 * length // 4 :, 3::4] = 1
    return inputs


def _provenance(data: Dataset) -> dict[str, str | int | float | None]:
    ends = [np.datetime64(int(time), "ms") for h in data.histories for time in (h.times[0], h.times[-1])]
    return {
        "from": f"{min(ends)}Z" if data.times_known else None,
        "to": f"{max(ends)}Z" if data.times_known else None,
        "devices": len(data.histories),
        "readings": data.rows,
        "data_digest": data.digest,
        "git_revision": _revision(),
    }


def _revision() -> str | None:
    """Of the code that trained, where there is a repository."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
