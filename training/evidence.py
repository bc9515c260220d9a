"""What a run leaves behind for people: losses, a stretch of forecasts, errors by sensor; kept in the run folder.

So a card can be drawn again without training again.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.errors import InputError
from service.manifest import Sensor
from training.fit import Trained
from training.replay import Trace
from training.settings import Settings

SHOWN_ROWS, SHOWN_SENSORS = 240, 4

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Evidence:
    losses: NDArray[np.float64]  # (epochs, 3) number, training, held out; the first is the untrained network
    best: int  # epoch
    shown: dict[str, tuple[Floats, Floats, Floats]]  # sensor -> truth, mean, scale over some rows of the hold-out
    errors: dict[str, tuple[float, float, float]]  # sensor -> model, last value, best EWMA, in level spreads
    settings: dict[str, Any]


def gather(
    trained: Trained,
    traces: Sequence[Trace],
    errors: dict[str, NDArray[np.float64]],
    sensors: Sequence[Sensor],
    settings: Settings,
) -> Evidence:
    scored = [column for column, sensor in enumerate(sensors) if sensor.scored]
    by_sensor = {sensors[c].name: tuple(float(errors[k][c]) for k in ("model", "last_value", "ewma")) for c in scored}
    return Evidence(
        np.array(trained.losses, np.float64),
        trained.best,
        _stretch(max(traces, key=lambda trace: len(trace.values)), [(c, sensors[c].name) for c in scored]),
        by_sensor,  # type: ignore[arg-type]
        settings.model_dump(mode="json"),
    )


def _stretch(trace: Trace, scored: Sequence[tuple[int, str]]) -> dict[str, tuple[Floats, Floats, Floats]]:
    """The end of the longest history."""
    return {
        name: (trace.values[-SHOWN_ROWS:, c], trace.mean[-SHOWN_ROWS:, c], trace.scale[-SHOWN_ROWS:, c])
        for c, name in scored[:SHOWN_SENSORS]
    }


def save(evidence: Evidence, folder: Path) -> None:
    lines = [
        json.dumps({"epoch": int(number), "train": None if np.isnan(train) else train, "held_out": held_out})
        for number, train, held_out in evidence.losses.tolist()
    ]
    (folder / "losses.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    record = {"best": evidence.best, "errors": evidence.errors, "shown": list(evidence.shown)}
    (folder / "evidence.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    stretches = {f"{n}/{k}": part for n, parts in enumerate(evidence.shown.values()) for k, part in enumerate(parts)}
    np.savez_compressed(folder / "stretch.npz", **stretches)  # type: ignore[arg-type]


def load(folder: Path) -> Evidence:
    try:
        lines = (folder / "losses.jsonl").read_text(encoding="utf-8").splitlines()
        record = json.loads((folder / "evidence.json").read_text(encoding="utf-8"))
        settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
        with np.load(folder / "stretch.npz") as stretches:
            shown = {name: tuple(stretches[f"{n}/{k}"] for k in range(3)) for n, name in enumerate(record["shown"])}
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"{folder}: is no run folder of gruard-train ({error}); runs are in runs/<name>-<time>"
        ) from None
    losses = [json.loads(line) for line in lines]
    table = [
        [entry["epoch"], np.nan if entry["train"] is None else entry["train"], entry["held_out"]] for entry in losses
    ]
    errors = {name: tuple(found) for name, found in record["errors"].items()}
    return Evidence(np.array(table), record["best"], shown, errors, settings)  # type: ignore[arg-type]
