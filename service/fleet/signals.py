"""What simulated machines are made of: duty schedules, lags, loops that hunt, surroundings that wander.

One `Signals` is the memory of one device. It makes consecutive blocks of rows and carries every filter's state from
one block to the next; filters are told apart by the order in which the physics asks for them, so that order is fixed.
Works on whole columns (no loop over rows) and reads no clock: the same generator gives the same bytes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.float64]

DAY_S = 86400.0
BUSIEST_S = 15 * 3600.0  # daily load and outdoor temperature both peak in the afternoon
STOPS = 2.5  # valves and dampers have end stops: a loop swings so many deviations and no farther
NEGLIGIBLE = 1e-12  # a filter's memory below this is far under the last decimal that any sensor reports


@dataclass(frozen=True)
class Regimes:
    """A Markov schedule of duty levels; a change is a linear ramp, never a jump."""

    levels: tuple[float, ...]
    moves: tuple[tuple[float, ...], ...]  # moves[i][j]: chance that level i is followed by level j
    dwell_s: float  # mean time at a level
    shortest_s: float  # longer than the ramp
    ramp_s: float


class Schedule:
    """Duty over time as the corner points of a line; corners are drawn when they are needed and dropped when past."""

    def __init__(self, regimes: Regimes, rng: np.random.Generator) -> None:
        self._regimes, self._rng = regimes, rng
        self._level = int(rng.integers(len(regimes.levels)))
        self._times: list[float] = [-np.inf]
        self._duties: list[float] = [regimes.levels[self._level]]
        self._until: float | None = None

    def duty(self, seconds: Column) -> Column:
        while self._until is None or self._until < seconds[-1]:
            self._extend(float(seconds[0]) if self._until is None else self._until)
        duty: Column = np.interp(seconds, self._times, self._duties)
        past = max(0, int(np.searchsorted(self._times, seconds[-1])) - 2)
        del self._times[:past], self._duties[:past]
        return duty

    def _extend(self, since: float) -> None:
        regimes = self._regimes
        stay = regimes.shortest_s + self._rng.exponential(regimes.dwell_s - regimes.shortest_s)
        before = regimes.levels[self._level]
        self._level = int(np.searchsorted(np.cumsum(regimes.moves[self._level]), self._rng.random()))
        self._times += [since + stay, since + stay + regimes.ramp_s]
        self._duties += [before, regimes.levels[self._level]]
        self._until = since + stay + regimes.ramp_s


def follow(pole: float | complex, drive: NDArray[Any], before: Any) -> NDArray[Any]:
    """x[t] = pole * x[t-1] + drive[t] along the first axis, x[-1] = before, in log2(rows) passes over whole columns."""
    x = drive.copy()
    x[0] += pole * before
    reach, power = 1, pole
    while reach < len(x) and abs(power) > NEGLIGIBLE:
        x[reach:] += power * x[:-reach]
        reach, power = reach * 2, power * power
    return x


class Signals:
    def __init__(self, regimes: Regimes, period_s: float, rng: np.random.Generator) -> None:
        self._rng, self._period_s = rng, period_s
        schedule, self._traits_rng = rng.spawn(2)  # what is drawn when it is needed must not move what is drawn by row
        self._schedule = Schedule(regimes, schedule)
        self._memory: list[Any] = []  # one entry a filter, in the order of the calls
        self._traits: list[float] = []
        self._filter = self._trait = 0
        self.seconds: Column = np.zeros(1)

    def begin(self, seconds: Column) -> None:
        """Start a block at these Unix times (s); blocks must follow each other without a hole."""
        self.seconds = seconds
        self._filter = self._trait = 0

    def own(self, spread: float) -> float:
        """Give a factor around 1 that this device keeps for life."""
        if self._trait == len(self._traits):
            self._traits.append(1 + spread * self._traits_rng.uniform(-1, 1))
        self._trait += 1
        return self._traits[self._trait - 1]

    def day(self) -> Column:
        """The daily rhythm, -1 at night to 1 in the afternoon."""
        rhythm: Column = np.cos((self.seconds - BUSIEST_S) * (2 * np.pi / DAY_S))
        return rhythm

    def duty(self) -> Column:
        return self._schedule.duty(self.seconds)

    def lag(self, target: Column, tau_s: float) -> Column:
        """A first-order lag: a thermal mass, a volume that fills, a rotor that spins up."""
        pole = float(np.exp(-self._period_s / (tau_s * self.own(0.1))))
        return self._filtered(pole, (1 - pole) * target, target[0])

    def wander(self, tau_s: float) -> Column:
        """Surroundings without a plan: AR(1) of unit variance."""
        pole = float(np.exp(-self._period_s / tau_s))
        return self._filtered(pole, np.sqrt(1 - pole**2) * self._rng.standard_normal(len(self.seconds)), 0.0)

    def hunting(self, period_s: float, damping: float = 0.02) -> Column:
        """A lightly damped loop that disturbances keep ringing: AR(2) of about unit variance, within its stops."""
        turn = 2 * np.pi * self._period_s / (period_s * self.own(0.08))
        radius = float(np.exp(-damping * turn))
        kicks = np.sqrt(1 - radius**2) * self._rng.standard_normal((2, len(self.seconds)))
        ringing = self._filtered(complex(radius * np.exp(1j * turn)), kicks[0] + 1j * kicks[1], 0.0)
        stopped: Column = STOPS * np.tanh(ringing.real / STOPS)
        return stopped

    def noise(self, scales: Column) -> Column:
        """Measurement noise (rows, sensors) of these deviations: AR(1), for transmitters damp what they read."""
        white = self._rng.standard_normal((len(self.seconds), len(scales)))
        return self._filtered(0.5, np.sqrt(0.75) * white, np.zeros(len(scales))) * scales

    def _filtered(self, pole: float | complex, drive: NDArray[Any], initial: Any) -> NDArray[Any]:
        if self._filter == len(self._memory):
            self._memory.append(initial)
        x = follow(pole, drive, self._memory[self._filter])
        self._memory[self._filter] = x[-1]
        self._filter += 1
        return x
