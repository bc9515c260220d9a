"""Histories in, a checked bundle out: the whole of training as one story.

`fit_histories` is what `gruard-train fit` and the shipped models both call. It writes a run folder as it goes and a
bundle folder at the end; the bundle has passed the service's own checks before it is there.
"""

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch

from service import bundle
from service.manifest import Golden, Manifest, Witness
from training import calibrate, export, report, windows
from training.datasets import Dataset, next_version
from training.evaluate import forecast_skill
from training.fit import Epoch, Trained, fit
from training.settings import Settings
from training.step import Step, witnesses

GOLDEN_STEPS, GOLDEN_ROWS = 24, 4
PARITY_STEPS = 600


@dataclass(frozen=True)
class Spec:
    name: str
    output: Path = Path("models")
    version: str | None = None  # None: the next free number
    settings: Settings = field(default_factory=Settings)
    runs: Path | None = Path("runs")  # None: no run folder


@dataclass(frozen=True)
class Fitted:
    """Everything a bundle and its card are made of."""

    step: Step
    graph: bytes
    manifest: Manifest
    trained: Trained
    data: Dataset
    splits: Sequence[windows.Split]
    traces: Sequence[calibrate.Trace]


def fit_histories(data: Dataset, spec: Spec, tell: Callable[[Epoch], None] = lambda epoch: None) -> Path:
    """Fit, calibrate, export, check; returns the bundle's folder. Blocks for seconds to minutes."""
    fitted = make(data, spec, tell)
    folder = write(fitted, spec.output)
    if spec.runs:
        _write_run(spec.runs, fitted, spec.settings)
    return folder


def make(data: Dataset, spec: Spec, tell: Callable[[Epoch], None] = lambda epoch: None) -> Fitted:
    settings = spec.settings
    splits = [windows.split(history, settings) for history in data.histories]
    # 1. What is normal, from the fit part alone.
    parts = [history.values[: part.fit] for history, part in zip(data.histories, splits, strict=True)]
    found = windows.normal(parts, data.sensors, settings.spread_floor)
    # 2. Train on the fit part; the part after it chooses the epoch.
    shape = windows.shape(data, settings)
    rows = windows.rows(data, found, shape)
    train, held_out = _lanes(rows, splits, settings)
    began = time.monotonic()
    trained = fit(rows, train, held_out, shape, settings, tell)
    took = time.monotonic() - began
    # 3. Export, calibrate on what it was not trained on, and step the calibrated graph over everything.
    rows_of_terms = witnesses(shape.sensors, int(found.scored.sum()), shape.season)
    step = Step(trained.forecaster, data.period_s, weighted=rows_of_terms[1].name == "weighted").eval()
    exported = _calibrated(step, found, data, splits, rows_of_terms)
    traces = calibrate.trace(exported, step, data)
    manifest = _manifest(step, exported, data, spec, splits, rows_of_terms, found, traces)
    notes = {**manifest.trained, "seconds": round(took, 1), "best_epoch": trained.best}
    metrics = forecast_skill(traces, splits, found, manifest.sensors)
    manifest = manifest.model_copy(update={"trained": notes, "metrics": metrics})
    return Fitted(step, exported, manifest, trained, data, splits, traces)


def _lanes(
    rows: windows.Rows, splits: Sequence[windows.Split], settings: Settings
) -> tuple[windows.Lanes, windows.Lanes]:
    pairs = list(zip(rows.starts, splits, strict=True))
    train = windows.lanes([(start, start + part.fit) for start, part in pairs], settings.streams)
    held_out = windows.lanes([(start + part.fit, start + part.stop) for start, part in pairs], settings.streams)
    return train, held_out


def _calibrated(
    step: Step,
    found: windows.Normal,
    data: Dataset,
    splits: Sequence[windows.Split],
    rows_of_terms: Sequence[Witness],
) -> bytes:
    """Fill the step's buffers and return the graph with the same ones."""
    _set(step, mu=found.mu, spread=found.spread, scored=np.float32(found.scored))
    exported = export.graph(step)
    raw = calibrate.trace(export.fill(exported, export.buffers(step)), step, data)
    constants = calibrate.calibrate(raw, splits, rows_of_terms, found)
    _set(
        step,
        dead_zone=constants.dead_zone,
        weight=constants.weight,
        level_unit=constants.level_unit,
        change_unit=constants.change_unit,
        band=found.spread * constants.dead_zone,
        reference_band=found.spread * constants.level_unit[1],
    )
    return export.fill(exported, export.buffers(step))


def _set(step: Step, **values: np.ndarray) -> None:
    for name, value in values.items():
        step.get_buffer(name).copy_(torch.from_numpy(np.ascontiguousarray(value, np.float32)))


def _manifest(
    step: Step,
    graph: bytes,
    data: Dataset,
    spec: Spec,
    splits: Sequence[windows.Split],
    rows_of_terms: Sequence[Witness],
    found: windows.Normal,
    traces: Sequence[calibrate.Trace],
) -> Manifest:
    seeds, source = calibrate.limit_seeds(traces, splits, rows_of_terms, found.scored)
    parity = export.assert_parity(step, graph, _excerpt(data, PARITY_STEPS, export.ROWS))
    return Manifest(
        name=spec.name,
        version=spec.version or next_version(spec.output / spec.name),
        sha256=sha256(graph).hexdigest(),
        cell=step.shape.cell,
        units=step.shape.units,
        sensors=calibrate.described(data.sensors, data, found),
        sample_period_s=data.period_s,
        state_size=step.size,
        memory=(0, step.forecaster.cell.size),
        witnesses=tuple(rows_of_terms),
        warm_up=calibrate.BEGINNING,
        limit_seeds=seeds,
        trained={**_provenance(data, spec.settings), "limits_from": source, "parity": round(parity, 4)},
        golden=_golden(step, data),
    )


def _excerpt(data: Dataset, steps: int, rows: int) -> export.Inputs:
    """The last rows of the histories, as many columns as asked for, with faults of transport put in."""
    chosen = [data.histories[row % len(data.histories)] for row in range(rows)]
    cut = [type(h)(h.device, h.times[-steps:], h.values[-steps:]) for h in chosen]
    inputs = calibrate.side_by_side(cut, rows)
    values, elapsed, length = inputs.values, inputs.elapsed, len(inputs.values)
    values[length // 4 : length // 3, ::3, 0] = np.nan  # one sensor silent for a while
    values[length // 2, 1::4] = np.nan  # a reading that misses everything
    values[length // 2 + 2, 2::4] *= np.float32(1.5)
    elapsed[2 * length // 3, 1::2] *= 40  # a gap
    inputs.learn[3 * length // 4 :, 2::4] = 0
    inputs.alerting[3 * length // 4 :, 3::4] = 1
    return inputs


def _golden(step: Step, data: Dataset) -> Golden:
    return export.golden(step, _excerpt(data, GOLDEN_STEPS, GOLDEN_ROWS))


def _provenance(data: Dataset, settings: Settings) -> dict[str, str | int | float | None]:
    ends = [np.datetime64(int(time), "ms") for h in data.histories for time in (h.times[0], h.times[-1])]
    return {
        "from": str(min(ends)) if data.times_known else None,
        "to": str(max(ends)) if data.times_known else None,
        "devices": len(data.histories),
        "readings": data.rows,
        "data_digest": data.digest,
        "seed": settings.seed,
        "git_revision": _revision(),
    }


def _revision() -> str | None:
    """Of the code that trained, where there is a repository."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def write(fitted: Fitted, output: Path) -> Path:
    """Beside its place first, moved there when the service accepts it, so a reader never meets half a bundle."""
    place = output / fitted.manifest.name / fitted.manifest.version
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".making-", dir=place.parent) as made:
        made_folder = Path(made) / place.name
        made_folder.mkdir()
        (made_folder / bundle.GRAPH).write_bytes(fitted.graph)
        text = json.dumps(fitted.manifest.model_dump(mode="json"), indent=1, allow_nan=False)
        (made_folder / bundle.MANIFEST).write_text(text + "\n", encoding="utf-8")
        bundle.load(made_folder)
        report.write(fitted, made_folder)
        shutil.rmtree(place, ignore_errors=True)
        made_folder.rename(place)
    return place


def _write_run(runs: Path, fitted: Fitted, settings: Settings) -> Path:
    """What is needed to see how a model came about, and to make it again."""
    folder = runs / f"{fitted.manifest.name}-{time.strftime('%Y%m%dT%H%M%S')}"
    folder.mkdir(parents=True, exist_ok=True)
    record = {**settings.model_dump(mode="json"), "trained": fitted.manifest.trained}
    (folder / "settings.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    lines = [json.dumps(epoch._asdict()).replace("NaN", "null") for epoch in fitted.trained.losses]
    (folder / "losses.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    torch.save(fitted.step.state_dict(), folder / "weights.pt")
    return folder
