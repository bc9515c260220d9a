"""What people look at: the scored readings of a few watched devices.

A `Watcher` names the devices and is told their rows once the step is folded, so never of what was not committed, and of
a replay as of the first time. Nothing that is published depends on it.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from service.detector.devices import Layout

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Seen:
    """Scored readings of watched devices of one table, at most one a device, in the order of their step."""

    table: str
    layout: Layout
    signatures: Sequence[tuple[str, tuple[str, ...]]]  # class and sensors
    devices: list[str]
    signature: NDArray[np.int32]
    labels: Mapping[str, dict[str, str]]  # of devices whose readings have any
    times: NDArray[np.int64]  # Unix ms
    values: Floats  # (m, width) as sent
    mean: Floats
    scale: Floats
    terms: Floats  # (m, witnesses, width)
    beyond: Floats  # (m, strengths) how far each is beyond its limit
    evidence: Floats
    limit: Floats  # of the leading strength
    leading: NDArray[np.int16]  # sensor
    alert: NDArray[np.bool_]  # a process alert is open after this reading

    def __len__(self) -> int:
        return len(self.devices)


class Watcher(Protocol):
    def chosen(self, devices: Sequence[str]) -> NDArray[np.bool_]:
        """Which of these devices are watched. Asked once a step, of every reading at once."""
        ...

    def folded(self, partition: int, seen: Sequence[Seen]) -> None:
        """What a step saw of them, now that it counts; a device's readings in order."""
        ...

    def forgotten(self, devices: Set[str]) -> None:
        """Nothing is known of these devices any more, watched or not."""
        ...
