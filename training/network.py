"""The forecaster: what a recurrent cell makes of the readings so far is the *change* of each sensor to come.

It trains over (time, streams) and steps over (devices) with the same weights and the same cell. A linear head on the
hidden units and a skip of each sensor from its own change and deviation; at birth it is the last-value forecast.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training.cells import CELLS

CHANGE_CLIP, DEVIATION_CLIP = 3.0, 4.0  # what enters the cell, in level spreads
GAP_CLIP = 100.0  # sample periods; a longer pause says nothing more
DAY_MS, WEEK_MS = 86_400_000, 604_800_000
MONDAY_MS = 3 * DAY_MS  # 1970-01-01 was a Thursday


@dataclass(frozen=True)
class Shape:
    sensors: int
    cell: str = "gru"
    units: int = 48
    horizons: int = 3
    calendar: int = 0  # 0, 4 (day) or 6 (day and week) inputs
    season: bool = False

    @property
    def inputs(self) -> int:
        """Per sensor its change, its deviation and whether it is missing; the pause; the calendar."""
        return 3 * self.sensors + 1 + self.calendar


def calendar(time: Tensor, features: int) -> Tensor:
    """time: (rows,) int64 ms -> (rows, features); whole milliseconds are taken apart before any rounding."""
    day = torch.remainder(time, DAY_MS).to(torch.float32) * (2 * math.pi / DAY_MS)
    angles = [day, 2 * day]
    if features > 4:
        week = torch.remainder(time + MONDAY_MS, WEEK_MS).to(torch.float32)
        angles.append(week * (2 * math.pi / WEEK_MS))
    return torch.stack([wave(angle) for angle in angles for wave in (torch.sin, torch.cos)], dim=-1)


def pause(elapsed: Tensor, period: Tensor | float) -> Tensor:
    """Sample periods since the reading before, 1 for a device's first. elapsed: (rows,) seconds."""
    return torch.where(elapsed > 0, elapsed / period, 1.0).clamp(0.0, GAP_CLIP)


def pause_input(pauses: Tensor) -> Tensor:
    """0 for a device that keeps its sample period."""
    return torch.log(pauses + 1.0) - math.log(2.0)


class Head(nn.Module):
    """Hidden units, and of each sensor its own change and deviation, to its change over one horizon."""

    def __init__(self, units: int, sensors: int) -> None:
        super().__init__()
        self.sensors = sensors
        self.reads = nn.Parameter(torch.randn(units, sensors) * 0.01)
        self.bias = nn.Parameter(torch.zeros(sensors))
        self.from_change = nn.Parameter(torch.zeros(sensors))
        self.from_deviation = nn.Parameter(torch.zeros(sensors))

    def forward(self, hidden: Tensor, inputs: Tensor) -> Tensor:
        change, deviation = inputs[..., : self.sensors], inputs[..., self.sensors : 2 * self.sensors]
        own = change * self.from_change + deviation * self.from_deviation
        return torch.matmul(hidden, self.reads) + self.bias + own


class Forecaster(nn.Module):
    def __init__(self, shape: Shape, dropout: float = 0.0) -> None:
        super().__init__()
        self.shape = shape
        self.cell = CELLS[shape.cell](shape.inputs, shape.units)
        self.cell.begin_deaf(range(3 * shape.sensors, shape.inputs))
        self.next = Head(shape.units, shape.sensors)
        self.later = nn.ModuleList(Head(shape.units, shape.sensors) for _ in range(shape.horizons - 1))
        self.dropout = nn.Dropout(dropout)

    def forward(self, inputs: Tensor, memory: Tensor, keep: Tensor) -> tuple[Tensor, Tensor]:
        """inputs: (time, streams, inputs); keep: (time, streams), 0 where a new history begins.

        Returns changes (time, streams, horizons, sensors) and the memory after the chunk.
        """
        # Taken apart once: the gradient of a row by index is as large as all rows.
        projected = self.cell.project(inputs).unbind(0)
        restarts = (keep == 0).any(1).tolist()
        hiddens = []
        for row, own in enumerate(projected):
            if restarts[row]:
                memory = memory * keep[row].unsqueeze(1)
            hidden, memory = self.cell.advance(own, memory)
            hiddens.append(hidden)
        hidden = self.dropout(torch.stack(hiddens))
        return torch.stack([head(hidden, inputs) for head in (self.next, *self.later)], dim=2), memory

    def step(self, inputs: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """One reading of each device: the change over the first horizon (rows, sensors), and the next memory."""
        hidden, memory = self.cell.advance(self.cell.project(inputs), memory)
        return self.next(hidden, inputs), memory
