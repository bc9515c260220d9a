"""The universal bundle: what serves a device before anyone has trained anything for it, whatever sensors it has.

Nothing of it is fitted. The graph is the formula of `online`; simulated healthy devices give the limits that a newborn
device starts with, and the formula run on numpy arrays gives the golden vectors.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, ValueInfoProto, helper

from service import bundle
from service.bundle.inference import session
from service.errors import UnavailableError
from service.fleet import CLASSES
from service.manifest import Array, Golden, Manifest, Witness
from training import calibrate, datasets, online, replay
from training.calibrate import Rules
from training.datasets import History
from training.replay import Inputs
from training.symbols import Symbol, Tape

NAME, VERSION, CELL = "universal", "1", "last-value"
WITNESSES = (
    Witness(name="surprise", reduce="mean", smooth=(4, 15)),
    Witness(name="weighted", reduce="mean", smooth=(4, 15)),
    Witness(name="level_10", reduce="top", penalty=0.5),
    Witness(name="change", reduce="top", role="change"),
)
RIPENING = 60  # a newborn's strength is multiplied by n / (n + RIPENING), and its false rate is a mature one's
WARM_UP = 30  # readings before there is any evidence at all

SEED = 2000
DEVICES, DURATION_S, ROWS = 8, 43_200.0, 6000  # healthy devices of each kind, and for how long
SETTLED = 1200  # readings of a device before its blocks count
SEEDS = 60  # block maxima that a newborn starts with
# Of all healthy blocks only the upper fifth: the device is of an unknown kind, and its limits must hold if it is of the
# noisiest. Seeds from the whole range gave young devices more than twice the false alarms of the budget.
TAIL = 0.8
EVEN = (np.arange(200) + 0.5) / 200

GOLDEN_STEPS, GOLDEN_ROWS, GOLDEN_WIDTH = 160, 4, 4

Floats = NDArray[np.float32]
Kind = Callable[[int], Sequence[History]]  # seed -> devices


def graph() -> bytes:
    """The step as ONNX bytes; the same bytes at every call."""
    tape = Tape()
    given = online.Inputs(*(Symbol(tape, name) for name in online.Inputs._fields))
    outputs = online.step(given)
    shapes: dict[str, list[str | int]] = {name: ["batch", "sensors"] for name in outputs}
    shapes |= {"terms": ["batch", len(WITNESSES), "sensors"], "next_state": ["batch", "row"]}
    return tape.model(_inputs(), {name: (symbol, shapes[name]) for name, symbol in outputs.items()})


def _inputs() -> list[ValueInfoProto]:
    """Those of every bundle; time and the pause before a reading say nothing to a last-value forecast."""
    shapes = {"values": ["batch", "sensors"], "state": ["batch", "row"]}
    names = ("values", "elapsed", "time", "learn", "alerting", "state")
    kinds = {name: TensorProto.INT64 if name == "time" else TensorProto.FLOAT for name in names}
    return [helper.make_tensor_value_info(name, kinds[name], shapes.get(name, ["batch"])) for name in names]


def run(inputs: Inputs) -> Iterator[dict[str, Floats]]:
    """The reference: a free run from birth by numpy, one step at a time."""
    steps, rows, width = inputs.values.shape
    state = np.zeros((rows, online.PER_SENSOR * width), np.float32)
    for step in range(steps):
        given = online.Inputs(inputs.values[step], inputs.learn[step], inputs.alerting[step], state)
        with np.errstate(all="ignore"):  # a sensor without a past divides by nothing; its terms are masked
            outputs = online.step(given)
        state = outputs["next_state"]
        yield outputs


def golden(seed: int) -> Golden:
    """Sensors of several units with gaps, an outlier, a maintenance and an alert; the last one is padding."""
    inputs = golden_inputs(seed)
    outputs = list(run(inputs))
    arrays = {name: Array.of(getattr(inputs, name)) for name in Inputs._fields}
    arrays |= {name: Array.of(np.stack([o[name] for o in outputs])) for name in ("mean", "scale", "terms")}
    return Golden(**arrays, state=Array.of(outputs[-1]["next_state"]))


def golden_inputs(seed: int) -> Inputs:
    random = np.random.default_rng(seed)
    shape = (GOLDEN_STEPS, GOLDEN_ROWS, GOLDEN_WIDTH)
    values = np.cumsum(random.normal(0, 1, shape), axis=0) * [0.01, 1, 50, 1] + [0.2, 20, 1500, 0]
    values[random.random(shape) < 0.1] = np.nan
    values[120, 0, 1] = 1e6
    values[..., -1] = np.nan
    each = np.ones(shape[:2], np.float32)
    learn, alerting = each.copy(), each * 0
    learn[60:70, 1], alerting[90:110, 2] = 0, 1
    time = np.broadcast_to(np.arange(GOLDEN_STEPS, dtype=np.int64)[:, None] * 5000, shape[:2])
    return Inputs(values.astype(np.float32), each * 5, np.ascontiguousarray(time), learn, alerting)


def limit_seeds(model: bytes, seed: int, kinds: Sequence[Kind]) -> dict[str, tuple[float, ...]]:
    """What a newborn's limits are: the upper end of the block maxima of healthy devices, each kind counted alike."""
    maxima: dict[str, list[Floats]] = {name: [] for witness in WITNESSES for name in witness.strengths}
    for nth, kind in enumerate(kinds):
        histories = kind(seed + nth)
        rules = Rules(WITNESSES, np.ones(histories[0].values.shape[1], np.bool_))
        found = [calibrate.strengths(terms, rules) for terms in _terms(model, histories)]
        for name, kept in maxima.items():
            kept.append(np.quantile(np.concatenate([_block_maxima(each[name]) for each in found]), EVEN))
    shares = TAIL + (1 - TAIL) * (np.arange(SEEDS) + 0.5) / SEEDS
    order = np.random.default_rng(seed).permutation(SEEDS)  # or a limit would rise or fall with the age of its seeds
    return {name: tuple(np.quantile(np.concatenate(k), shares)[order].tolist()) for name, k in maxima.items()}


def _block_maxima(strength: Floats) -> Floats:
    whole = strength[SETTLED : SETTLED + (len(strength) - SETTLED) // calibrate.BLOCK * calibrate.BLOCK]
    maxima: Floats = whole.reshape(-1, calibrate.BLOCK).max(axis=1)
    return maxima


def fleet_kind(name: str) -> Kind:
    """Machines with regimes and a daily rhythm."""
    return lambda seed: datasets.from_fleet(name, DEVICES, DURATION_S, seed).histories


def noise_kind(memory: float, sensors: int) -> Kind:
    """Sensors of nothing but noise, white (memory 0) or slow: what a machine's physics never is."""

    def histories(seed: int) -> Sequence[History]:
        drive = np.random.default_rng(seed).normal(0, np.sqrt(1 - memory**2), (ROWS, DEVICES, sensors))
        for row in range(1, ROWS):
            drive[row] += memory * drive[row - 1]
        times = np.arange(ROWS, dtype=np.int64) * 5000
        return [History(str(device), times, drive[:, device].astype(np.float32)) for device in range(DEVICES)]

    return histories


KINDS: tuple[Kind, ...] = (
    *(fleet_kind(name) for name in CLASSES),
    *(noise_kind(memory, sensors) for memory in (0, 0.5, 0.9, 0.98) for sensors in (1, 3, 8)),
)


def _terms(model: bytes, histories: Sequence[History]) -> Iterator[Floats]:
    """(readings, witnesses, sensors) of each history, stepped from birth at the width that the service would use."""
    rows = next(size for size in replay.BATCHES if size >= len(histories))
    inputs = replay.side_by_side(histories, rows)
    engine = session(model)
    state = np.zeros((rows, online.PER_SENSOR * inputs.values.shape[2]), np.float32)
    kept = []
    for given in zip(*inputs, strict=True):
        feeds = dict(zip(Inputs._fields, given, strict=True))
        terms, state = engine.run(["terms", "next_state"], {**feeds, "state": state})
        kept.append(terms)
    every = np.stack(kept, axis=1)
    for row, history in enumerate(histories):
        yield every[row, : len(history.times)]


def manifest(model: bytes, seed: int) -> Manifest:
    return Manifest(
        name=NAME,
        version=VERSION,
        sha256=hashlib.sha256(model).hexdigest(),
        cell=CELL,
        state_per_sensor=online.PER_SENSOR,
        witnesses=WITNESSES,
        warm_up=WARM_UP,
        ripening=RIPENING,
        limit_seeds=limit_seeds(model, seed, KINDS),
        trained={"history": "none", "limits": "simulated machines and plain noise", "seed": seed},
        golden=golden(seed),
    )


def build(output: Path, seed: int = SEED) -> Path:
    """The bundle's folder below `output`, once the service accepts it. Blocks for about half a minute."""
    model = graph()
    made = manifest(model, seed)
    place = output / NAME / VERSION
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".making-", dir=place.parent) as making:
            folder = Path(making) / VERSION
            folder.mkdir()
            write(model, made, folder)
            shutil.rmtree(place, ignore_errors=True)
            folder.rename(place)
    except OSError as error:
        raise UnavailableError(f"--output {output}: can't be written ({error.strerror}); give another folder") from None
    return place


def write(model: bytes, made: Manifest, folder: Path) -> None:
    (folder / bundle.GRAPH).write_bytes(model)
    text = json.dumps(made.model_dump(mode="json"), indent=1, allow_nan=False)
    (folder / bundle.MANIFEST).write_text(text + "\n", encoding="utf-8")
    (folder / "card.md").write_text(card(made), encoding="utf-8")
    bundle.load(folder)


def card(made: Manifest) -> str:
    rows = [
        f"| {name} | {len(seeds)} | {np.median(seeds):.3g} | {max(seeds):.3g} |"
        for name, seeds in made.limit_seeds.items()
    ]
    floats = made.state_per_sensor
    return CARD.format(m=made, floats=floats, size=4 * (floats or 0), seeds="\n".join(rows))


CARD = """---
name: {m.name}
version: "{m.version}"
task: time-series anomaly detection
library: onnx
license: apache-2.0
cell: {m.cell}
sha256: {m.sha256}
---

# {m.name} {m.version}

## Model details

A filter step without any trained weight: the forecast is the last value, and level, spread, dead zones and references
are learnt per sensor while it runs. {floats} floats ({size} bytes) of state a sensor, any number of sensors.

Witnesses: *surprise* (distance from the last value and from the mean of about four readings, beyond what is usual for
the sensor), *weighted* (the same, less of a sensor that often surprises itself), *level_10* (mean of about ten
readings against a slow reference), *change* (ten readings against sixty; a type of alert of its own).

## Intended use

What a device gets before anyone has trained anything for it. Quiet at birth, useful after some hundred readings, as
good as it gets after some thousand. A model fitted to the device class foretells better and knows the time of day.

## Factors

One absurd reading, or fifty, are scored but hardly learnt from. A missing sensor stands still. A lasting change is
news at first and is learnt slowly. Pauses and the time of day say nothing to this model.

## Training data

None. The limits of a newborn device are the upper end of block maxima of simulated healthy machines and of plain noise:

| strength | blocks | median | largest |
| --- | --- | --- | --- |
{seeds}

## Caveats

* A daily rhythm is seen as what it is for a last-value forecast: slow change.
* A device that is ill from its first reading looks healthy.
* Of many sensors that move together each is judged alone.
"""
