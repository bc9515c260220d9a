"""The first page: what is wrong now, each with its sentence, and every device, the worst first."""

from dash import dcc, html
from dash.development.base_component import Component

from service.console import controls, live, parts, words
from service.console.frame import TICK_MS
from service.console.shapes import Alert, Device
from service.console.together import Gathered

DEVICES = 200  # rows; more are found by name
ALERTS = 30
SHOWN = {"": "all devices", "any": "with alerts", "critical": "critical", "warning": "warning", "info": "info"}


def layout(classes: set[str]) -> Component:
    return html.Div(
        [
            dcc.Interval(id="fleet-tick", interval=TICK_MS),
            dcc.Store(id="fleet-severity", data=""),
            dcc.Store(id="fleet-class", data=""),
            html.H1("Fleet", id="title", tabIndex="-1"),
            html.Div([_wrong(), _devices(classes)], className="columns"),
        ],
        className="page",
        **parts.also(data_tick="fleet-tick"),
    )


def _wrong() -> Component:
    return html.Section(
        [html.H2(["Open alerts", html.Span(id="fleet-wrong-count", className="count")]), live.part("fleet-wrong")],
        **parts.also(aria_label="Open alerts"),
    )


def _devices(classes: set[str]) -> Component:
    filters = [
        controls.text("fleet-find", "Find", "part of a name"),
        controls.select("fleet-severity", "Show", SHOWN, ""),
        controls.select("fleet-class", "Class", controls.classes(classes), ""),
    ]
    return html.Section(
        [
            html.H2(["Devices", html.Span(id="fleet-count", className="count")]),
            html.Div(filters, className="controls", role="search"),
            live.part("fleet-devices"),
        ],
        **parts.also(aria_label="Devices"),
    )


def query(find: str | None, severity: str | None, device_class: str | None) -> dict[str, str]:
    wanted = {"open": "true"} if severity == "any" else {"severity": severity or ""}
    return {**wanted, "class": device_class or "", "q": (find or "").strip()}


def wrong(found: Gathered[Alert]) -> Component:
    worst = sorted(found.items, key=lambda alert: alert.severity != "critical")  # stays newest first within each
    shown = parts.alert_list(worst[:ALERTS], "No alert is open. Nothing needs you.")
    more = len(worst) - ALERTS
    if more <= 0:
        return shown
    return html.Div([shown, html.P(html.A(f"{more:,} more open alerts", href="/alerts"), className="more")])


def devices(found: Gathered[Device], filtered: bool, known: int = 0) -> Component:
    """known: how many the services say there are."""
    if not found.items:
        return _none(found, filtered, known)
    head = [
        html.Th(name, scope="col", className=kind)
        for name, kind in (
            ("State", ""),
            ("Device", ""),
            ("Class", "wide"),
            ("Score", "number"),
            ("Last reading", "number"),
        )
    ]
    table = html.Table(
        [html.Caption("Devices, the worst first", className="unseen"), html.Thead(html.Tr(head)),
         html.Tbody([_row(device) for device in found.items])],
        className="devices",
    )  # fmt: skip
    more = found.total - len(found.items)
    return html.Div([table, html.P(f"{more:,} more: find them by name.", className="more")]) if more > 0 else table


def _none(found: Gathered[Device], filtered: bool, known: int) -> Component:
    if filtered:
        return html.P("No device is like that.", className="empty")
    if found.troubles:
        return html.P("No device can be shown while no service is reachable.", className="empty")
    if known:
        return html.P(f"{words.count(known, 'device')}; their list is being made.", className="empty")
    if found.early:
        return html.P("The list of devices is being made.", className="empty")
    return parts.notice(
        "No device yet.",
        "A device appears with its first reading. To see one now: `gruard fleet` writes simulated ones into the "
        "configured stream, `gruard feed FILE` the readings of a file.",
        tone="wait",
    )


def _row(device: Device) -> Component:
    return html.Tr(
        [
            html.Td([_state(device), *_several(device)]),
            html.Th(parts.device_link(device.id), scope="row"),
            html.Td(words.plain(device.class_, 40), className="wide"),
            html.Td(words.score(device.score), className="number"),
            html.Td(parts.time(device.last_time, day=False), className="number"),
        ],
        key=device.id,
        **parts.also(data_device=device.id),
    )


def _state(device: Device) -> Component:
    if device.severity:
        return parts.badge(device.severity)
    return html.Span("warming up" if device.warming else "healthy", className="badge calm")


def _several(device: Device) -> list[Component]:
    if device.open_alerts < 2:
        return []
    return [html.Span(f"×{device.open_alerts}", className="times", title=words.count(device.open_alerts, "open alert"))]
