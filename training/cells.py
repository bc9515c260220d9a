"""The recurrent cells, all behind one contract: `size` floats of memory a device, zeros at birth, one flat row.

`project` does the work that needs no memory (so training does it for a whole chunk at once), `advance` does the rest
and returns the hidden units and the next memory. Gates are written out: that is what gets exported, and it runs at
twice the speed of the ONNX operators.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

KERNEL = 4  # readings that the causal convolution sees, the newest included


def _weights(rows: int, columns: int, units: int) -> nn.Parameter:
    bound = units**-0.5
    return nn.Parameter(torch.empty(rows, columns).uniform_(-bound, bound))


class Cell(nn.Module):
    gates: int
    size: int  # floats of memory

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.units = self.size = units
        self.reads = _weights(inputs, self.gates * units, units)
        self.recurs = _weights(units, self.gates * units, units)
        self.bias = nn.Parameter(torch.zeros(self.gates * units))

    def project(self, inputs: Tensor) -> Tensor:
        """inputs: (..., inputs) -> (..., gates * units)."""
        return torch.matmul(inputs, self.reads) + self.bias

    def advance(self, projected: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """projected, memory: one row a device -> hidden units, next memory."""
        raise NotImplementedError

    @torch.no_grad()
    def begin_deaf(self, columns: Sequence[int]) -> None:
        """Start without ears for these inputs, so one that never varies in training says nothing later either."""
        self.reads[list(columns)] = 0.0


class Rnn(Cell):
    gates = 1

    def advance(self, projected: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        hidden = torch.tanh(projected + torch.matmul(memory, self.recurs))
        return hidden, hidden


class Gru(Cell):
    gates = 3

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__(inputs, units)
        self.recur_bias = nn.Parameter(torch.zeros(3 * units))

    def advance(self, projected: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        sizes = [2 * self.units, self.units]
        recurred = torch.matmul(memory, self.recurs) + self.recur_bias
        gates_read, fresh_read = torch.split(projected, sizes, dim=1)
        gates_recurred, fresh_recurred = torch.split(recurred, sizes, dim=1)
        reset, keep = torch.split(torch.sigmoid(gates_read + gates_recurred), self.units, dim=1)
        fresh = torch.tanh(fresh_read + reset * fresh_recurred)
        hidden = fresh + keep * (memory - fresh)
        return hidden, hidden


class Lstm(Cell):
    gates = 4

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__(inputs, units)
        self.size = 2 * units
        with torch.no_grad():
            self.bias[units : 2 * units] = 1.0  # a cell that forgets at birth learns slowly

    def advance(self, projected: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        hidden, carried = torch.split(memory, self.units, dim=1)
        gates, offered = torch.split(projected + torch.matmul(hidden, self.recurs), [3 * self.units, self.units], dim=1)
        enter, keep, show = torch.split(torch.sigmoid(gates), self.units, dim=1)
        carried = keep * carried + enter * torch.tanh(offered)
        hidden = show * torch.tanh(carried)
        return hidden, torch.cat([hidden, carried], dim=1)


class CnnGru(Cell):
    """A causal convolution over the last KERNEL inputs, which the memory holds, then a GRU."""

    gates = 1  # of the convolution

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__(KERNEL * inputs, units)
        del self.recurs
        self.gru = Gru(units, units)
        self.inputs = inputs
        self.size = units + (KERNEL - 1) * inputs

    def project(self, inputs: Tensor) -> Tensor:
        return inputs

    def advance(self, projected: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        window = torch.cat([memory[:, self.units :], projected], dim=1)  # oldest first
        seen = torch.relu(torch.matmul(window, self.reads) + self.bias)
        hidden, _ = self.gru.advance(self.gru.project(seen), memory[:, : self.units])
        return hidden, torch.cat([hidden, window[:, self.inputs :]], dim=1)

    def begin_deaf(self, columns: Sequence[int]) -> None:
        super().begin_deaf([tap * self.inputs + column for tap in range(KERNEL) for column in columns])


CELLS: dict[str, type[Cell]] = {"gru": Gru, "lstm": Lstm, "rnn": Rnn, "cnn-gru": CnnGru}
