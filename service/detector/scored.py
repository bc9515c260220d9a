"""A chunk of readings after its step: what was seen, what was expected, and how far beyond the limits it went."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.detector.model import Bucket
from service.detector.resolve import Group
from service.detector.scoring import Judged


@dataclass
class Scored:
    """A chunk after its step, before the next one overwrites the buffers."""

    group: Group
    picked: NDArray[np.intp]  # (m,) positions in the group
    times: NDArray[np.int64]  # (m,) corrected event times
    values: NDArray[np.float32]  # (m, width) out of range = missing
    bucket: Bucket
    judged: Judged
    strength: NDArray[np.float32]
    limit: NDArray[np.float32]
    terms: NDArray[np.float32]
    event: NDArray[np.bool_]
    ends_block: NDArray[np.bool_]
    extrapolated: NDArray[np.bool_]
    k: NDArray[np.float64]  # (m,) false alarms per 10,000 readings that its limit is set for

    @property
    def rows(self) -> NDArray[np.intp]:
        return self.group.rows[self.picked]
