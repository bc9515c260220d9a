"""A small made-up machine that a small network can learn: two waves, one bent and late after the other, and a ramp.

Its devices differ in level and phase. Also here: one tiny trained bundle a cell, made once a test session.
"""

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from service.manifest import Sensor
from training.bundles import Fitted
from training.datasets import Dataset, History
from training.recipe import Spec, make
from training.settings import Settings

SENSORS = ("flow", "pressure", "level")
PERIOD_S = 60.0
START_MS = 1_767_600_000_000
TINY = Settings(units=12, epochs=10, streams=8, unroll=24, holdout_share=0.3)


def machine(number: int, rows: int = 900, seed: int = 0) -> History:
    random = np.random.default_rng((seed, number))
    row = np.arange(rows) + random.integers(100)
    wave = np.sin(2 * np.pi * row / 17)
    late = np.sin(2 * np.pi * (row - 2) / 17)
    ramp = (row % 11) / 11
    clean = np.stack([40 + 8 * wave + 3 * number, 3 + np.abs(late), 20 + 6 * ramp], axis=1)
    noise = random.standard_normal((rows, 3)) * [0.2, 0.02, 0.1]
    times = START_MS + np.arange(rows) * int(PERIOD_S * 1000)
    return History(f"machine-{number}", times, (clean + noise).astype(np.float32))


def machines(devices: int = 3, rows: int = 900, seed: int = 0) -> Dataset:
    histories = tuple(machine(number, rows, seed) for number in range(devices))
    return Dataset(histories, tuple(Sensor(name=name) for name in SENSORS), PERIOD_S)


def changed(data: Dataset, device: int, rows: slice, add: float) -> Dataset:
    """The same histories but for some rows of one device."""
    histories = list(data.histories)
    values = histories[device].values.copy()
    values[rows] += np.float32(add)
    histories[device] = histories[device]._replace(values=values)
    return replace(data, histories=tuple(histories))


@cache
def fitted(cell: str = "gru") -> Fitted:
    """Treat as frozen: it is shared by every test of the session."""
    settings = TINY.model_copy(update={"cell": cell})
    return make(machines(), Spec("machine", Path(mkdtemp()), "1", settings, runs=None))
