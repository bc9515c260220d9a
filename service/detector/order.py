"""Order: stream time from arrivals, waves with at most one reading a device, and what makes two readings the same.

Nothing here depends on how the input was cut into polls: stream time is a running maximum that the partition
carries on.
"""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from service.detector.devices import NEVER

VOUCHERS = 20  # successive jumps of one device that count like the word of a second one


class StreamTime(msgspec.Struct):
    """Running maximum of arrivals. A jump beyond the allowed skew counts only once two devices have shown it (or one
    device many times), so a single broken producer clock can't silence a partition."""

    now: int = NEVER
    jumped: str = ""  # the device that has shown a jump not yet believed
    jump: int = 0  # to when
    times: int = 0

    def advance(
        self, arrivals: NDArray[np.int64], devices: Sequence[str | None], skew_ms: int
    ) -> tuple["StreamTime", NDArray[np.int64]]:
        """The stream time after these records, and at each of them. devices: one a record, None = unknown."""
        at = np.maximum.accumulate(np.maximum(arrivals, self.now))
        before = np.concatenate([[self.now], at[:-1]])
        if len(at) == 0 or (self.now != NEVER and not self.times and (at - before <= skew_ms).all()):
            return (StreamTime(int(at[-1])) if len(at) else self), at
        state = msgspec.structs.replace(self)
        for position, (arrival, device) in enumerate(zip(arrivals.tolist(), devices, strict=True)):
            state._hear(arrival, device, skew_ms)
            at[position] = state.now
        return state, at

    def _hear(self, arrival: int, device: str | None, skew_ms: int) -> None:
        if self.now == NEVER or arrival <= self.now + skew_ms:
            self.now = max(self.now, arrival)
            if device == self.jumped:
                self._forget_jump()
        elif device is None:
            return  # a message that is no reading can't vouch for a clock
        elif self.times and device != self.jumped:
            self.now = max(self.now, min(self.jump, arrival))
            self._forget_jump()
        else:
            self.jumped, self.jump, self.times = device, arrival, self.times + 1
            if self.times >= VOUCHERS:
                self.now = arrival
                self._forget_jump()

    def _forget_jump(self) -> None:
        self.jumped, self.jump, self.times = "", 0, 0


def waves(rows: NDArray[np.intp], mark: NDArray[np.int32]) -> Iterator[NDArray[np.intp]]:
    """Positions in `rows`, cut so that no row is twice in a wave and each row's positions stay in order.

    mark: scratch, longer than the largest row. Each round finds every row's first remaining position without a sort.
    """
    left = np.arange(len(rows), dtype=np.intp)
    while len(left):
        of = rows[left]
        order = np.arange(len(left), dtype=np.int32)
        mark[of[::-1]] = order[::-1]  # the last write wins, so each row keeps its first position
        first = mark[of] == order
        yield left[first]
        left = left[~first]


def digest(values: NDArray[np.float32]) -> NDArray[np.uint32]:
    """(n,) a hash of each row's bits: equal rows are equal, others differ but for one in four billion."""
    bits = np.where(np.isnan(values), np.float32(np.nan), values + np.float32(0)).view(np.uint32)  # one NaN, one zero
    total = np.zeros(len(values), np.uint32)
    for s in range(values.shape[1]):
        total = (total ^ bits[:, s]) * np.uint32(0x9E3779B1)
        total ^= total >> np.uint32(15)
    return total
