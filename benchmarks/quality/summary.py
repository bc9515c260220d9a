"""From what was told of the series of a set to its figures: all of them, of every detector, and what they rest on."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.marks import Marks
from benchmarks.quality.metrics import events, nab, skab
from benchmarks.quality.metrics.vus import BUFFER, vus_pr
from benchmarks.quality.run import kept_rows
from benchmarks.quality.series import Series

# Lavin and Ahmad, 'Evaluating Real-time Anomaly Detection Algorithms' (2015): what is found, missed, false.
PROFILES = {
    name: {"CostMatrix": {"tpWeight": found, "fnWeight": missed, "fpWeight": false}}
    for name, found, missed, false in (
        ("standard", 1.0, 1.0, 0.11),
        ("low_fp", 1.0, 1.0, 0.22),
        ("low_fn", 1.0, 2.0, 0.11),
    )
}
FALSE_PER_10_000 = (5, 10)  # at which event recall is given
FALSE_PER_FILE = 3.0  # at which changepoints are

Figures = dict[str, Any]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Case:
    """Series and what one detector told of its shown rows; budget: false alarms per 10,000 readings."""

    series: Series
    told: Marks
    budget: float

    @property
    def tested(self) -> Marks:
        return self.told.since(self.series.history - self.series.shown)

    @property
    def anomalous(self) -> Flags:
        """(tested rows,)"""
        found = labels(self.series)
        assert found is not None
        return found[self.series.history :]


def labels(series: Series) -> Flags | None:
    """(rows,)"""
    if series.anomaly is not None or series.windows is None:
        return series.anomaly
    found = np.zeros(len(series.time_ms), np.bool_)
    for first, last in series.windows:
        found[first : last + 1] = True
    return found


def figures(name: str, cases: Sequence[Case], ranked: bool = True) -> Figures:
    """Every metric of the set. ranked: also those of the score, with hindsight; the others are of alerts alone."""
    found = _of_alerts(cases)
    alerts = {
        "recall": found.recall,
        "found": found.found,
        "events": found.events,
        "delay_rows": found.delay,
        "precision": found.precision,
    }
    return {**SETS[name](cases, ranked), "alerts": alerts, "false_alarms": false_alarms(cases)}


def false_alarms(cases: Sequence[Case]) -> Figures:
    """Those on rows without a label, beside what the budget allows there."""
    found = _of_alerts(cases)
    healthy = [int(np.count_nonzero(~case.anomalous)) for case in cases]
    allowed = sum(rows * case.budget for rows, case in zip(healthy, cases, strict=True))
    return {
        "count": found.false,
        "healthy_rows": sum(healthy),
        "per_10_000": found.false_per_10_000,
        "interval": found.false_interval,
        "budget_per_10_000": allowed / max(sum(healthy), 1),
    }


def _of_alerts(cases: Sequence[Case]) -> events.Alerts:
    return events.of_alerts([case.tested.alert for case in cases], [case.anomalous for case in cases])


def _nab(cases: Sequence[Case], ranked: bool) -> Figures:
    corpus = [nab.Labelled(len(case.series.time_ms), case.series.windows or ()) for case in cases]
    begun = [case.told.begun.astype(np.float64) for case in cases]
    found: Figures = {"default_limit": {name: nab.score(corpus, begun, 1.0, p) for name, p in PROFILES.items()}}
    if ranked:
        swept = {name: nab.sweep(corpus, [case.told.event for case in cases], p) for name, p in PROFILES.items()}
        found["hindsight"] = {name: score for name, (score, _) in swept.items()}
        found["hindsight_threshold"] = {name: threshold for name, (_, threshold) in swept.items()}
    return found


def _skab(cases: Sequence[Case], ranked: bool) -> Figures:
    anomalous = [case.anomalous for case in cases]
    found: Figures = {"alert": skab.confusion([case.tested.alert for case in cases], anomalous)}
    if ranked:
        scores = [case.tested.score for case in cases]
        found["hindsight"] = skab.hindsight(scores, anomalous)
        found["hindsight_far_20"] = skab.at_far(scores, anomalous)
    if all(case.series.changepoint is not None for case in cases):
        changes = [np.asarray(case.series.changepoint)[case.series.history :] for case in cases]
        times = [case.series.time_ms[case.series.history :] for case in cases]
        found["changepoints"] = skab.changepoints([case.tested.begun for case in cases], changes, times)
        if ranked:
            weak = [case.tested.event for case in cases]
            found["changepoints_hindsight"] = skab.best_changepoints(weak, changes, times, FALSE_PER_FILE)
    return found


def _machines(cases: Sequence[Case], ranked: bool) -> Figures:
    if not ranked:
        return {}
    scores, anomalous = [case.tested.score for case in cases], [case.anomalous for case in cases]
    areas = {c.series.name: vus_pr(s, label) for c, s, label in zip(cases, scores, anomalous, strict=True)}
    known = [area for area in areas.values() if not math.isnan(area)]
    return {
        "vus_pr": {"mean": float(np.mean(known)) if known else math.nan, "buffer": BUFFER, "series": areas},
        **{f"recall_at_{rate}": events.recall_at(scores, anomalous, rate) for rate in FALSE_PER_10_000},
    }


SETS: dict[str, Callable[[Sequence[Case], bool], Figures]] = {
    "nab": _nab,
    "skab": _skab,
    "smd": _machines,
    "asd": _machines,
}


def change_when_cut(cases: Sequence[Case], cut: Sequence[Sequence[Marks]], rows: Sequence[Sequence[int]]) -> Figures:
    """Mean absolute change of F1 on rows that both have, for each draw of how many rows each test part lacks.

    cut, rows: by series and draw.
    """
    changes = []
    for draw in range(len(rows[0])):
        pairs, anomalous = [], []
        for case, short, less in zip(cases, cut, rows, strict=True):
            kept = kept_rows(case.series, less[draw])[case.series.history :]
            pairs.append((case.told.at(kept), short[draw].since(case.series.history)))
            anomalous.append(case.anomalous[kept - case.series.history])
        alert, best = zip(*(_f1(side, anomalous) for side in zip(*pairs, strict=True)), strict=True)
        changes.append((abs(alert[1] - alert[0]), abs(best[1] - best[0])))
    return dict(zip(("alert", "hindsight"), np.mean(changes, axis=0).tolist(), strict=True))


def _f1(told: Sequence[Marks], anomalous: Sequence[Flags]) -> tuple[float, float]:
    return (
        skab.confusion([each.alert for each in told], anomalous).f1,
        skab.hindsight([each.score for each in told], anomalous).f1,
    )


def over_seeds(found: Mapping[int, Figures]) -> Figures:
    """One detector's entry: of one seed its figures, of several their mean, standard deviation, and each."""
    if len(found) == 1:
        return next(iter(found.values()))
    every = [plain(each) for each in found.values()]
    return {
        **_leaf_by_leaf(every, np.mean),
        "standard_deviation": _leaf_by_leaf(every, lambda leaves: np.std(leaves, ddof=1)),
        "seeds": {str(seed): each for seed, each in zip(found, every, strict=True)},
    }


def _leaf_by_leaf(every: Sequence[Any], to_one: Callable[[Sequence[float]], Any]) -> Any:
    first = every[0]
    if isinstance(first, dict):
        return {name: _leaf_by_leaf([each[name] for each in every], to_one) for name in first}
    if isinstance(first, list):
        return [_leaf_by_leaf(leaves, to_one) for leaves in zip(*every, strict=True)]
    return None if any(leaf is None for leaf in every) else float(to_one(every))


def plain(value: Any) -> Any:
    """As JSON has it; what is no finite number is null."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    return None if isinstance(value, float) and not math.isfinite(value) else value
