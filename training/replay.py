"""Steps a class graph over whole histories from birth, by onnxruntime, padded as the detector pads.

What comes out is what calibration and evaluation look at; the same bytes are stepped that a bundle ships.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.bundle.inference import session
from training.datasets import Dataset, History
from training.step import INPUTS

BATCHES = (16, 64, 256)

Floats = NDArray[np.float32]


class Inputs(NamedTuple):
    """One device a column, in the order of the graph's inputs."""

    values: Floats  # (time, rows, sensors)
    elapsed: Floats  # (time, rows)
    time: NDArray[np.int64]
    learn: Floats
    alerting: Floats


@dataclass(frozen=True)
class Trace:
    """One history, stepped."""

    values: Floats  # (rows, sensors)
    mean: Floats
    scale: Floats
    terms: Floats  # (rows, witnesses, sensors)
    averages: Floats  # (rows, 2, sensors) E_4 and E_15


def trace(model: bytes, memory: int, data: Dataset) -> list[Trace]:
    """memory: floats of the cell at the head of a state row."""
    found: list[Trace] = []
    for first in range(0, len(data.histories), BATCHES[-1]):
        found += _trace_group(model, memory, data.histories[first : first + BATCHES[-1]])
    return found


def born_at(data: Dataset, rows: Sequence[int]) -> Dataset:
    """The same devices, each new at its row."""
    return replace(data, histories=tuple(h.since(row) for h, row in zip(data.histories, rows, strict=True)))


def side_by_side(histories: Sequence[History], rows: int) -> Inputs:
    """Histories as columns; past its end a history misses every sensor."""
    longest, sensors = max(len(h.times) for h in histories), histories[0].values.shape[1]
    values = np.full((longest, rows, sensors), np.nan, np.float32)
    elapsed, time = np.zeros((longest, rows), np.float32), np.zeros((longest, rows), np.int64)
    for column, history in enumerate(histories):
        own = slice(0, len(history.times))
        values[own, column], time[own, column] = history.values, history.times
        elapsed[own, column] = elapsed_s(history.times)
    return Inputs(values, elapsed, time, np.ones_like(elapsed), np.zeros_like(elapsed))


def elapsed_s(times: NDArray[np.int64]) -> Floats:
    """Seconds since the reading before, 0 for the first."""
    return np.float32(np.clip(np.diff(times, prepend=times[:1]), 0, 10**10) / 1000.0)


def _trace_group(model: bytes, memory: int, group: Sequence[History]) -> list[Trace]:
    inputs = side_by_side(group, next(size for size in BATCHES if size >= len(group)))
    engine = session(model)
    sensors, first = inputs.values.shape[2], memory + 2 * inputs.values.shape[2]  # last and change lie between
    state = np.zeros((inputs.values.shape[1], engine.get_inputs()[-1].shape[1]), np.float32)
    wanted, kept = ["mean", "scale", "terms", "next_state"], []
    for row in zip(*inputs, strict=True):
        *outputs, state = engine.run(wanted, dict(zip(INPUTS, (*row, state), strict=True)))
        averages = state[: len(group), first : first + 2 * sensors].copy()  # a view would keep the whole state
        kept.append([*(part[: len(group)] for part in outputs), averages.reshape(-1, 2, sensors)])
    columns = [np.stack(part, axis=1) for part in zip(*kept, strict=True)]  # (device, time, ...)
    return [
        Trace(history.values, *(part[place][: len(history.times)] for part in columns))
        for place, history in enumerate(group)
    ]
