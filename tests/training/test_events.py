"""Alerts against labels: an event is a run of rows, found when an alert is open during it."""

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from service.streams.files import Options
from tests.training.machines import SENSORS, fitted, machine
from training import bundles, events

flags = st.lists(st.booleans(), max_size=60)


@given(flags=flags)
@settings(max_examples=60, deadline=None)
def test_runs_put_together_are_the_flags(flags: list[bool]) -> None:
    rows = np.zeros(len(flags), bool)
    found = events.runs(np.array(flags, bool))
    for first, end in found:
        assert not rows[max(first - 1, 0) : end].any()
        rows[first:end] = True
    assert rows.tolist() == flags


@given(alert=flags, label=flags)
@settings(max_examples=60, deadline=None)
def test_every_row_and_event_is_counted_once(alert: list[bool], label: list[bool]) -> None:
    size = min(len(alert), len(label))
    tally = events.Tally()
    tally.add(np.array(alert[:size], bool), np.array(label[:size], bool))
    assert sum(tally.rows) == size
    assert len(tally.delays) == tally.found <= tally.events
    assert tally.false_alerts <= tally.alerts


def test_a_labelled_fault_is_found_by_the_live_detector(tmp_path: Path) -> None:
    folder = bundles.write(fitted(), tmp_path)
    history = machine(7, 800, seed=5)
    values = history.values.copy()
    values[600:660] *= np.float32([1.6, 1.5, 1.4])
    label = np.zeros(800, int)
    label[600:660] = 1
    rows = [f"{t},{','.join(map(str, v))},{w}" for t, v, w in zip(history.times, values.tolist(), label, strict=True)]
    file = tmp_path / "machine.csv"
    file.write_text("\n".join([f"time,{','.join(SENSORS)},wrong", *rows]) + "\n")
    tally = events.judge(folder, [str(file)], Options(), "wrong")
    assert (tally.events, tally.found) == (1, 1)
    assert tally.delays[0] < 20
