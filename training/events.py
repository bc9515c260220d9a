"""How good the alerts are where rows are labelled: the live detector over the files, judged event by event.

An event is a run of labelled rows of one device; it is found by an alert that is open during it. No threshold is
picked and nothing is adjusted after the fact: what is judged is what an operator would have seen.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np
import polars as pl
from numpy.typing import NDArray

from service.backtest import backtest
from service.sources import load
from service.streams.files import Options, read

Flags = NDArray[np.bool_]


@dataclass
class Tally:
    events: int = 0
    found: int = 0
    alerts: int = 0
    false_alerts: int = 0
    delays: tuple[int, ...] = ()  # readings from an event's start to its alert; 0 = open already
    rows: tuple[int, int, int, int] = (0, 0, 0, 0)  # hits, false, missed, rightly silent

    def add(self, alert: Flags, label: Flags) -> None:
        """One device's rows, in time."""
        events, alerts = runs(label), runs(alert)
        hits = [np.flatnonzero(alert[first:end]) for first, end in events]
        self.events += len(events)
        self.found += sum(len(hit) > 0 for hit in hits)
        self.delays += tuple(int(hit[0]) for hit in hits if len(hit))
        self.alerts += len(alerts)
        self.false_alerts += sum(not label[first:end].any() for first, end in alerts)
        cells = ((alert & label).sum(), (alert & ~label).sum(), (~alert & label).sum(), (~alert & ~label).sum())
        hit, false, missed, silent = (old + int(new) for old, new in zip(self.rows, cells, strict=True))
        self.rows = (hit, false, missed, silent)

    def lines(self) -> list[str]:
        hit, false, missed, silent = self.rows
        delay = f", {median(self.delays):g} readings after their start (median)" if self.delays else ""
        return [
            f"events: {self.found} of {self.events} found{delay}",
            f"alerts: {self.alerts}, {self.false_alerts} of them at no event",
            f"rows: F1 {2 * hit / max(2 * hit + false + missed, 1):.3f}, "
            f"false-alarm rate {false / max(false + silent, 1):.1%}, missed {missed / max(hit + missed, 1):.1%}",
        ]


def runs(flags: Flags) -> list[tuple[int, int]]:
    """(first, end) of each stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [(int(first), int(end)) for first, end in edges.reshape(-1, 2)]


def judge(bundle: Path, inputs: Sequence[str], options: Options, label: str) -> Tally:
    """`label`: a column that is not 0 where something was wrong. Blocks for as long as a backtest takes."""
    labels = {
        (frame.device, int(time)): bool(value > 0)
        for frame in read(inputs, replace(options, sensors=(label,)))
        for time, value in zip(frame.times, frame.values[:, 0], strict=True)
    }
    settings = load(options={("models", "path"): bundle.parent.parent}).settings
    unlabelled = replace(options, ignore=(*options.ignore, label))
    with tempfile.TemporaryDirectory() as folder:
        name = f"{bundle.parent.name}@{bundle.name}"
        backtest(inputs, unlabelled, settings, Path(folder), name, "parquet", lambda line: None)
        scores = pl.read_parquet(Path(folder) / "scores.parquet")
    tally = Tally()
    for (device,), own in scores.group_by("device", maintain_order=True):
        times = own["time"].str.strip_chars_end("Z").str.to_datetime(time_unit="ms").dt.epoch("ms").to_list()
        label_rows = np.array([labels.get((str(device), time), False) for time in times])
        tally.add(own["alert"].to_numpy() > 0, label_rows)
    return tally
