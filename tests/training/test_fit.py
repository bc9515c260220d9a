"""The loop learns, the same way each time, and what it learns is in the recurrent cell."""

import copy

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.machines import TINY, fitted, machines
from training import evaluate, export, replay, windows
from training.fit import Job, _gone, fit, huber
from training.settings import Settings
from training.step import Step


def errors(step: Step) -> dict[str, np.ndarray]:
    unseen = machines(4, 500, seed=77)
    graph = export.graph(step)
    traces = replay.trace(graph, step.forecaster.cell.size, unseen)
    return evaluate.errors_of(traces, [60] * 4, step.spread.numpy())


def test_zeroing_the_cell_makes_forecasts_of_unseen_machines_much_worse() -> None:
    deaf = copy.deepcopy(fitted().step)
    with torch.no_grad():
        for parameter in deaf.forecaster.cell.parameters():
            parameter.zero_()
    trained, zeroed = errors(fitted().step), errors(deaf)
    assert trained["model"].mean() < 0.9 * trained["last_value"].mean()
    assert trained["model"].mean() < 0.9 * trained["ewma"].mean()
    assert zeroed["model"].mean() > 1.2 * trained["model"].mean()


def train(seed: int, epochs: int = 2) -> dict[str, torch.Tensor]:
    data = machines(2, 300)
    used = TINY.model_copy(update={"seed": seed, "epochs": epochs})
    splits = [windows.split(history, used) for history in data.histories]
    found = windows.normal([h.values[: s.fit] for h, s in zip(data.histories, splits, strict=True)], data.sensors, 0.05)
    shape = windows.shape(data, used)
    rows = windows.rows(data, found, shape)
    train_lanes, stop_lanes = windows.lanes([(0, splits[0].fit)], 4), windows.lanes([(splits[0].fit, 300)], 4)
    return fit(Job(rows, train_lanes, stop_lanes, shape, used)).forecaster.state_dict()


def test_equal_seeds_give_equal_weights_and_others_do_not() -> None:
    one, same, other = train(5), train(5), train(6)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_the_epoch_kept_is_the_best_on_the_part_that_was_not_trained_on() -> None:
    losses = fitted().evidence.losses
    assert fitted().evidence.best == int(losses[np.argmin(losses[:, 2]), 0])
    assert losses[:, 2].min() < 0.6 * losses[0, 2]


@given(seed=st.integers(0, 1000), share=st.sampled_from([0.01, 0.05, 0.2, 0.4]))
@settings(max_examples=30, deadline=None)
def test_a_dropped_sensor_keeps_what_it_said_before_it_went(seed: int, share: float) -> None:
    torch.manual_seed(seed)
    row = torch.arange(48).view(-1, 1, 1).expand(-1, 8, 5)
    source = row - _gone(row, share)
    assert (source >= 0).all()
    away = source != row
    began = source[1:] == source[:-1]
    assert (source[1:][began] < row[1:][began]).all()
    assert ((source[1:] >= source[:-1]) | ~away[1:]).all()
    assert (source[~away] == row[~away]).all()


def test_unknown_targets_and_large_ones_do_not_rule_the_loss() -> None:
    used = Settings()
    targets = torch.zeros(4, 2, 3, 2)
    changes = torch.zeros_like(targets)
    assert huber(changes, targets, used) == 0
    targets[0] = torch.nan
    assert huber(changes, targets, used) == 0
    targets[1] = 1e6
    assert huber(changes, targets, used) <= used.target_clip
