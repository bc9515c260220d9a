"""A device's readings as a picture for plotly: each sensor with its forecast band, the evidence below, alerts across.

Plain dicts. plotly reads a little HTML in every text, so texts out of data are escaped, and none goes into a template.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from service.console import parts, words
from service.console.palette import Palette
from service.console.shapes import Alert, Curve, Numbers, Recent

ROW_PX, HEAD_PX, FOOT_PX = 132, 26, 40
GAP = 0.30  # of a row: its title
MARKED = 12  # alerts drawn at most, the newest
FLOOR, CEILING = -3.0, 8.0  # evidence beyond says nothing more
UNJUDGED = -15.0  # below: the reading could not be judged
EVIDENCE = "evidence"
FONT = "system-ui, -apple-system, 'Segoe UI', sans-serif"


def figure(
    recent: Recent, sensors: Sequence[str], alerts: Sequence[Alert], palette: Palette, zoom: Sequence[str] | None
) -> dict[str, Any]:
    """zoom: from when to when; None: all."""
    rows = [name for name in sensors if name in recent.sensors]
    marked = marks(alerts, recent)
    layout = _layout(len(rows) + 1, palette, zoom)
    traces: list[dict[str, Any]] = []
    for row, name in enumerate(rows, 1):
        curve = recent.sensors[name]
        traces += _sensor(recent.time, curve, f"y{row}" if row > 1 else "y", palette)
        title = f"{words.plain(name, 48)}{f' ({words.plain(curve.unit, 16)})' if curve.unit else ''}"
        _row(layout, row, len(rows) + 1, title, palette)
    last = len(rows) + 1
    _row(layout, last, last, "evidence and its limit", palette)
    traces += _evidence(recent, f"y{last}" if last > 1 else "y", palette)
    layout[f"yaxis{last if last > 1 else ''}"] |= {"range": _evidence_range(recent), "zeroline": False}
    layout["shapes"] = [*_limit(last, palette), *(each for mark in marked for each in _span(*mark, recent, palette))]
    layout["annotations"] += [_mark_number(number, alert, recent, palette) for number, alert in marked]
    return {"data": traces, "layout": layout}


def marks(alerts: Sequence[Alert], recent: Recent) -> list[tuple[int, Alert]]:
    """Those that the picture reaches, with their number in the list: 1 is the newest."""
    if not recent.time:
        return []
    first, last = recent.time[0], recent.time[-1]
    numbered = enumerate(alerts, 1)
    return [
        (number, alert)
        for number, alert in numbered
        if alert.onset_time <= last and (alert.resolved_time or last) >= first
    ][:MARKED]


def _layout(rows: int, palette: Palette, zoom: Sequence[str] | None) -> dict[str, Any]:
    return {
        "height": rows * ROW_PX + FOOT_PX,
        "margin": {"l": 54, "r": 12, "t": 4, "b": FOOT_PX, "pad": 2},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 12, "color": palette.faint},
        "showlegend": False,
        "hovermode": "x",
        "hoverlabel": {"bgcolor": palette.paper, "bordercolor": palette.grid, "font": {"color": palette.ink}},
        "dragmode": "zoom",
        "annotations": [],
        "xaxis": {
            "type": "date",
            **({"range": list(zoom)} if zoom else {"autorange": True}),
            "anchor": f"y{rows}" if rows > 1 else "y",
            "gridcolor": palette.grid,
            "linecolor": palette.grid,
            "nticks": 6,
            "tickangle": 0,
            "hoverformat": "%H:%M:%S",
            "showspikes": True,
            "spikemode": "across",
            "spikethickness": 1,
            "spikedash": "dot",
            "spikecolor": palette.faint,
        },
    }


def _row(layout: dict[str, Any], row: int, rows: int, title: str, palette: Palette) -> None:
    top = 1 - (row - 1) / rows
    bottom = top - 1 / rows
    high = top - GAP / rows / 1.6
    layout[f"yaxis{row if row > 1 else ''}"] = {
        "domain": [max(bottom + 0.06 / rows, 0.0), high],
        "gridcolor": palette.grid,
        "zeroline": False,
        "nticks": 4,
        "fixedrange": True,
        "automargin": False,
    }
    layout["annotations"].append(
        {
            "text": f"<b>{literal(title)}</b>", "xref": "paper", "yref": "paper", "x": 0, "y": high, "xanchor": "left",
            "yanchor": "bottom", "showarrow": False, "font": {"color": palette.ink, "size": 13}, "align": "left",
        }
    )  # fmt: skip


def _sensor(times: Sequence[str], curve: Curve, axis: str, palette: Palette) -> Iterator[dict[str, Any]]:
    x, y = _band(times, curve.lower, curve.upper)
    base = {"type": "scatter", "mode": "lines", "xaxis": "x", "yaxis": axis}
    yield base | {
        "x": x, "y": y, "fill": "toself", "fillcolor": palette.band, "line": {"width": 0}, "hoverinfo": "skip",
    }  # fmt: skip
    yield base | {
        "x": times, "y": rounded(curve.expected), "line": {"color": palette.middle, "width": 1},
        "name": "expected", "hovertemplate": "%{y:.5g}<extra>expected</extra>",
    }  # fmt: skip
    yield base | {
        "x": times, "y": rounded(curve.observed), "line": {"color": palette.seen, "width": 1.8},
        "name": "observed", "hovertemplate": "%{y:.5g}<extra>observed</extra>",
    }  # fmt: skip


def _band(times: Sequence[str], lower: Numbers, upper: Numbers) -> tuple[list[str | None], Numbers]:
    """A closed outline for each stretch that has a band, gaps between them."""
    x: list[str | None] = []
    y: Numbers = []
    low, high = rounded(lower), rounded(upper)
    for start, end in _stretches([a is not None and b is not None for a, b in zip(low, high, strict=False)]):
        x += [*times[start:end], *reversed(times[start:end]), times[start], None]
        y += [*high[start:end], *reversed(low[start:end]), high[start], None]
    return x, y


def _stretches(present: Sequence[bool]) -> Iterator[tuple[int, int]]:
    start = None
    for at, here in enumerate([*present, False]):
        if here and start is None:
            start = at
        elif not here and start is not None:
            yield start, at
            start = None


def _evidence(recent: Recent, axis: str, palette: Palette) -> Iterator[dict[str, Any]]:
    judged = [None if value is None or value < UNJUDGED else value for value in recent.evidence]
    told = [None if value is None else min(max(value, FLOOR), CEILING) for value in judged]
    base = {"type": "scatter", "mode": "lines", "xaxis": "x", "yaxis": axis, "x": recent.time}
    yield base | {"y": [0.0] * len(told), "line": {"width": 0}, "hoverinfo": "skip"}
    yield base | {
        "y": [max(value or 0.0, 0.0) for value in told], "line": {"width": 0}, "fill": "tonexty",
        "fillcolor": palette.over, "hoverinfo": "skip",
    }  # fmt: skip
    yield base | {
        "y": rounded(told), "line": {"color": palette.evidence, "width": 1.4}, "name": EVIDENCE,
        "hovertemplate": "%{y:.3g}<extra>evidence</extra>",
    }  # fmt: skip


def _evidence_range(recent: Recent) -> list[float]:
    told = [value for value in recent.evidence if value is not None]
    return [FLOOR - 0.2, max(min(max(told, default=0.0), CEILING), 0.6) + 0.4]


def _limit(row: int, palette: Palette) -> list[dict[str, Any]]:
    return [
        {
            "type": "line", "xref": "paper", "x0": 0, "x1": 1, "yref": f"y{row}" if row > 1 else "y", "y0": 0, "y1": 0,
            "line": {"color": palette.limit, "width": 1.4, "dash": "dash"},
        }
    ]  # fmt: skip


def _span(number: int, alert: Alert, recent: Recent, palette: Palette) -> Iterator[dict[str, Any]]:
    colour = palette.alert[_tone(alert)]
    start, end = max(alert.onset_time, recent.time[0]), min(alert.resolved_time or recent.time[-1], recent.time[-1])
    across = {"xref": "x", "yref": "paper", "y0": 0, "y1": 1, "layer": "below"}
    yield across | {"type": "rect", "x0": start, "x1": end, "fillcolor": colour, "opacity": 0.13, "line": {"width": 0}}
    if alert.onset_time >= recent.time[0]:
        yield across | {"type": "line", "x0": start, "x1": start, "line": {"color": colour, "width": 1.5}}


def _mark_number(number: int, alert: Alert, recent: Recent, palette: Palette) -> dict[str, Any]:
    return {
        "text": f"<b>{number}</b>", "xref": "x", "x": max(alert.onset_time, recent.time[0]), "yref": "paper", "y": 1,
        "xanchor": "left", "yanchor": "top", "showarrow": False, "xshift": 3,
        "font": {"color": palette.alert[_tone(alert)], "size": 13},
    }  # fmt: skip


def _tone(alert: Alert) -> str:
    return parts.tone(alert.severity, alert.kind == "data_quality")


def rounded(values: Numbers) -> Numbers:
    """Five digits are more than a picture shows, and half of what would travel."""
    return [None if value is None else float(f"{value:.5g}") for value in values]


def literal(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
