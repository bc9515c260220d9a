"""One simulated device in health: blocks of true values, what its sensors report of them, and when.

A device is named by its class and number alone and draws from generators of its own, so it reports the same whatever
fleet it is part of, and the first hours of a long run are those of a short one.
"""

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.fleet.classes import DeviceClass
from service.fleet.signals import Column, Signals

BLOCK_S = 1200.0  # a multiple of every sample period
SETTLING_BLOCKS = 2  # thrown away: loops start at rest and need minutes to ring as they will
NOISE = 0.03  # of measurement, in spreads: two neighbouring readings differ by far more than the last decimal
OFFSET, GAIN = 0.5, 0.05  # largest individual offset in spreads, largest individual error of the gain
JITTER = 0.03  # of the sample period, to either side
MISSING = 0.02  # of a sensor's values


@dataclass
class Block:
    """n consecutive readings; `observed` is not rounded yet, and holds what gets lost on the way, too."""

    times: NDArray[np.int64]  # (n,) Unix ms by the device's clock, rising
    observed: Column  # (n, sensors)
    truth: Column  # (n, sensors) without measurement noise
    lost: NDArray[np.bool_]  # (n, sensors) values that go missing


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """A generator that depends on the seed and these names and on nothing else."""
    return np.random.default_rng([seed, *(zlib.crc32(str(name).encode()) for name in names)])


def device_name(kind: DeviceClass, number: int) -> str:
    return f"{kind.name}-{number:03d}"


class Machine:
    def __init__(self, kind: DeviceClass, number: int, seed: int, start_ms: int) -> None:
        self.kind, self.name = kind, device_name(kind, number)
        self._signals = Signals(kind.regimes, kind.period_s, generator(seed, self.name, "signals"))
        self._line = generator(seed, self.name, "line")
        self._rows = round(BLOCK_S / kind.period_s)
        self._row = -SETTLING_BLOCKS * self._rows
        self._start_ms = start_ms + self._line.uniform(0, 1000 * kind.period_s)
        traits = generator(seed, self.name, "traits").uniform(-1, 1, (2, len(kind.sensors)))
        self._spreads = np.array([sensor.spread for sensor in kind.sensors])
        self._offsets, self._gains = OFFSET * self._spreads * traits[0], 1 + GAIN * traits[1]
        self._typical: Column | None = None  # what the gains turn around
        for _ in range(SETTLING_BLOCKS):
            self.block()

    def block(self) -> Block:
        """Give the device's next 20 minutes."""
        nominal = self._start_ms + (self._row + np.arange(self._rows)) * (1000 * self.kind.period_s)
        self._row += self._rows
        self._signals.begin(nominal / 1000)
        truth = self._individual(np.stack(self.kind.physics(self._signals), axis=1))
        jitter = self._line.uniform(-JITTER, JITTER, self._rows) * (1000 * self.kind.period_s)
        return Block(
            np.rint(nominal + jitter).astype(np.int64),
            truth + self._signals.noise(NOISE * self._spreads),
            truth,
            self._line.random(truth.shape) < MISSING,
        )

    def _individual(self, ideal: Column) -> Column:
        if self._typical is None:
            self._typical = ideal.mean(axis=0)
        individual: Column = self._typical + self._gains * (ideal - self._typical) + self._offsets
        return individual


def rounded(kind: DeviceClass, values: Column) -> Column:
    """Values as the device sends them, to each sensor's decimals."""
    steps = 10.0 ** np.array([sensor.decimals for sensor in kind.sensors])
    sent: Column = np.rint(values * steps) / steps
    return sent
