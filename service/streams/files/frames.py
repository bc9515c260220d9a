"""What reading files gives: options in, one frame of columns a device out, and the lines that say how it was read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Options:
    """What the user said; None is inferred."""

    time: str | None = None
    device: str | None = None
    class_name: str | None = None  # of every device read
    sensors: tuple[str, ...] | None = None
    ignore: tuple[str, ...] = ()
    period_s: float | None = None
    zone: str | None = None  # of times without an offset: a name such as Europe/Berlin, or +01:00


@dataclass(frozen=True)
class Frame:
    """One device's readings in the order of the input."""

    device: str
    class_name: str | None
    times: NDArray[np.int64]  # (n,) Unix ms UTC; without a time column row x period from 2000-01-01
    sensors: tuple[str, ...]
    values: NDArray[np.float32]  # (n, S), NaN = missing
    time_known: bool

    def __len__(self) -> int:
        return len(self.times)

    def over(self, sensors: Sequence[str]) -> NDArray[np.float32]:
        """The values as (n, len(sensors)) in the given order; a sensor the device lacks is all NaN."""
        wide = np.full((len(self), len(sensors)), np.nan, np.float32)
        for column, name in enumerate(sensors):
            if name in self.sensors:
                wide[:, column] = self.values[:, self.sensors.index(name)]
        return wide


@dataclass(frozen=True)
class Frames:
    """Every device of the inputs, in order of first sight."""

    frames: tuple[Frame, ...]
    sensors: tuple[str, ...]  # of all devices, in order of first sight
    period_s: float  # as given, else the median step
    described: tuple[str, ...]  # lines to show: what was inferred, from what, and what was left out

    def __iter__(self) -> Iterator[Frame]:
        return iter(self.frames)

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def readings(self) -> int:
        return sum(len(frame) for frame in self.frames)

    @property
    def time_known(self) -> bool:
        return all(frame.time_known for frame in self.frames)
