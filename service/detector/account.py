"""One reading's account of itself: whose share it is, what was expected, and the words for it.

A view of one row of a scored chunk; nothing here decides anything.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import service.detector.explain as explain
from service.detector.alerts import Contribution, Reading, score
from service.detector.cases import OpenAlert
from service.detector.limits import BLOCK
from service.detector.partition import Signature
from service.detector.scored import Scored
from service.detector.scoring import exceedance

Floats = NDArray[np.float32]

LATELY = np.float32(0.1)  # weight of this reading's shares in those of an open alert


class Spoken(NamedTuple):
    """What one event says beside the alert's own facts."""

    time_ms: int
    score: float
    extrapolated: bool
    contributions: list[Contribution]
    summary: str
    reason: str = ""


class Account:
    def __init__(self, scored: Scored, i: int, signature: Signature) -> None:
        self.scored, self.i = scored, i
        self.row = int(scored.rows[i])
        self.work = scored.group.work
        self.time_ms = int(scored.times[i])
        self.count = int(self.work.columns["count"][self.row])
        universal = self.work.table.layout.bundle.manifest.universal
        # As of this reading: a later one of the same batch may have brought more sensors.
        known = int(scored.group.sensors[scored.picked[i]])
        self.sensors = signature.sensors[:known] if universal else signature.sensors

    def shares(self, alert: OpenAlert | None = None) -> Floats:
        """(S,) each sensor's part now; of an open alert, of late, so that smoothed strengths can still be explained."""
        scored, i, size = self.scored, self.i, len(self.sensors)
        beyond = exceedance(scored.strength[i], scored.limit[i]) - scored.judged.taken_off[i]
        share = explain.shares(self.work.table.layout.plan, scored.terms[i, :, :size], beyond)
        if alert is None:
            return share
        past = np.zeros(size, np.float32)
        past[: len(alert.shares)] = alert.shares  # a universal device may have got a sensor since
        return past + LATELY * (share - past) if share.any() else past

    def change_shares(self) -> Floats:
        plan = self.work.table.layout.plan
        terms = self.scored.terms[self.i, plan.witness_of[plan.change[0]], : len(self.sensors)]
        return terms / np.float32(max(sum(terms.tolist()), 1e-9))

    def reading(self, share: Floats, change: bool = False) -> Reading:
        """What an alert's life hangs on."""
        scored, i, plan = self.scored, self.i, self.work.table.layout.plan
        return Reading(
            time_ms=self.time_ms,
            readings=self.count,
            evidence=float(scored.judged.change[i] if change else scored.judged.evidence[i]),
            strength=scored.strength[i, plan.evidence],
            limit=scored.limit[i, plan.evidence],
            taken_off=scored.judged.taken_off[i, plan.evidence],
            leading_sensor=self.sensors[int(np.argmax(share))] if len(share) else "",
            type="change" if change else explain.family(plan.names[int(scored.judged.leading[i])]),
            ends_block=self.count % BLOCK == 0,
        )

    def spoken(self, alert: OpenAlert, share: Floats) -> Spoken:
        """What a process alert says at this reading."""
        out, size = self.scored.bucket.out, len(self.sensors)
        by_level = alert.type in ("level", "season", "change")
        expected = (out.reference if by_level else out.mean)[self.i, :size]
        half = (out.reference_scale * np.float32(explain.REFERENCE_BAND) if by_level else out.scale)[self.i, :size]
        observed = self.scored.values[self.i, :size]
        parts = explain.contributions(self.sensors, self.units(), share, observed, expected, half)
        evidence = (self.scored.judged.change if alert.type == "change" else self.scored.judged.evidence)[self.i]
        extrapolated = bool(self.scored.extrapolated[self.i])
        return Spoken(self.time_ms, score(float(evidence)), extrapolated, parts, explain.sentence(alert.type, parts))

    def of_sensor(self, sensor: str) -> list[Contribution]:
        """A data-quality verdict's only contribution, with the value as it was sent."""
        s, out, i = self.sensors.index(sensor), self.scored.bucket.out, self.i
        observed = self.scored.group.values[self.scored.picked[i], s : s + 1]
        alone = np.ones(1, np.float32)
        return explain.contributions(
            [sensor], self.units(), alone, observed, out.mean[i, s : s + 1], out.scale[i, s : s + 1]
        )

    def units(self) -> dict[str, str]:
        return {sensor.name: sensor.unit for sensor in self.work.table.layout.bundle.manifest.sensors}
