"""Cells of a column -> float32, and what stood in the way."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

MISSING = ("na", "n/a", "nan", "null", "none", "nil", "-", "?", "--", "#n/a", "nat", "")
LARGEST = float(np.finfo(np.float32).max)
TOLERATED = 0.05  # of the cells: a column with more that are no numbers is text


@dataclass(frozen=True)
class Numbers:
    column: NDArray[np.float32] | None  # None: this is no column of numbers
    refused: int = 0  # cells read as missing though something stands there
    odd: str | None = None  # the first of them
    decimal_comma: bool = False


def numbers(column: pl.Series) -> Numbers:
    """Float32 with NaN for what is missing, unreadable, infinite or beyond float32."""
    if column.dtype == pl.String:
        return _read(column)
    if not (column.dtype.is_numeric() or column.dtype.is_decimal()):
        return Numbers(None)
    return _finite(column.cast(pl.Float64), column)


def _read(column: pl.Series) -> Numbers:
    values = column.cast(pl.Float64, strict=False)
    unread = column.filter(values.is_null() & column.is_not_null())
    unread = unread.filter(~unread.str.to_lowercase().is_in(MISSING))  # only what is no number: the others are many
    odd = unread[0] if len(unread) else None
    given = len(values) - values.null_count() + len(unread)
    if given == 0 or values.is_nan().all() or len(unread) > TOLERATED * given:
        comma = len(unread) > 0 and bool(unread.str.contains(r"^[-+]?\d+(,\d+)+$").mean() >= 0.9)  # type: ignore[operator]
        return Numbers(None, 0, odd, comma)
    return _finite(values, column)


def _finite(values: pl.Series, given: pl.Series) -> Numbers:
    raw = values.to_numpy()
    far = ~(np.abs(raw) <= LARGEST)  # also NaN and missing
    refused = np.zeros(len(raw), np.bool_)
    if far.any():
        refused = far & given.is_not_null().to_numpy() & ~_missing(given)
    out = np.where(far, np.nan, raw).astype(np.float32)
    first = str(given[int(np.flatnonzero(refused)[0])]) if refused.any() else None
    return Numbers(out, int(refused.sum()), first)


def _missing(given: pl.Series) -> NDArray[np.bool_]:
    """Cells that say themselves that they hold nothing: there is nothing to tell about them."""
    said = given.is_nan() if given.dtype.is_float() else given.cast(pl.String).str.to_lowercase().is_in(MISSING)
    found: NDArray[np.bool_] = said.fill_null(True).to_numpy()
    return found
