"""Frames of many devices -> one order of readings, as a stream would have brought them, in bounded chunks.

A device's rows keep the order of its file; between devices the time decides, and the order of the frames where times
are equal. A row that is late in its file is therefore late here too, right after the row that made it so.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.streams.files.frames import Frames


@dataclass(frozen=True)
class Chunk:
    """Consecutive readings of the merged order."""

    start: int  # position of the first one
    devices: list[str]  # (n,)
    classes: list[str | None]  # (n,)
    times: NDArray[np.int64]  # (n,)
    sensors: tuple[str, ...]  # of all frames
    values: NDArray[np.float32]  # (n, sensors)

    def __len__(self) -> int:
        return len(self.times)


def chunks(frames: Frames, size: int) -> Iterator[Chunk]:
    """The readings of all frames in stream order, `size` at a time."""
    if not frames.readings:
        return
    frame, row = _order(frames)
    times = np.concatenate([each.times for each in frames])
    firsts = np.cumsum([0, *(len(each) for each in frames)])
    columns = [np.array([frames.sensors.index(name) for name in each.sensors], np.intp) for each in frames]
    for start in range(0, len(frame), size):
        of, at = frame[start : start + size], row[start : start + size]
        values = np.full((len(of), len(frames.sensors)), np.nan, np.float32)
        for which in np.unique(of).tolist():
            mine = np.flatnonzero(of == which)
            values[mine[:, None], columns[which]] = frames.frames[which].values[at[mine]]
        devices = [frames.frames[which] for which in of.tolist()]
        yield Chunk(
            start,
            [each.device for each in devices],
            [each.class_name for each in devices],
            times[firsts[of] + at],
            frames.sensors,
            values,
        )


def _order(frames: Frames) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """(N,) frame and row of each reading."""
    reached = np.concatenate([np.maximum.accumulate(each.times) for each in frames])
    order = np.argsort(reached, kind="stable")
    sizes = [len(each) for each in frames]
    frame = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)[order]
    row = np.concatenate([np.arange(size, dtype=np.int64) for size in sizes])[order]
    return frame, row
