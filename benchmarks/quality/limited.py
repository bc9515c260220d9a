"""The product's limits, evidence and life of alerts for one device's strengths, wherever the strengths come from.

So a baseline is judged as the detector is: the same budget, block maxima, creep guard, hold-off and memory of an open
alert, by the service's own functions. Comes in: strengths, a row a reading. Goes out: evidence, events, alerts.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from service.detector.alerts import RISEN, Reading, continue_process, open_process
from service.detector.cases import OpenAlert
from service.detector.limits import BLOCK, LARGEST, SPAN, close_block, limits, seeded
from service.detector.rules import AlertsSettings
from service.detector.scoring import NOTHING, OFFSET, exceedance
from service.detector.step import FLOOR_GAIN

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
Seeds = Sequence[Sequence[float]]

TAUS = (4, 15)  # readings, of the product's smoothing
HOLD_OFF = 120  # readings
NEVER = -65536  # number of the reading of an event that has not been
FOR_EVER = 1e9  # readings


class Judged(NamedTuple):
    evidence: Floats  # (n,) 0 = alarm, NOTHING while warming up
    alert: Flags  # (n,) an alert is open after this reading
    event: Flags  # (n,)


def judge_stream(
    strengths: Floats,
    seeds: Seeds | None,
    k: float,
    penalties: Sequence[float] | Floats,
    warm_up: int,
    hold_off: int = HOLD_OFF,
    max_open: float = FOR_EVER,
) -> Judged:
    """Judge a device from its birth on; strengths (n, J) are finite, not negative, and already smoothed.

    seeds: block maxima of each strength that its first limits come from, oldest first; None: it learns them.
    k: false alarms per 10,000 readings. penalties: (J,) taken off the evidence as they are, so already times
    ln(ceil(sensors / 4)); infinite for a strength that is no evidence, as that of the change event.
    max_open: readings after which the product gives an alert up, seven days of them by default.
    """
    judge = Judge(seeds, k, penalties, warm_up, hold_off, max_open)
    parts = [judge.advance(strengths[row : row + BLOCK]) for row in range(0, max(len(strengths), 1), BLOCK)]
    return Judged(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def smoothed(strengths: Floats) -> Floats:
    """(n, 2J) EWMAs as the product has them: each strength by a gain of 1/t, never below that of 4 and of 15."""
    settled = np.array([1 - np.exp(-1 / tau) for tau in TAUS], np.float32)
    average = np.zeros((strengths.shape[1], len(TAUS)), np.float32)
    found = np.empty((len(strengths), *average.shape), np.float32)
    for row, strength in enumerate(strengths):
        average += np.maximum(settled, np.float32(1) / np.float32(row + 1)) * (strength[:, None] - average)
        found[row] = average
    return found.reshape(len(strengths), -1)


class Judge:
    """The state of `judge_stream` between two readings; parameters as there."""

    def __init__(
        self,
        seeds: Seeds | None,
        k: float,
        penalties: Sequence[float] | Floats,
        warm_up: int,
        hold_off: int = HOLD_OFF,
        max_open: float = FOR_EVER,
    ) -> None:
        count = len(penalties)
        top, age, blocks = seeded([()] * count if seeds is None else seeds)
        self._top, self._age, self._blocks = top[None], age[None], np.array([blocks], np.uint8)
        self._k, self._penalties = np.array([k], np.float64), np.asarray(penalties, np.float32)
        self._warm_up, self._hold_off = warm_up, hold_off
        # The alert's clock counts readings, as if there were one a second.
        self._settings = AlertsSettings(hold_off_readings=hold_off, max_open_s=max_open)
        self._floor, self._block = np.zeros(count, np.float32), np.zeros(count, np.float16)
        self._count, self._event = 0, NEVER  # readings so far, and the one of them that was the last event
        self._loudest = np.float16(0)  # evidence of that event
        self._open: OpenAlert | None = None
        self._renew()

    @property
    def alerting(self) -> bool:
        return self._open is not None

    def advance(self, strengths: Floats) -> Judged:
        """Judge the next readings; strengths (m, J) may reach the end of the block that is under way, not beyond."""
        number = self._count + 1 + np.arange(len(strengths))
        strengths = np.minimum(strengths, np.float32(LARGEST))
        limit = np.maximum(self._of_blocks, self._floors(strengths, number))
        evidence = np.max(exceedance(strengths, limit) - self._taken_off, axis=1)
        evidence[(number <= self._warm_up) | (self._blocks[0] == 0)] = NOTHING
        alert, event = np.zeros(len(strengths), np.bool_), np.zeros(len(strengths), np.bool_)
        was_alerting = self.alerting
        for i, count in enumerate(number.tolist()):
            was_alerting = self.alerting
            worse = evidence[i] >= np.float32(self._loudest) + RISEN
            if evidence[i] >= 0 and (count - 1 - self._event > self._hold_off or worse):
                event[i], self._event, self._loudest = True, count, np.float16(evidence[i])
            if event[i] or was_alerting:
                self._live(Reading(
                    time_ms=1000 * count, readings=count, evidence=float(evidence[i]), strength=strengths[i],
                    limit=limit[i], taken_off=self._taken_off, leading_sensor="", type="",
                    ends_block=count % BLOCK == 0,
                ))  # fmt: skip
            alert[i] = self.alerting
        self._count += len(strengths)
        learnt = strengths[number > self._warm_up].astype(np.float16)
        self._block = np.maximum(self._block, learnt.max(axis=0, initial=0))
        if len(strengths) and self._count % BLOCK == 0:
            self._close(limit[-1], was_alerting)
        return Judged(evidence, alert, event)

    def _floors(self, strengths: Floats, number: NDArray[np.intp]) -> Floats:
        """(m, J) running mean of the strengths before each reading."""
        gains = np.maximum(np.float32(1) / number.astype(np.float32), FLOOR_GAIN) * (number > self._warm_up)
        before = np.empty_like(strengths)
        for i, (gain, strength) in enumerate(zip(gains, strengths, strict=True)):
            before[i] = self._floor
            self._floor += gain * (strength - self._floor)
        return before

    def _close(self, limit: Floats, was_alerting: bool) -> None:
        """End a block, by the limit and the alert that its last reading met."""
        if not self._blocks[0] and self._count - BLOCK < self._warm_up:
            return  # without seeds the first limit is that of a whole block
        freely = np.array([was_alerting or not self._blocks[0]])
        self._top, self._age = close_block(self._top, self._age, self._block[None], limit[None], freely)
        self._blocks = np.minimum(self._blocks, SPAN - 1) + np.uint8(1)
        self._block = np.zeros_like(self._block)
        self._renew()

    def _renew(self) -> None:
        """What stays the same until a block ends: the limit less its floor, and what comes off the evidence."""
        limit, correction = limits(self._top, self._blocks, np.zeros_like(self._floor)[None], self._k)
        self._of_blocks, self._taken_off = limit[0], self._penalties + correction[0] + OFFSET

    def _live(self, reading: Reading) -> None:
        if self._open is None:
            self._open = open_process("", reading)
        elif continue_process(self._open, reading, self._settings)[0] == "resolved":
            self._open = None
