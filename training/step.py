"""The filter step around a forecaster: the graph of a class bundle, and the only arithmetic of its state.

In one step a row is forecast without being seen, compared, then learnt from; the features it leaves behind feed the
cell at the *next* step, so a forecast knows the pause before it and the time of day it is for. Nothing here reduces
over sensors or rows outside the cell's products, so a row's bits do not depend on its batch.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from service.manifest import Witness
from training.network import CHANGE_CLIP, DAY_MS, DEVIATION_CLIP, GAP_CLIP, Forecaster, calendar, pause, pause_input

Z_CLIP = 1e3  # any finite reading stays finite in float32
TAUS = (4.0, 15.0, 60.0)  # readings; the first two witness, the last is an input of the cell
REFERENCE_GAIN = 1 / 3000
BINS = 24  # of a day, for the season witness
SEASON_GAIN = 0.25
PENALTY = 0.5  # of the witnesses that take the largest of many sensors

INPUTS = ("values", "elapsed", "time", "learn", "alerting", "state")
OUTPUTS = ("mean", "scale", "reference", "reference_scale", "held", "terms", "next_state")


def witnesses(sensors: int, scored: int, season: bool) -> tuple[Witness, ...]:
    """The rows of `terms`, in order; the weighted one says something of its own only among several sensors."""
    found = [Witness(name="surprise", reduce="mean", smooth=(4, 15))]
    if sensors > 1 and scored > 1:
        found.append(Witness(name="weighted", reduce="mean", smooth=(4, 15)))
    names = ["level_4", "level_15"] + (["season_4", "season_15"] if season else [])
    found += [Witness(name=name, reduce="top", penalty=PENALTY) for name in names]
    return (*found, Witness(name="change", reduce="top", role="change"))


class Row(NamedTuple):
    """A state row taken apart; every part is zeros for a newborn device."""

    memory: Tensor
    last: Tensor  # z of the reading before, its own forecast where it was missing
    change: Tensor
    averages: Tensor  # 3 per sensor, by TAUS
    reference: Tensor
    held: Tensor
    seen: Tensor


class Season(NamedTuple):
    deviation: Tensor  # 2 per sensor: smoothed z minus the day's curve
    visit: Tensor  # mean so far of the hour that runs
    day: Tensor  # BINS per sensor; exactly 0 = hour never finished
    hour: Tensor
    readings: Tensor  # in the hour that runs
    hours: Tensor  # finished since birth


class Step(nn.Module):
    """Buffers are what calibration fills in; each is one initialiser of the graph and is read there once."""

    def __init__(self, forecaster: Forecaster, period_s: float, weighted: bool) -> None:
        super().__init__()
        self.forecaster, self.shape, self.weighted = forecaster, forecaster.shape, weighted
        sensors, memory = self.shape.sensors, forecaster.cell.size
        self.widths = [memory, sensors, sensors, 3 * sensors, sensors, sensors, sensors]
        if self.shape.season:
            self.widths += [2 * sensors, sensors, BINS * sensors, 1, 1, 1]
        self.register_buffer("period", torch.tensor([period_s]))
        for name in ("mu", "dead_zone"):
            self.register_buffer(name, torch.zeros(sensors))
        for name in ("spread", "scored", "weight", "change_unit"):
            self.register_buffer(name, torch.ones(sensors))
        self.register_buffer("level_unit", torch.ones(2, sensors))
        # The same in engineering units, apart from the above so that no exporter folds two buffers into one.
        self.register_buffer("band", torch.ones(sensors))
        self.register_buffer("reference_band", torch.ones(sensors))
        self.register_buffer("taus", torch.tensor(TAUS).view(3, 1))
        self.register_buffer("gains", 1 - torch.exp(-1 / torch.tensor(TAUS)).view(3, 1))
        if self.shape.season:
            self.register_buffer("bins", torch.arange(BINS, dtype=torch.float32))

    @property
    def size(self) -> int:
        return sum(self.widths)

    def forward(
        self, values: Tensor, elapsed: Tensor, time: Tensor, learn: Tensor, alerting: Tensor, state: Tensor
    ) -> tuple[Tensor, ...]:
        parts = torch.split(state, self.widths, dim=1)
        was = Row(*parts[:7])
        averages = was.averages.unflatten(1, (3, self.shape.sensors))
        known = (was.seen > 0).float()
        missing = torch.isnan(values)
        present = 1.0 - missing.float()
        counted = present * self.scored
        pauses = pause(elapsed, self.period).unsqueeze(1)

        # 1. Forecast from what earlier readings left behind; the band widens with what was not seen.
        change, memory = self.forecaster.step(self._inputs(was, averages[:, 2], pauses, time), was.memory)
        forecast = (was.last + change * self.scored).clamp(-Z_CLIP, Z_CLIP)
        doubt = torch.sqrt(pauses.clamp(min=1.0) + (-was.held).clamp(0.0, GAP_CLIP))

        # 2. Compare. A missing sensor becomes its own forecast, never far from where it was last seen.
        z = ((torch.where(missing, self.mu, values) - self.mu) / self.spread).clamp(-Z_CLIP, Z_CLIP)
        surprise = (torch.abs(z - forecast) / doubt - self.dead_zone).clamp(min=0.0) * counted * known
        filled = torch.where(missing, _near(forecast, averages[:, 2]) * known, z)

        # 3. Learn.
        seen = was.seen + present
        gains = self._gains(seen) * present.unsqueeze(1)
        averages = averages + gains * (filled.unsqueeze(1) - averages)
        step = self._reference_gain(was.seen, learn, alerting) * present
        reference = was.reference + step * (filled - was.reference)
        held = _held(z, was, missing)
        now = [memory, filled, known * (filled - was.last), averages.flatten(1), reference, held, seen]

        # 4. Witness.
        level = torch.abs(averages[:, :2] - reference.unsqueeze(1)) / self.level_unit * counted.unsqueeze(1)
        moved = torch.abs(averages[:, 1] - averages[:, 2]) / self.change_unit * counted
        terms = [surprise.unsqueeze(1), *([(surprise * self.weight).unsqueeze(1)] if self.weighted else []), level]
        if self.shape.season:
            deviation, kept = self._season(Season(*parts[7:]), filled, gains[:, :2], time, learn)
            terms.append(torch.abs(deviation) * counted.unsqueeze(1))
            now += kept
        terms.append(moved.unsqueeze(1))

        return (
            self.mu + self.spread * forecast,
            self.band * doubt,
            self.mu + self.spread * reference,
            self.reference_band + 0.0 * present,
            held,
            torch.cat(terms, dim=1),
            torch.cat(now, dim=1),
        )

    def _inputs(self, was: Row, slow: Tensor, pauses: Tensor, time: Tensor) -> Tensor:
        inputs = [
            was.change.clamp(-CHANGE_CLIP, CHANGE_CLIP) * self.scored,
            (was.last - slow).clamp(-DEVIATION_CLIP, DEVIATION_CLIP) * self.scored,
            (was.held < 0).float() * self.scored,
            pause_input(pauses),
        ]
        if self.shape.calendar:
            inputs.append(calendar(time, self.shape.calendar))
        return torch.cat(inputs, dim=1)

    def _gains(self, seen: Tensor) -> Tensor:
        """1/t while t < tau, then 1 - exp(-1/tau): (rows, 3, sensors)."""
        count = seen.clamp(min=1.0).unsqueeze(1)
        return torch.where(count < self.taus, 1.0 / count, self.gains)

    def _reference_gain(self, seen: Tensor, learn: Tensor, alerting: Tensor) -> Tensor:
        young = (1.0 / (seen + 1.0)).clamp(min=REFERENCE_GAIN)
        gain = torch.where(alerting.unsqueeze(1) > 0, REFERENCE_GAIN, young) * learn.unsqueeze(1)
        return torch.where(seen > 0, gain, 1.0)  # a reference has to begin somewhere

    def _season(
        self, was: Season, filled: Tensor, gains: Tensor, time: Tensor, learn: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        """The smoothed deviation from this hour of earlier days (rows, 2, sensors), and the parts of the next state.

        An hour enters the day's curve when the next one begins: the curve is read before it learns.
        """
        sensors = self.shape.sensors
        hour = torch.div(torch.remainder(time, DAY_MS), DAY_MS // BINS, rounding_mode="floor").float().unsqueeze(1)
        day = was.day.unflatten(1, (BINS, sensors))
        learns = (learn > 0).float().unsqueeze(1)
        turned = (hour != was.hour).float() * learns
        finished = turned * (was.readings > 0).float()
        gain = (1.0 / (torch.floor(was.hours / BINS) + 1.0)).clamp(min=SEASON_GAIN)
        place = (self.bins == was.hour).float().unsqueeze(2) * finished.unsqueeze(2)  # (rows, BINS, 1)
        first = (day == 0).float()
        day = day + place * torch.maximum(gain.unsqueeze(2), first) * (was.visit.unsqueeze(1) - day)

        readings = was.readings * (1.0 - turned) + learns
        visit = was.visit * (1.0 - turned)
        visit = visit + learns / readings.clamp(min=1.0) * (filled - visit)
        # One product with a single 1 a row picks this hour's value exactly.
        usual = torch.matmul((self.bins == hour).float().unsqueeze(1), day).squeeze(1)
        apart = ((filled - usual) * (usual != 0).float()).clamp(-Z_CLIP, Z_CLIP).unsqueeze(1)
        deviation = was.deviation.unflatten(1, (2, sensors))
        deviation = deviation + gains * (apart - deviation)
        running = torch.where(learns > 0, hour, was.hour)
        return deviation, [deviation.flatten(1), visit, day.flatten(1), running, readings, was.hours + finished]


def _near(forecast: Tensor, slow: Tensor) -> Tensor:
    return torch.minimum(torch.maximum(forecast, slow - DEVIATION_CLIP), slow + DEVIATION_CLIP)


def _held(z: Tensor, was: Row, missing: Tensor) -> Tensor:
    """Readings with exactly this value, 1 = it is new; minus the readings that the sensor has been missing."""
    unchanged = (z == was.last).float() * was.held.clamp(min=0.0)
    return torch.where(missing, was.held.clamp(max=0.0) - 1.0, unchanged + 1.0)
