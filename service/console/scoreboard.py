"""The demo's scoreboard while it plays: hidden faults, which of them were found and how fast, and false alarms."""

from dash import dcc, html
from dash.development.base_component import Component

from service.console import live, parts, words
from service.console.shapes import FalseAlarm, Fault, Scoreboard
from service.console.together import Gathered

ABSENT = "`gruard demo` plays one, with faults that it knows and the detector does not."


def layout() -> Component:
    return html.Div(
        [
            dcc.Interval(id="demo-tick", interval=2000),
            html.H1("Scoreboard", id="title", tabIndex="-1"),
            live.part("demo-score"),
        ],
        className="page",
        **parts.also(data_tick="demo-tick"),
    )


def score(found: Gathered[Scoreboard]) -> Component:
    if not found.items:
        return parts.notice("No demo is playing here.", ABSENT, tone="wait")
    told = found.items[0]
    return html.Div([_lead(told), _tiles(told), _faults(told), _false(told)])


def _lead(told: Scoreboard) -> Component:
    state = "has ended" if told.finished else f"plays {told.speed:g} times as fast as the clock"
    return html.P(
        f"A simulated fleet with hidden faults; it {state}. The detector is not told of them: what it finds, and what "
        "it raises without one, is counted here.",
        className="note",
    )


def _tiles(told: Scoreboard) -> Component:
    undecided = f"{told.faults_undecided} more have begun" if told.faults_undecided else "that had time to show"
    allowed = "within" if told.false_alarms <= told.false_alarms_allowed else "beyond"
    tiles = [
        (f"{told.faults_detected} of {told.faults_injected}", "faults found", undecided),
        (
            f"{told.false_alarms}",
            "false alarms",
            f"{allowed} the {told.false_alarms_allowed} that chance and budget allow",
        ),
        (f"{told.device_days:.2f}", "device-days played", words.count(told.devices, "device")),
        (f"{told.readings:,}", "readings", f"{told.readings_per_second:,.1f} a second of the fleet's time"),
    ]
    return html.Ul(
        [html.Li([html.Strong(big), html.Span(what), html.Small(more)]) for big, what, more in tiles], className="tiles"
    )


def _faults(told: Scoreboard) -> Component:
    if not told.faults:
        return html.P("No fault has had time to show yet.", className="empty")
    names = ("", "Device", "Fault", "Sensors", "Began", "Found after")
    head = html.Tr(
        [
            html.Th(
                name or html.Span("found", className="unseen"),
                scope="col",
                className="wide" if name in ("Sensors", "Began") else "number" if name == "Found after" else "",
            )
            for name in names
        ]
    )
    rows = [_fault(fault) for fault in sorted(told.faults, key=lambda fault: fault.start, reverse=True)]
    return html.Section([html.H2("Faults"), html.Table([html.Thead(head), html.Tbody(rows)])])


def _fault(fault: Fault) -> Component:
    size = f", {fault.size:g} spreads" if fault.size is not None else ""
    return html.Tr(
        [
            html.Td(
                html.Span(
                    "found" if fault.detected else "missed",
                    className=f"badge {'good' if fault.detected else 'critical'}",
                )
            ),
            html.Th(parts.device_link(fault.device), scope="row"),
            html.Td(words.plain(f"{fault.kind}{size}", 60)),
            html.Td(words.plain(fault.sensor.replace(",", ", "), 80), className="wide"),
            html.Td(parts.time(fault.start, day=False), className="wide"),
            html.Td(words.span(fault.delay_s) if fault.detected else words.DASH, className="number"),
        ]
    )


def _false(told: Scoreboard) -> Component:
    if not told.false_alarm_list:
        return html.P("No false alarm so far.", className="empty")
    items = [_false_alarm(alarm) for alarm in told.false_alarm_list]
    return html.Section([html.H2("False alarms"), html.Ol(items, className="alerts")])


def _false_alarm(alarm: FalseAlarm) -> Component:
    return html.Li(
        [html.Div([parts.device_link(alarm.device), parts.time(alarm.time)], className="head"),
         html.P(html.Bdi(words.plain(alarm.summary, 600)), className="sentence")],
        className="alert past",
    )  # fmt: skip
