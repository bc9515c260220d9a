"""What one step showed of each class's devices, as sums: scores, device time, sensor values. And how limits drift.

It only looks at what was scored and decides nothing. Chunks are kept as they come and summed once a step and table,
so a reading costs no Python of its own; limits are looked at once a snapshot.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.detector.devices import Table
from service.detector.limits import limits, rank_of
from service.detector.resolve import Group
from service.detector.scored import Scored
from service.detector.scoring import NOTHING
from service.detector.tables import TableRules
from service.manifest import Manifest
from service.records import OTHER, SCORE_EDGES, Measured

EDGES = np.log(np.array(SCORE_EDGES))  # of the evidence: ln is monotonic, so no reading's score is worked out
LEAST = np.float32(1e-6)  # no limit is below it

Floats = NDArray[np.float32]


class Chunk(NamedTuple):
    """What is left of a scored chunk after the next one took its buffers."""

    evidence: Floats  # (m,)
    learn: Floats  # (m,) 0 = in maintenance
    k: NDArray[np.float64]  # (m,) false alarms per 10,000 readings
    period: NDArray[np.float64]  # (m,) seconds, as of this reading


class Meter:
    """Of one step of one partition."""

    def __init__(self, by_class: dict[str, Measured]) -> None:
        """by_class: filled."""
        self._by_class = by_class
        self._chunks: list[Chunk] = []

    def add(self, scored: Scored, rules: TableRules) -> None:
        learn = scored.bucket.learn[: len(scored.picked)].copy()
        period = rules.period(scored.group.work.columns, scored.rows)
        self._chunks.append(Chunk(scored.judged.evidence, learn, scored.k, period))

    def close(self, group: Group) -> None:
        """The group's chunks are all there."""
        if not self._chunks:
            return
        evidence, learn, k, period = map(np.concatenate, zip(*self._chunks, strict=True))
        self._chunks = []
        layout = group.work.table.layout
        found = self._by_class.setdefault(served_class(layout.bundle.manifest), Measured())
        count_values(found, group, len(layout.bundle.manifest.sensors))
        scored = evidence != NOTHING
        evidence, k = evidence[scored], k[scored]
        found.scores += np.bincount(np.searchsorted(EDGES, evidence), minlength=len(EDGES) + 1)
        found.score_sum += float(np.exp(evidence, dtype=np.float64).sum())
        counted = learn[scored] > 0
        found.device_s += float(period[scored][counted].sum())
        found.allowed += float(k[counted].sum()) / 10_000


def served_class(manifest: Manifest) -> str:
    """Devices that the universal bundle serves may call themselves anything: they are counted together."""
    return OTHER if manifest.universal else manifest.name


def count_values(found: Measured, group: Group, sensors: int) -> None:
    """Of all the group's readings. sensors: of its bundle, 0 = each device has its own."""
    present = int(np.isfinite(group.values).sum())
    expected = sensors * len(group.at) if sensors else int(group.sensors.sum())
    found.present += present
    found.missing += max(expected - present, 0)


def drift(table: Table, rules: TableRules) -> tuple[float, int]:
    """Sum over devices of ln(limit / limit of a newborn device), mean over strengths; and how many devices those are.

    Of the table's first devices alone, when it has very many.
    """
    columns, layout = table.columns, table.layout
    slots = next(table.alive(), np.empty(0, np.intp))
    slots = slots[(columns["count"][slots] > rules.warm_up) & (columns["blocks"][slots] > 0)]
    k, evidence, newborn = rules.k(columns, slots), layout.plan.evidence, layout.newborn
    limit, _ = limits(columns["top"][slots], columns["blocks"][slots], columns["floor"][slots], k)
    born = newborn["top"].astype(np.float32)[:, rank_of(np.float64(newborn["blocks"]), k)].T
    ratio = np.log(limit[:, evidence] / np.maximum(born, LEAST)[:, evidence]).mean(axis=1)
    return float(ratio.sum()), len(slots)
