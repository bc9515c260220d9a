"""A device's page: what is wrong with it and why, its readings with their band, the evidence, and all of its alerts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote

from dash import dcc, html, no_update
from dash.development.base_component import Component

from service.console import controls, figure, live, palette, parts, words
from service.console.shapes import SEVERITIES, Alert, Contribution, Curve, Device, Recent
from service.console.together import Gathered

TICK_MS = 1500
SENSORS = 5  # drawn where a device has more, those that alerts name first
WINDOWS = {"50": 50, "150": 150, "all": None}
PATH = "/device/"
CONFIG: Any = {
    "displayModeBar": False,
    "displaylogo": False,
    "responsive": True,
    "scrollZoom": False,
    "doubleClick": "autosize",
}
LEGEND = (
    "Dark line: observed. Blue band: where a healthy reading was expected before it was seen. Evidence above the "
    "dashed limit opens an alert; coloured stretches are alerts, numbered as below. "
    "Drag to zoom, double-click to go back."
)
WARMING = "It is watched for silence and broken sensors; scores come when enough of its readings have been seen."


def identity(path: str, search: str | None) -> str:
    """The device that an address names; see words.device_path."""
    if name := path.removeprefix(PATH):
        return unquote(name)
    return parse_qs((search or "").removeprefix("?"), keep_blank_values=True).get("id", [""])[0]


def layout(name: str) -> Component:
    return html.Div(
        [
            dcc.Interval(id="device-tick", interval=TICK_MS),
            dcc.Store(id="device-name", data=name),
            dcc.Store(id="device-drawn"),
            dcc.Store(id="device-window", data="all"),
            dcc.Store(id="device-zoom"),
            dcc.Store(id="device-sensors", data="first"),
            html.H1(html.Bdi(words.plain(name)), id="title", tabIndex="-1"),
            live.part("device-head"),
            html.Section(
                [
                    html.Div([html.H2("Readings, band and evidence"), _controls()], className="bar-of-controls"),
                    live.part("device-notice"),
                    html.Figure([_graph(), html.Figcaption(LEGEND)], id="device-figure"),
                ],
            ),
            html.Div(
                [
                    html.Section([html.H2("Which sensors make the evidence"), live.part("device-contributions")]),
                    html.Section([html.H2("Alerts of this device"), live.part("device-alerts")]),
                ],
                className="columns",
                id="device-rest",
            ),
        ],
        className="page device-page",
        **parts.also(data_tick="device-tick"),
    )


def _graph() -> Component:
    return dcc.Graph(id="device-graph", config=CONFIG, figure={"data": [], "layout": {}}, style={"height": "240px"})


def _controls() -> Component:
    return html.Div(
        [
            controls.select(
                "device-window", "Show", {"50": "last 50 readings", "150": "last 150", "all": "all kept"}, "all"
            ),
            controls.select("device-sensors", "Sensors", {"first": "those that matter", "every": "all"}, "first"),
        ],
        className="controls",
    )


def head(found: Gathered[Device], name: str) -> list[Component]:
    if not found.items:
        return [_unknown(found, name)]
    device = found.items[0]
    open_alerts = [alert for alert in device.alerts if not alert.resolved]
    shown: list[Component] = [html.Dl([each for fact in _facts(device) for each in fact], className="facts")]
    if open_alerts:
        worst = sorted(open_alerts, key=_rank)
        shown.append(html.Ol([parts.alert_item(alert, device=False) for alert in worst], className="alerts why"))
    elif device.warming:
        shown.append(parts.notice("Warming up.", WARMING, tone="wait"))
    else:
        shown.append(html.P("No alert is open.", className="empty"))
    return shown


def _unknown(found: Gathered[Device], name: str) -> Component:
    if found.troubles:
        return parts.notice("Nothing can be said of this device while its service is not reachable.", tone="wait")
    if found.early:
        return parts.notice("The list of devices is being made.", "This page goes on asking.", tone="wait")
    return parts.notice(
        f"No service here knows a device “{words.plain(name)}”.",
        "Names count every letter. A device is known from its first reading on.",
        tone="wait",
    )


def _facts(device: Device) -> list[list[Component]]:
    model = f"{device.model.name}@{device.model.version}" if device.model else words.DASH
    told: list[tuple[str, Any]] = [
        ("State", parts.badge(device.severity) if device.severity else ("warming up" if device.warming else "healthy")),
        ("Class", words.plain(device.class_ or words.DASH)),
        ("Model", words.plain(model)),
        ("Last reading", parts.time(device.last_time)),
        ("Score", words.score(device.score)),
        *(
            (words.plain(name, 40), html.Bdi(words.plain(value, 80)))
            for name, value in sorted(device.labels.items())[:12]
        ),
    ]
    return [[html.Div([html.Dt(name), html.Dd(value)])] for name, value in told]


def _rank(alert: Alert) -> tuple[int, str]:
    known = alert.severity in SEVERITIES
    return (SEVERITIES.index(alert.severity) if known else len(SEVERITIES), alert.onset_time)


@dataclass(frozen=True)
class View:
    window: str
    every: bool  # sensor
    scheme: str
    zoom: tuple[str, ...] | None = None  # from when to when


def redrawn(device: Device, view: View, drawn: Mapping[str, Any] | None) -> tuple[Any, Any, Any]:
    """The figure, its room on the page, and what is drawn in it; nothing where the same is drawn already."""
    before = drawn or {}
    stamp = [device.id, device.recent.time[-1], _changes(device), view.window, view.every, view.scheme, view.zoom]
    if json.loads(json.dumps(stamp)) == before.get("stamp"):
        return no_update, no_update, no_update
    sensors = list(device.recent.sensors) if view.every else chosen(device, before.get("sensors", []))
    recent = latest(device.recent, WINDOWS.get(view.window))
    drawing = figure.figure(recent, sensors, device.alerts, palette.of(view.scheme), view.zoom)
    room = {"height": f"{drawing['layout']['height']}px"}
    return drawing, room, {"stamp": stamp, "sensors": [] if view.every else sensors}


def _changes(device: Device) -> str:
    return " ".join(f"{alert.alert_id}-{alert.sequence}" for alert in device.alerts[: figure.MARKED])


def chosen(device: Device, drawn: Sequence[str]) -> list[str]:
    """Those that alerts name come first; later ones come in below, and none goes while it is looked at."""
    known = list(device.recent.sensors)
    named = [part.sensor for alert in device.alerts for part in alert.why.contributions[:2] if part.sensor in known]
    opened = [alert for alert in device.alerts if alert.contributions and not alert.resolved]
    leading = [alert.contributions[0].sensor for alert in opened if alert.contributions[0].sensor in known]
    if drawn:
        return [*drawn, *(name for name in dict.fromkeys(leading) if name not in drawn)]
    return list(dict.fromkeys([*leading, *named, *known]))[: len(known) if len(known) <= SENSORS + 1 else SENSORS]


def latest(recent: Recent, readings: int | None) -> Recent:
    if readings is None or len(recent.time) <= readings:
        return recent
    cut = slice(-readings, None)
    sensors = {
        name: Curve(curve.unit, curve.observed[cut], curve.expected[cut], curve.lower[cut], curve.upper[cut])
        for name, curve in recent.sensors.items()
    }
    return Recent(recent.time[cut], recent.score[cut], recent.evidence[cut], recent.alert[cut], sensors)


def recorded(device: Device) -> Component | None:
    """Why there is no picture, if there is none."""
    if device.recent.time:
        return None
    if device.recorded:
        return parts.notice("Recording has begun.", "The picture starts with its next reading.", tone="wait")
    return parts.notice(
        "Readings of this device were not recorded until now.",
        "A service keeps recent readings of some hundred devices, those with open alerts first. This one has just been "
        "asked for; its picture starts with one of its next readings.",
        tone="wait",
    )


def contributions(device: Device) -> Component:
    """Of the worst open alert, which says most; else of the last reading, with what was observed then."""
    worst = sorted((alert for alert in device.alerts if not alert.resolved and alert.contributions), key=_rank)
    if worst:
        return html.Div(
            [html.P(["As its open alert tells at ", parts.time(worst[0].reading_time), "."], className="note"),
             parts.contributions(worst[0].contributions)]
        )  # fmt: skip
    if not device.contributions:
        return html.P(
            "No reading has been scored yet." if device.warming else "Nothing to tell apart.", className="empty"
        )
    return html.Div(
        [html.P("Of its last scored reading, which is no alert.", className="note"),
         parts.contributions([_observed(device, part) for part in device.contributions])]
    )  # fmt: skip


def _observed(device: Device, part: Contribution) -> Contribution:
    curve = device.recent.sensors.get(part.sensor)
    if curve is None or not curve.observed:
        return part
    observed, expected, lower, upper = (
        values[-1] if values else None for values in (curve.observed, curve.expected, curve.lower, curve.upper)
    )
    return Contribution(part.sensor, part.share, curve.unit, observed, expected, lower, upper)


def alerts(device: Device) -> Component:
    if not device.alerts:
        return html.P("None that the service remembers.", className="empty")
    drawn = {number for number, _ in figure.marks(device.alerts, device.recent)}
    items = [
        parts.alert_item(alert, device=False, mark=number if number in drawn else None)
        for number, alert in enumerate(device.alerts, 1)
    ]
    return html.Ol(items, className="alerts")
