"""The one training loop: truncated backpropagation over parallel streams, the best epoch kept.

In come rows in time order and lanes over them; out goes the forecaster of the epoch with the smallest held-out loss,
and the losses. Equal settings and rows give equal weights on one machine.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from training.network import CHANGE_CLIP, DEVIATION_CLIP, Forecaster, Shape
from training.settings import Settings
from training.windows import Lanes, Rows


class Epoch(NamedTuple):
    number: int
    train: float
    held_out: float


class Chunk(NamedTuple):
    inputs: Tensor  # (time, streams, inputs)
    targets: Tensor  # (time, streams, horizons, sensors) changes, NaN = unknown
    keep: Tensor


@dataclass
class Trained:
    forecaster: Forecaster
    losses: list[Epoch]
    best: int  # epoch


@dataclass(frozen=True)
class Job:
    rows: Rows
    train: Lanes
    held_out: Lanes
    shape: Shape
    settings: Settings


def fit(job: Job, tell: Callable[[Epoch], None] = lambda epoch: None) -> Trained:
    """Train; `tell` hears of each epoch. Blocks for seconds to minutes."""
    settings = job.settings
    torch.set_num_threads(settings.threads)
    torch.set_flush_denormal(True)  # as onnxruntime will: the order of sessions and fits must not change a bit
    torch.manual_seed(settings.seed)
    job = replace(job, rows=job.rows.to(settings.device))
    forecaster = Forecaster(job.shape, settings.dropout).to(settings.device)
    steps = settings.epochs * len(_cuts(job.train, settings.unroll))
    optimiser = torch.optim.AdamW(forecaster.parameters(), lr=settings.rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.rate, total_steps=max(steps, 10))
    losses, best = [Epoch(0, float("nan"), _loss(forecaster, job))], copy.deepcopy(forecaster.state_dict())
    for number in range(1, settings.epochs + 1):
        epoch = Epoch(number, _epoch(forecaster, job, optimiser, schedule), _loss(forecaster, job))
        if epoch.held_out < min(past.held_out for past in losses):
            best = copy.deepcopy(forecaster.state_dict())
        losses.append(epoch)
        tell(epoch)
        if number - _best(losses) >= settings.patience:
            break
    forecaster.load_state_dict(best)
    return Trained(forecaster.cpu().eval(), losses, _best(losses))


def _best(losses: list[Epoch]) -> int:
    return min(losses, key=lambda epoch: epoch.held_out).number


def _epoch(
    forecaster: Forecaster,
    job: Job,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> float:
    forecaster.train()
    settings, losses = job.settings, []
    memory = _newborn(forecaster, job.train, job.rows)
    for chunk in chunks(job.rows, job.train, settings, settings.sensor_dropout):
        optimiser.zero_grad(set_to_none=True)
        changes, memory = forecaster(chunk.inputs, memory.detach(), chunk.keep)
        loss = huber(changes, chunk.targets, settings)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(forecaster.parameters(), settings.gradient_clip)
        optimiser.step()
        schedule.step()
        losses.append(loss.detach())
    return float(torch.stack(losses).mean())


@torch.no_grad()
def _loss(forecaster: Forecaster, job: Job) -> float:
    """Held-out, of the next reading alone: what is scored later."""
    forecaster.eval()
    memory = _newborn(forecaster, job.held_out, job.rows)
    total = weight = 0.0
    for chunk in chunks(job.rows, job.held_out, job.settings, 0.0):
        changes, memory = forecaster(chunk.inputs, memory, chunk.keep)
        target = chunk.targets[:, :, 0]
        error = F.smooth_l1_loss(changes[:, :, 0], target.nan_to_num(), beta=job.settings.huber_beta, reduction="none")
        total += float((error * ~target.isnan()).sum())
        weight += float((~target.isnan()).sum())
    return total / max(weight, 1.0)


def huber(changes: Tensor, targets: Tensor, settings: Settings) -> Tensor:
    known = ~targets.isnan()
    wanted = targets.nan_to_num().clamp(-settings.target_clip, settings.target_clip)
    error = F.smooth_l1_loss(changes, wanted, beta=settings.huber_beta, reduction="none")
    weights = torch.tensor(settings.horizon_weights, device=changes.device).unsqueeze(1)
    return (error * known * weights).sum() / (known * weights).sum().clamp(min=1.0)


def _newborn(forecaster: Forecaster, lanes: Lanes, rows: Rows) -> Tensor:
    return torch.zeros(lanes.index.shape[1], forecaster.cell.size, device=rows.z.device)


def _cuts(lanes: Lanes, unroll: int) -> range:
    return range(0, len(lanes.index), unroll)


def chunks(rows: Rows, lanes: Lanes, settings: Settings, sensor_dropout: float) -> Iterator[Chunk]:
    """Lanes cut to the length of backpropagation, in time order."""
    for first in _cuts(lanes, settings.unroll):
        piece = Lanes(
            *(part[first : first + settings.unroll].to(rows.z.device) for part in (lanes.index, lanes.keep, lanes.room))
        )
        seen = piece.index.unsqueeze(-1).expand(-1, -1, rows.z.shape[1])  # the row whose left-behinds each row sees
        yield _chunk(rows, piece, seen - _gone(seen, sensor_dropout) if sensor_dropout else seen, settings)


def _gone(like: Tensor, share: float) -> Tensor:
    """Rows since a sensor went missing, 0 while it is there: some sensors of some streams, for a random while."""
    time, streams, sensors = like.shape
    chosen = torch.rand(streams, sensors, device=like.device) < 2 * share  # a while is half a chunk on average
    begins, ends = (torch.rand(2, streams, sensors, device=like.device) * time).long().sort(dim=0).values
    row = torch.arange(time, device=like.device).view(-1, 1, 1)
    return (row - begins).clamp(min=0) * (row <= ends) * chosen


def _chunk(rows: Rows, piece: Lanes, source: Tensor, settings: Settings) -> Chunk:
    index = piece.index
    last = rows.last.gather(0, source.flatten(0, 1)).view(source.shape)
    deviation = rows.deviation.gather(0, source.flatten(0, 1)).view(source.shape)
    lost = source != index.unsqueeze(-1)
    change = rows.change[index] * ~lost
    absent = torch.maximum(rows.absent[index], lost.float())
    inputs = [change.clamp(-CHANGE_CLIP, CHANGE_CLIP), deviation.clamp(-DEVIATION_CLIP, DEVIATION_CLIP), absent]
    known = rows.known[index] > 0
    targets = []
    for horizon in settings.horizons:
        ahead = rows.z[(index + horizon - 1).clamp(max=len(rows.z) - 1)] - last
        within = known & (piece.room >= horizon).unsqueeze(-1)
        targets.append(torch.where(within, ahead, torch.nan))
    return Chunk(torch.cat([*inputs, rows.others[index]], dim=-1), torch.stack(targets, dim=2), piece.keep)
