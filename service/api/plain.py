"""Times and float32 numbers as the API writes them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def rfc3339(times_ms: NDArray[np.int64] | Sequence[int]) -> list[str]:
    """UTC with milliseconds."""
    times = np.asarray(times_ms, np.int64).astype("datetime64[ms]")
    return [f"{text}Z" for text in np.datetime_as_string(times, unit="ms").tolist()]


def shortest(values: NDArray[np.float32]) -> list[float | None]:
    """With as few digits as tell each float32 from its neighbours (7 to 9), so 32.1 is not 32.09999847; NaN: None."""
    exact = values.astype(np.float64)
    finite = np.isfinite(exact)
    out = np.where(finite, exact, 0)
    with np.errstate(all="ignore"):
        scale = np.floor(np.log10(np.where(out == 0, 1, np.abs(out))))
        for digits in (8, 7, 6):
            unit = 10.0 ** (digits - scale)
            rounded = np.round(exact * unit) / unit
            out = np.where(rounded.astype(np.float32) == values, rounded, out)
    return [value if known else None for value, known in zip(out.tolist(), finite.tolist(), strict=True)]


def score(evidence: NDArray[np.float32]) -> NDArray[np.float32]:
    """As every other output of Gruard has it."""
    return np.exp(evidence.astype(np.float64)).astype(np.float32)
