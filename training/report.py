"""The model card of a bundle: what it is, what it was made of, how well it foretells, where its limits come from.

Everything is generated from the manifest and the evidence of the run; pictures are small PNGs beside the card.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from service.manifest import Manifest
from training.calibrate import BLOCK
from training.evidence import Evidence

BUDGET = 0.5  # false alarms per device-day, the service's default: what the pictures' limits are drawn for
LARGEST_K = 16  # of false alarms per 10,000 readings; a larger budget is spent as this
DPI = 70
BLUE, RED, BAND = "#2563a8", "#c23b22", "#a9c7e8"
PICTURES = ("loss.png", "forecast.png", "limits.png")


def write(manifest: Manifest, evidence: Evidence, folder: Path) -> None:
    """card.md and its pictures, into the bundle's folder."""
    for name, figure in zip(PICTURES, (_loss(evidence), _forecast(evidence), _limits(manifest)), strict=True):
        figure.savefig(folder / name, dpi=DPI, metadata={"Software": None})
    (folder / "card.md").write_text(card(manifest, evidence), encoding="utf-8")


def limit(maxima: np.ndarray, period_s: float) -> float:
    """What a strength may reach at the default budget, from block maxima alone, by the detector's rule."""
    budget = min(BUDGET * period_s / 86_400 * 10_000, LARGEST_K)
    exceeded = BLOCK * budget / 10_000
    rank = min(int(np.ceil((len(maxima) + 1) * (1 - exceeded))), len(maxima))
    beyond = 0.3 * max(0.0, -np.log((len(maxima) + 1) * exceeded))  # fewer blocks than the budget needs
    return float(np.sort(maxima)[rank - 1] * np.exp(beyond))


def _loss(evidence: Evidence) -> Figure:
    figure = Figure(figsize=(6, 2.8), layout="constrained")
    axes = figure.add_subplot()
    number, train, held_out = evidence.losses.T
    axes.plot(number, train, color=BAND, label="training, all horizons, with dropout")
    axes.plot(number, held_out, color=BLUE, label="held out, next reading")
    axes.axvline(evidence.best, color=RED, linewidth=1, label=f"kept: epoch {evidence.best}")
    axes.set(xlabel="epoch", ylabel="Huber loss", yscale="log" if (evidence.losses[:, 1:] > 0).any() else "linear")
    axes.legend(fontsize=8)
    return figure


def _forecast(evidence: Evidence) -> Figure:
    shown = list(evidence.shown)
    figure = Figure(figsize=(7, 1.5 * len(shown) + 0.4), layout="constrained")
    for place, name in enumerate(shown):
        axes = figure.add_subplot(len(shown), 1, place + 1)
        _curve(axes, *evidence.shown[name])
        axes.set_ylabel(name, fontsize=8)
        axes.tick_params(labelsize=7)
    for axes in figure.axes[-1:]:  # there is none where no sensor ever varied
        axes.set_xlabel("reading of the hold-out; line: truth, dots: forecast, shade: healthy band", fontsize=8)
    return figure


def _curve(axes: Axes, truth: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> None:
    row = np.arange(len(truth))
    axes.fill_between(row, mean - scale, mean + scale, color=BAND, linewidth=0)
    axes.plot(row, truth, color=BLUE, linewidth=1)
    axes.plot(row, mean, ".", color=RED, markersize=1.5)


def _limits(manifest: Manifest) -> Figure:
    names = list(manifest.limit_seeds)
    rows = -(-len(names) // 3)
    figure = Figure(figsize=(7, 1.6 * rows), layout="constrained")
    for place, name in enumerate(names):
        axes = figure.add_subplot(rows, 3, place + 1)
        maxima = np.array(manifest.limit_seeds[name])
        axes.plot(np.sort(maxima), color=BLUE, linewidth=1)
        axes.axhline(limit(maxima, manifest.sample_period_s or 60.0), color=RED, linewidth=1)
        axes.set_title(name, fontsize=8)
        axes.tick_params(labelsize=6)
        axes.set_ylim(bottom=0)
    return figure


def card(manifest: Manifest, evidence: Evidence) -> str:
    return CARD.format(
        m=manifest,
        front=_front_matter(manifest),
        sensors=_sensors(manifest, evidence.errors),
        overall=_overall(manifest.metrics),
        trained=_table(("what", "value"), [(k.replace("_", " "), v) for k, v in manifest.trained.items()]),
        limits=_seeds(manifest),
        settings=_table(("setting", "value"), sorted(evidence.settings.items())),
        budget=BUDGET,
        scored=sum(sensor.scored for sensor in manifest.sensors),
    )


def _front_matter(manifest: Manifest) -> str:
    fields: dict[str, object] = {
        "name": manifest.name,
        "version": f'"{manifest.version}"',
        "task": "time-series anomaly detection",
        "library": "onnx",
        "license": "apache-2.0",
        "cell": manifest.cell,
        "units": manifest.units,
        "sensors": len(manifest.sensors),
        "sample_period_s": manifest.sample_period_s,
        "sha256": manifest.sha256,
    }
    metrics = [f"  {name}: {value}" for name, value in manifest.metrics.items() if "/" not in name]
    return "\n".join([*(f"{name}: {value}" for name, value in fields.items()), "metrics:", *metrics])


def _table(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join("-" if cell is None else str(cell) for cell in line) + " |" for line in lines)


def _sensors(manifest: Manifest, errors: Mapping[str, tuple[float, float, float]]) -> str:
    head = ("sensor", "unit", "range", "error", "last value", "best EWMA", "stuck after")
    rows: list[tuple[object, ...]] = []
    for sensor in manifest.sensors:
        span = f"{sensor.low:g} to {sensor.high:g}" if sensor.low is not None and sensor.high is not None else None
        found = [f"{error:.4f}" for error in errors.get(sensor.name, ())] if sensor.scored else ["not scored", "", ""]
        rows.append((sensor.name, sensor.unit or None, span, *found, sensor.stuck_after))
    return _table(head, rows)


def _overall(metrics: Mapping[str, float]) -> str:
    skills = [metrics.get(f"skill_over_{name}", 0.0) for name in ("last_value", "ewma")]
    words = [
        f"{abs(skill):.0%} {'less' if skill >= 0 else 'more'} error than {what}"
        for skill, what in zip(skills, ("the last value", "the best moving average"), strict=True)
    ]
    return " and ".join(words)


def _seeds(manifest: Manifest) -> str:
    rows: list[tuple[object, ...]] = []
    for name, seeds in manifest.limit_seeds.items():
        maxima = np.array(seeds)
        at_budget = limit(maxima, manifest.sample_period_s or 60.0)
        rows.append((name, len(seeds), *(f"{value:.4g}" for value in (np.median(maxima), maxima.max(), at_budget))))
    return _table(("strength", "blocks", "median", "largest", "limit"), rows)


CARD = """---
{front}
---

# {m.name} {m.version}

## Model details

A filter step: one call forecasts a reading from the past alone, compares, then learns from it. A recurrent cell
({m.cell}, {m.units} units) foretells the change of {scored} scored sensors; around it run the averages and references
whose deviations, with the forecast's, are the witnesses. {m.state_size} floats of state a device.

## Intended use

Streaming detection of anomalies in devices of class `{m.name}`, sampled about every {m.sample_period_s:g} s, by the
Gruard service. It tells what is unusual for such a device, not what is dangerous: it is no safety device, and what
it calls healthy is what its training history held.

## Factors

Devices differ in level: each has its own reference in its state. Missing sensors are replaced by their own forecast;
a pause widens the band. A sensor that history never saw move, and that has no declared range, is not scored.

## Metrics

Mean absolute error of the next reading in level spreads, on rows that trained nothing: {overall}.

{sensors}

![forecast against truth, with the healthy band](forecast.png)

## Training data

{trained}

![loss by epoch](loss.png)

## Evaluation data

The last part of each device's history in time, never trained on, is what the errors, dead zones and limits rest on.

## Limits

Largest strength of each block of {block} healthy readings; the red line is the limit at {budget} false alarms per
device-day. A new device starts with these blocks and then learns its own.

{limits}

![block maxima, sorted, against the limit](limits.png)

## Caveats

* A fault that was in the history counts as healthy. Look at the pictures before trusting the limits.
* Limits beyond what the blocks seen can resolve are extrapolated.
* Forecast skill on other sites, firmware or sample periods is unknown: evaluate there first.

## Settings

{settings}
""".replace("{block}", str(BLOCK))
