"""The main figures of a set as a small table for the terminal."""

from collections.abc import Mapping
from typing import Any

from benchmarks.quality.summary import plain

# Heading, format, and where the figure is. Of a detector that has none there the cell is empty.
ALERTS = (
    ("recall", ".2f", "alerts recall"),
    ("delay", ".0f", "alerts delay_rows"),
    ("false/10k", ".1f", "false_alarms per_10_000"),
    ("budget", ".1f", "false_alarms budget_per_10_000"),
)
RANKED = (
    ("VUS-PR", ".3f", "vus_pr mean"),
    ("recall at 5", ".2f", "recall_at_5 recall"),
    ("at 10", ".2f", "recall_at_10 recall"),
)
COLUMNS = {
    "nab": (
        ("standard", ".1f", "default_limit standard"),
        ("low FP", ".1f", "default_limit low_fp"),
        ("low FN", ".1f", "default_limit low_fn"),
        ("hindsight", ".1f", "hindsight standard"),
        *ALERTS,
    ),
    "skab": (
        ("F1", ".3f", "alert f1"),
        ("FAR", ".1f", "alert far"),
        ("MAR", ".1f", "alert mar"),
        ("hindsight F1", ".3f", "hindsight f1"),
        ("FAR<=20", ".3f", "hindsight_far_20 f1"),
        ("changes", ".1f", "changepoints_hindsight standard"),
        *ALERTS,
    ),
    "smd": (*RANKED, *ALERTS),
    "asd": (*RANKED, *ALERTS),
}


def table(name: str, detectors: Mapping[str, Any]) -> str:
    """One line where there is nothing to show."""
    if not detectors:
        return "no labels: scores are written, metrics are left out"
    columns = COLUMNS[name]
    rows = [["", *(heading for heading, _, _ in columns)]]
    for detector, figures in detectors.items():
        rows.append([detector, *(_cell(plain(figures), form, place) for _, form, place in columns)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths) for row in rows)


def _cell(figures: Any, form: str, place: str) -> str:
    for name in place.split():
        figures = figures.get(name) if isinstance(figures, Mapping) else None
    return "" if figures is None else format(figures, form)


def _line(row: list[str], widths: list[int]) -> str:
    first, *others = (
        cell.ljust(width) if not n else cell.rjust(width)
        for n, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return "  ".join([first, *others]).rstrip()
