"""Rows of sensor values, decoded one struct a row, turned into float32 columns without a Python loop over the values.

Structs of one type with nothing but floats encode to MessagePack rows of one length, so the encoded batch is the table.
"""

from collections.abc import Sequence
from itertools import compress
from math import nan
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import astuple
from numpy.typing import NDArray

FEW = 16  # rows below which encoding them costs more than it saves
_NUMBER = 9  # bytes of a MessagePack float: 0xcb and eight, big-endian

_encode = msgspec.msgpack.Encoder().encode


class Table:
    """names: the first are the sensors of `Readings.values`, the others are decoded only to be counted."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        fields = [f"f{i}" for i in range(len(names))]
        self.row = msgspec.defstruct(
            "Row",
            [(field, float | None, nan) for field in fields],
            rename=dict(zip(fields, names, strict=True)),
            forbid_unknown_fields=True,
            gc=False,
        )
        lengths = np.array([len(_encode(name)) + _NUMBER for name in names], dtype=np.intp)
        self._stride = len(_encode(self.row()))
        ends = self._stride - lengths.sum() + lengths.cumsum()
        self._layout = np.dtype(
            {
                "names": fields,
                "formats": [">f8"] * len(fields),
                "offsets": (ends - _NUMBER + 1).tolist(),
                "itemsize": self._stride,
            }
        )

    def cells(self, rows: Sequence[Any]) -> NDArray[np.float32]:
        """(rows, names); NaN for null and absent, infinite for what is beyond float32."""
        if len(rows) < FEW:
            return to_single([astuple(row) for row in rows], len(self.names))
        packed = _encode(rows)
        header = 3 if len(rows) < 1 << 16 else 5
        if len(packed) == header + len(rows) * self._stride:
            return self._unpack(packed, header)
        return self._with_nulls(rows)

    def _with_nulls(self, rows: Sequence[Any]) -> NDArray[np.float32]:
        """A null is shorter than a number, so only rows without any have the length of the layout."""
        packed = list(map(_encode, rows))
        whole = np.fromiter(map(len, packed), dtype=np.intp, count=len(packed)) == self._stride
        cells = np.empty((len(rows), len(self.names)), dtype=np.float32)
        cells[whole] = self._unpack(b"".join(compress(packed, whole)), 0)
        cells[~whole] = to_single([astuple(row) for row in compress(rows, ~whole)], len(self.names))
        return cells

    def _unpack(self, packed: bytes, header: int) -> NDArray[np.float32]:
        table = np.frombuffer(memoryview(packed)[header:], dtype=self._layout)
        cells = np.empty((len(table), len(self.names)), dtype=np.float32)
        with np.errstate(over="ignore"):
            for i, field in enumerate(self._layout.names or ()):
                cells[:, i] = table[field]
        return cells


def to_single(rows: Sequence[Sequence[float | None]], width: int) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return np.array(rows, dtype=np.float64).reshape(len(rows), width).astype(np.float32)
