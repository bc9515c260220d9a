"""The ONNX step over fixed buffers: every call runs 16, 64 or 256 rows, bound once, whatever the caller has.

Comes in: one reading a row. Goes out: forecast, references and per-sensor terms, and the next state.
Some operators change a row's last bits with its position in a batch that is no multiple of four, so a
smaller batch is never run: the same row gives the same bits alone and among others.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.bundle import Bundle, session

BUCKETS = (16, 64, 256)
CHUNK = BUCKETS[-1]  # beyond it the intermediates leave the cache

Floats = NDArray[np.float32]


class Stepped(NamedTuple):
    """Views into a bucket's buffers, good until its next run."""

    mean: Floats  # (rows, sensors) engineering units
    scale: Floats
    reference: Floats
    reference_scale: Floats
    held: Floats  # > 0 readings unchanged, < 0 readings missing
    terms: Floats  # (rows, witnesses, sensors)
    state: Floats  # (rows, state size)


class Bucket:
    """One batch size of one graph, its inputs and outputs bound to arrays that stay."""

    def __init__(self, graph: object, rows: int, width: int, row_size: int, witnesses: int) -> None:
        self.values = np.full((rows, width), np.nan, np.float32)
        self.elapsed = np.zeros(rows, np.float32)
        self.time = np.zeros(rows, np.int64)
        self.learn = np.ones(rows, np.float32)
        self.alerting = np.zeros(rows, np.float32)
        self.state = np.zeros((rows, row_size), np.float32)
        mean, scale, reference, reference_scale, held = (np.empty((rows, width), np.float32) for _ in range(5))
        terms = np.empty((rows, witnesses, width), np.float32)
        state = np.empty((rows, row_size), np.float32)
        self.out = Stepped(mean, scale, reference, reference_scale, held, terms, state)
        self._binding = graph.io_binding()  # type: ignore[attr-defined]
        self._run = graph.run_with_iobinding  # type: ignore[attr-defined]
        for name in ("values", "elapsed", "time", "learn", "alerting", "state"):
            array = getattr(self, name)
            self._binding.bind_input(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
        for name in self.out._fields:
            array = getattr(self.out, name)
            output = "next_state" if name == "state" else name
            self._binding.bind_output(output, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)

    def run(self) -> None:
        self._run(self._binding)


class Model:
    """One bundle at one width."""

    def __init__(self, bundle: Bundle, width: int) -> None:
        self.width = width
        self.row_size = bundle.manifest.row_size(width)
        graph = session(bundle.graph)
        witnesses = len(bundle.manifest.witnesses)
        self._buckets = {rows: Bucket(graph, rows, width, self.row_size, witnesses) for rows in BUCKETS}

    def bucket(self, rows: int) -> Bucket:
        """The smallest bucket that holds `rows` (at most CHUNK); what lies beyond them is padding that nobody reads."""
        return self._buckets[next(size for size in BUCKETS if size >= rows)]
