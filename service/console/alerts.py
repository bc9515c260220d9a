"""All alerts, open and past, by severity, kind, class and words of their sentence."""

from dash import dcc, html
from dash.development.base_component import Component

from service.console import controls, live, parts
from service.console.frame import TICK_MS
from service.console.shapes import Alert
from service.console.together import Gathered

SHOWN = 100
STATES = {"all": "open and past", "open": "open", "resolved": "past"}
SEVERITIES = {"": "every severity", "critical": "critical", "warning": "warning", "info": "info"}
KINDS = {"": "every kind", "process": "process", "data_quality": "data quality"}


def layout(classes: set[str]) -> Component:
    filters = [
        controls.text("alerts-find", "Find", "words, a device, a sensor"),
        controls.select("alerts-state", "State", STATES, "all"),
        controls.select("alerts-severity", "Severity", SEVERITIES, ""),
        controls.select("alerts-kind", "Kind", KINDS, ""),
        controls.select("alerts-class", "Class", controls.classes(classes), ""),
    ]
    stores = [dcc.Store(id=f"alerts-{name}", data=value) for name, value in
              (("state", "all"), ("severity", ""), ("kind", ""), ("class", ""))]  # fmt: skip
    return html.Div(
        [
            dcc.Interval(id="alerts-tick", interval=TICK_MS),
            *stores,
            html.H1(["Alerts", html.Span(id="alerts-count", className="count")], id="title", tabIndex="-1"),
            html.Div(filters, className="controls", role="search"),
            live.part("alerts-list"),
        ],
        className="page",
        **parts.also(data_tick="alerts-tick"),
    )


def query(state: str | None, severity: str | None, kind: str | None) -> dict[str, str]:
    return {"state": state or "all", "severity": severity or "", "kind": kind or ""}


def like(found: Gathered[Alert], find: str | None, device_class: str | None) -> list[Alert]:
    """Every word must be there, in any order, in what is seen of the alert."""
    wanted = (find or "").casefold().split()
    return [
        alert
        for alert in found.items
        if (not device_class or alert.device_class == device_class) and all(word in _text(alert) for word in wanted)
    ]


def _text(alert: Alert) -> str:
    sensors = " ".join(part.sensor for part in alert.why.contributions)
    return f"{alert.why.summary} {alert.summary} {alert.device_id} {alert.type} {alert.alert_id} {sensors}".casefold()


def listed(alerts: list[Alert], filtered: bool) -> Component:
    empty = "No alert is like that." if filtered else "No alert so far."
    shown = parts.alert_list(alerts[:SHOWN], empty)
    if len(alerts) <= SHOWN:
        return shown
    return html.Div([shown, html.P(f"The {SHOWN} newest of {len(alerts):,}: filter to see others.", className="more")])


def counted(alerts: list[Alert], found: Gathered[Alert]) -> str:
    more = "+" if found.total > len(found.items) else ""
    return f"{len(alerts):,}{more}"
