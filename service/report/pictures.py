"""The pictures of a report as PNG: readings with their band, evidence against the limit, alerts as coloured spans.

Text out of data is drawn literally (no TeX), and what a font can't show is a box, never an error.
"""

import base64
import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import dates, ticker
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from service.report.axis import Axis
from service.report.curves import Curve
from service.report.story import Life
from service.report.tally import EDGES

SENSORS_DRAWN = 3
FLOOR = -3.0  # evidence below it says nothing more
CEILING = 8.0
UNJUDGED = -15.0  # below: the reading could not be judged
COLOURS = {"critical": "#c62828", "warning": "#e08a00", "info": "#5b7f95", "data_quality": "#78848e"}
INK, SEEN, BAND, MIDDLE, FAINT = "#25313b", "#17415f", "#9ccbe8", "#4a93c4", "#d8dee3"
STYLE: Any = {
    "font.size": 9,
    "font.family": "DejaVu Sans",
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#eef1f3",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "xtick.color": "#5d6b76",
    "ytick.color": "#5d6b76",
    "figure.facecolor": "white",
    "agg.path.chunksize": 10_000,
}


@contextmanager
def _figure(width: float, height: float) -> Iterator[tuple[Figure, list[str]]]:
    """A figure, and the list that gets its picture as data URI. Fixed margins: measuring texts doubles the time."""
    out: list[str] = []
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # glyphs that the font lacks
        figure = Figure(figsize=(width, height), dpi=150)
        FigureCanvasAgg(figure)
        yield figure, out
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", metadata={"Software": None})
        out.append("data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode())


def history(curve: Curve, alerts: Sequence[Life], axis: Axis) -> str:
    """Sensors that alerts point at with their bands, and the evidence below them, over one time axis."""
    drawn = leading_sensors(curve, alerts)
    rows = len(drawn) + 1
    height = 1.62 * rows + 0.5
    with _figure(11, height) as (figure, out):
        place = _margins(11, height, left=0.75, right=0.5, top=0.3) | {"hspace": 0.32}
        axes = figure.subplots(rows, 1, sharex=True, squeeze=False, gridspec_kw=place)[:, 0]
        x = axis.of(curve.times)
        for each, sensor in zip(axes, drawn, strict=False):
            _sensor(each, x, curve, curve.sensors.index(sensor), axis)
        _evidence(axes[-1], x, curve.evidence, axis)
        for each in axes:
            _spans(each, alerts, axis, curve)
        _numbers(axes[0], alerts, axis)
        _time_axis(axes[-1], axis)
        axes[-1].set_xlim(x[0], x[-1] if x[-1] > x[0] else x[0] + axis.least)
    return out[0]


def _margins(
    width: float, height: float, left: float, right: float, top: float, bottom: float = 0.55
) -> dict[str, float]:
    """Inches to shares of the figure."""
    return {"left": left / width, "right": 1 - right / width, "top": 1 - top / height, "bottom": bottom / height}


def leading_sensors(curve: Curve, alerts: Sequence[Life]) -> list[str]:
    """Those with the largest shares in the alerts, else those that went farthest from what was expected."""
    shares = dict.fromkeys(curve.sensors, 0.0)
    for life in alerts:
        for part in life.worst["contributions"]:
            if part["sensor"] in shares:
                shares[part["sensor"]] += part["share"] * (1.0 if life.kind == "process" else 0.1)
    with np.errstate(invalid="ignore", divide="ignore"):
        far = np.abs(curve.values - curve.expected) / (curve.upper - curve.lower)
    reach = np.where(np.isfinite(far), far, 0).max(axis=0, initial=0).tolist()
    reached = dict(zip(curve.sensors, reach, strict=True))
    ranked = sorted(curve.sensors, key=lambda name: (-shares[name], -reached[name]))
    return sorted(ranked[:SENSORS_DRAWN], key=ranked.index)


def _sensor(each: Axes, x: NDArray[np.float64], curve: Curve, s: int, axis: Axis) -> None:
    cut = _gaps(curve.times)
    lower, upper = (_broken(band[:, s], cut) for band in (curve.lower, curve.upper))
    at, seen = _broken(x, cut), _broken(curve.values[:, s], cut)
    each.fill_between(at, lower, upper, color=BAND, alpha=0.55, linewidth=0, label="expected band")
    each.plot(at, _broken(curve.expected[:, s], cut), color=MIDDLE, linewidth=0.7)
    each.plot(at, seen, color=SEEN, linewidth=0.9, marker="." if len(curve) < 150 else None, markersize=3)
    each.set_title(_short(curve.sensors[s], 80), loc="left", fontsize=9, pad=4)
    _frame(each, curve.values[:, s], curve.lower[:, s], curve.upper[:, s])


def _frame(each: Axes, seen: NDArray[np.float32], lower: NDArray[np.float32], upper: NDArray[np.float32]) -> None:
    """All of what was seen, and of the band what a wild start does not stretch."""
    parts = [a[np.isfinite(a)] for a in (seen, lower, upper)]
    if not len(parts[0]):
        return
    low, high = float(parts[0].min()), float(parts[0].max())
    if len(parts[1]):
        low = min(low, float(np.quantile(parts[1], 0.02)))
        high = max(high, float(np.quantile(parts[2], 0.98)))
    room = 0.06 * (high - low) or max(abs(high), 1.0) * 0.05
    each.set_ylim(low - room, high + room)


def _evidence(each: Axes, x: NDArray[np.float64], evidence: NDArray[np.float32], axis: Axis) -> None:
    shown = np.where(evidence < UNJUDGED, np.nan, np.clip(evidence, FLOOR, CEILING)).astype(np.float64)
    each.plot(x, shown, color="#55626d", linewidth=0.8)
    each.fill_between(x, 0, shown, where=shown > 0, color=COLOURS["critical"], alpha=0.5, linewidth=0)
    each.axhline(0, color=COLOURS["critical"], linewidth=1, linestyle=(0, (4, 3)))
    each.annotate(
        "limit", (1, 0), xycoords=("axes fraction", "data"), xytext=(3, 0), textcoords="offset points",
        va="center", color=COLOURS["critical"], fontsize=8,
    )  # fmt: skip
    unjudged = np.flatnonzero(np.isnan(shown))
    if len(unjudged) and unjudged[0] == 0:
        ends = int(np.argmax(~np.isnan(shown))) or len(shown) - 1
        each.axvspan(x[0], x[ends], color="#f1f3f5", linewidth=0)
    top = float(np.nanmax(shown)) if np.isfinite(shown).any() else 0.0
    each.set_ylim(FLOOR - 0.1, max(1.0, top * 1.1))
    each.set_title("evidence", loc="left", fontsize=9, pad=4)


def _spans(each: Axes, alerts: Sequence[Life], axis: Axis, curve: Curve) -> None:
    for life in alerts:
        start, end = axis.span(life, int(curve.times[-1]))
        colour = COLOURS["data_quality" if life.kind == "data_quality" else life.severity]
        each.axvspan(start, max(end, start), color=colour, alpha=0.16 if life.kind == "process" else 0.1, linewidth=0)
        each.axvline(start, color=colour, linewidth=0.9, alpha=0.9)


def _numbers(each: Axes, alerts: Sequence[Life], axis: Axis) -> None:
    for number, life in enumerate(alerts, 1):
        colour = COLOURS["data_quality" if life.kind == "data_quality" else life.severity]
        each.annotate(
            str(number), (axis.span(life, 0)[0], 1), xycoords=("data", "axes fraction"), xytext=(3, -9),
            textcoords="offset points", color=colour, fontsize=8, fontweight="bold", annotation_clip=True,
        )  # fmt: skip


def _time_axis(each: Axes, axis: Axis) -> None:
    if axis.known:
        locator = dates.AutoDateLocator(minticks=4, maxticks=10)  # type: ignore[no-untyped-call]
        each.xaxis.set_major_locator(locator)
        each.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    each.set_xlabel(axis.label)


def _gaps(times: NDArray[np.int64]) -> NDArray[np.intp]:
    """Where a line must not go on: pauses far longer than usual."""
    steps = np.diff(times)
    usual = np.median(steps[steps > 0]) if (steps > 0).any() else 0
    return np.flatnonzero(steps > max(20 * usual, 1)) + 1


def _broken(column: NDArray[Any], cut: NDArray[np.intp]) -> NDArray[np.float64]:
    return np.insert(column.astype(np.float64), cut, np.nan)


def _short(name: str, most: int = 22) -> str:
    printable = "".join(c if c.isprintable() else "□" for c in name)
    return printable if len(printable) <= most else printable[: most - 1] + "…"


def distribution(counts: NDArray[np.int64]) -> str:
    """How often which evidence was reached, on a logarithmic scale."""
    with _figure(5.2, 2.6) as (figure, out):
        each = figure.subplots(gridspec_kw=_margins(5.2, 2.6, left=0.75, right=0.1, top=0.1))
        inner = counts[1:-1].astype(float)
        inner[-1] += counts[-1]
        middle = (EDGES[:-1] + EDGES[1:]) / 2
        colours = np.where(middle >= 0, COLOURS["critical"], "#8fa3b1")
        each.bar(middle, inner, width=float(EDGES[1] - EDGES[0]), color=colours)
        if inner.any():
            each.set_yscale("log")
            each.yaxis.set_major_formatter(ticker.FuncFormatter(lambda count, _: f"{count:,.0f}"))
            each.yaxis.set_minor_formatter(ticker.NullFormatter())
        each.axvline(0, color=COLOURS["critical"], linewidth=1, linestyle=(0, (4, 3)))
        each.set_xlabel("evidence (0 = limit; score = exp of it)")
        each.set_ylabel("readings")
    return out[0]


def timeline(alerts: dict[str, list[Life]], axis: Axis, seen: dict[str, tuple[int, int]]) -> str:
    """When which of the shown devices had an alert. seen: first and last reading of each, Unix ms."""
    names = list(alerts)
    first_ms, last_ms = min(first for first, _ in seen.values()), max(last for _, last in seen.values())
    height = 0.8 + 0.27 * len(names)
    with _figure(11, height) as (figure, out):
        each = figure.subplots(gridspec_kw=_margins(11, height, left=2.1, right=0.2, top=0.1))
        for row, name in enumerate(names):
            begin, stop = axis.of(np.array(seen[name])).tolist()
            each.plot([begin, stop], [row, row], color=FAINT, linewidth=1.5, zorder=0)
            for life in alerts[name]:
                start, end = axis.span(life, seen[name][1])
                colour = COLOURS["data_quality" if life.kind == "data_quality" else life.severity]
                height, alpha = (0.34, 0.75) if life.kind == "process" else (0.05, 0.4)
                each.broken_barh([(start, max(end - start, 0))], (row - height, 2 * height), color=colour, alpha=alpha)
                each.plot([start], [row], marker="|", color=colour, markersize=9 if life.kind == "process" else 4)
        each.set_yticks(range(len(names)), [_short(name, 28) for name in names])
        each.set_ylim(len(names) - 0.5, -0.5)
        each.set_xlim(*axis.of(np.array([first_ms, max(last_ms, first_ms + 1)])).tolist())
        each.grid(axis="y", visible=False)
        _time_axis(each, axis)
    return out[0]
