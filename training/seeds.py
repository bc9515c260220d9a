"""What limits begin with: the largest strengths of blocks of healthy readings, as many as a limit looks back on.

Strengths that rest on forecasts come from readings that trained nothing, those of levels from the whole history.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.calibrate import BEGINNING, BLOCK, Rules, strengths
from training.replay import Trace
from training.windows import Split

MOST = 167  # blocks that a limit looks back on
FEWEST = 8  # blocks in the hold-out; with fewer the whole history gives all seeds
TELLING = 4  # blocks of a device that tell how they vary
SILENT = 1e-6  # a smaller strength is none
FORESEEN = ("surprise", "weighted")  # witnesses that rest on what the network learnt

Floats = NDArray[np.float32]
Maxima = Mapping[str, Sequence[Floats]]  # by strength: of each device, its blocks in time


class Block(NamedTuple):
    age: int  # rows between the block and the end of the history
    value: float  # logarithm, less the device's median
    weight: float


def limit_seeds(
    traces: Sequence[Trace], young: Sequence[Trace], splits: Sequence[Split], rules: Rules
) -> tuple[dict[str, tuple[float, ...]], str]:
    """Block maxima by strength, oldest first, and which part of the history those of forecasts come from.

    `traces` are of devices that lived through the history, `young` of devices born with the hold-out. A limit has to
    hold for both: a young reference wanders where an old one stands.
    """
    begins, source = [split.stop for split in splits], "hold-out"
    if sum((split.rows - split.stop) // BLOCK for split in splits) < FEWEST:
        begins, source = [BEGINNING] * len(splits), "whole history: the hold-out is short"
    whole, unseen = _maxima(traces, [BEGINNING] * len(traces), rules), _maxima(traces, begins, rules)
    born = _maxima(young, [BEGINNING] * len(young), rules)
    seeds = {}
    for name in whole:
        own = unseen if name.split("/")[0] in FORESEEN else whole
        seeds[name] = representative([*own[name], *born[name]])
    return seeds, source


def _maxima(traces: Sequence[Trace], firsts: Sequence[int], rules: Rules) -> Maxima:
    found: dict[str, list[Floats]] = {name: [] for witness in rules.witnesses for name in witness.strengths}
    for trace, first in zip(traces, firsts, strict=True):
        for name, strength in strengths(trace.terms, rules).items():
            found[name].append(block_maxima(strength[first:]))
    return found


def block_maxima(strength: Floats) -> Floats:
    """Of whole blocks, oldest first; they end with the history, so what is cut off is the oldest."""
    blocks = len(strength) // BLOCK
    return strength[len(strength) - blocks * BLOCK :].reshape(blocks, BLOCK).max(axis=1)


def representative(devices: Sequence[Floats]) -> tuple[float, ...]:
    """Seeds of a typical device, oldest first.

    A device's blocks are its own loudness times how they vary: the loudness is the median over devices, the variation
    is pooled, every device counting alike. Pooling the blocks themselves would give all devices the limits of the
    loudest, and those few learn their own soon enough.
    """
    logs = [np.log(np.maximum(device, SILENT)) for device in devices if len(device)]
    telling = [own for own in logs if len(own) >= TELLING] or [np.concatenate(logs)]
    loudness = np.median([np.median(own) for own in logs])
    blocks = sorted(_variation(telling), key=lambda block: block.value)
    share = np.array([block.weight for block in blocks])
    count = min(MOST, max(1, int(1 / np.square(share).sum() + 1e-6)))  # as many as are worth an independent block
    places = np.searchsorted(np.cumsum(share), np.arange(1, count + 1) / (count + 1) - 1e-9)
    chosen = sorted((blocks[min(place, len(blocks) - 1)] for place in places), key=lambda block: -block.age)
    most = fence(np.array([block.value for block in blocks]), share)
    return tuple(float(np.float32(np.exp(loudness + min(block.value, most)))) for block in chosen)


def _variation(devices: Sequence[Floats]) -> Iterator[Block]:
    for device in devices:
        apart = device - np.median(device)
        for place, value in enumerate(apart.tolist()):
            yield Block((len(device) - place) * BLOCK, value, 1 / len(device) / len(devices))


def fence(values: NDArray[np.float64], share: NDArray[np.float64]) -> float:
    """The most that a block may stand out; ascending logarithms, each with its share.

    What lies beyond is an incident in the history and must not set the limit of all: Tukey's far-out fence. Of 400
    blocks whose maxima follow a Gumbel law about one is touched.
    """
    low, high = values[np.minimum(np.searchsorted(np.cumsum(share), [0.25, 0.75]), len(values) - 1)]
    return float(high + 3 * (high - low))
