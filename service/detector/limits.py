"""What a strength may reach under the false-alarm budget: an order statistic of past block maxima.

A block is 60 readings; of the last 167 block maxima only the 16 largest are kept with their ages, which caps the
budget at 16 false alarms per 10,000 readings and costs 48 bytes a strength. Comes in: strengths. Goes out: limits.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BLOCK = 60  # readings
KEPT = 16  # largest block maxima
SPAN = 167  # blocks remembered: 10,020 readings
MAXIMUM_K = 16.0  # false alarms per 10,000 readings that the 16 kept maxima can resolve
CREEP = 1.05  # an unreported block may raise the limit by so much
LARGEST = 6.0e4  # below the largest float16

Floats = NDArray[np.float32]


def per_ten_thousand(budget_per_day: float, period_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """K of the budget: false alarms per 10,000 readings of a device that sends one every `period_s`."""
    return np.minimum(budget_per_day * period_s / 86400.0 * 10_000, MAXIMUM_K)


def seeded(seeds: Sequence[Sequence[float]]) -> tuple[NDArray[np.float16], NDArray[np.uint8], int]:
    """A newborn device's record: the seeds of each strength as its oldest blocks. (J, 16), (J, 16), blocks."""
    top = np.zeros((len(seeds), KEPT), np.float16)
    age = np.zeros((len(seeds), KEPT), np.uint8)
    for j, maxima in enumerate(seeds):
        values = np.minimum(np.asarray(maxima, np.float32), LARGEST).astype(np.float16)
        order = np.argsort(-values.astype(np.float32), kind="stable")[:KEPT]
        top[j, : len(order)] = values[order]
        age[j, : len(order)] = len(values) - order
    return top, age, min((len(maxima) for maxima in seeds), default=0)


def limits(
    top: NDArray[np.float16], blocks: NDArray[np.uint8], floor: Floats, k: NDArray[np.float64]
) -> tuple[Floats, Floats]:
    """(rows, J) limits and (rows,) what few blocks take off the evidence (Gumbel extrapolation).

    top: (rows, J, 16) descending; floor: (rows, J) running mean of the strength; k: (rows,) or (1,).
    """
    n = blocks.astype(np.float64)
    share = BLOCK * k / 10_000  # of the blocks that may exceed the limit
    rank = rank_of(n, k)
    limit = top[np.arange(len(top)), :, rank].astype(np.float32)
    correction = 0.3 * np.maximum(0.0, -np.log((n + 1) * share))
    return np.maximum(np.maximum(limit, floor), np.float32(1e-6)), correction.astype(np.float32)


# Where a kept maximum grows too old, one that was dropped before it should follow, but it is not known any more: later
# blocks take the place, so the last of the kept are smaller than their rank says. How often a block exceeds each is a
# matter of ranks alone, whatever the distribution: the 13th as often as the 14th should be, the 14th as the 16th.
TRUE_RANK = np.array([*range(13), 12, 12, 13], np.intp)


def rank_of(blocks: NDArray[np.float64] | np.float64, k: NDArray[np.float64]) -> NDArray[np.intp]:
    """Which of the largest block maxima is the limit, 0 = the largest."""
    rank = blocks - np.ceil((blocks + 1) * (1 - BLOCK * k / 10_000))
    kept: NDArray[np.intp] = TRUE_RANK[np.clip(rank, 0, KEPT - 1).astype(np.intp)]
    return kept


def close_block(
    top: NDArray[np.float16],
    age: NDArray[np.uint8],
    block: NDArray[np.float16],
    limit: Floats,
    alerting: NDArray[np.bool_],
) -> tuple[NDArray[np.float16], NDArray[np.uint8]]:
    """Records with one block more. While no alert is open a block adds at most 1.05 limits: what was reported may
    be learnt, what was not only slowly.

    top, age: (rows, J, 16); block, limit: (rows, J); alerting: (rows,).
    """
    value = block.astype(np.float32)
    value = np.where(alerting[:, None], value, np.minimum(value, CREEP * limit)).astype(np.float16)
    older = age + (age < 255)
    kept = np.where(older > SPAN, np.float16(0), top)
    values = np.concatenate([value[:, :, None], kept], axis=2)
    ages = np.concatenate([np.ones((*value.shape, 1), np.uint8), older], axis=2)
    order = np.argsort(-values.astype(np.float32), axis=2, kind="stable")[:, :, :KEPT]
    return np.take_along_axis(values, order, 2), np.take_along_axis(ages, order, 2)
