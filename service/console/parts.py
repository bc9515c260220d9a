"""What several pages are made of: an alert with its sentence, a link to a device, a severity, a notice.

A key tells a browser which row is which when a list is told again in another order.
"""

from collections.abc import Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from service.console import words
from service.console.shapes import Alert, Contribution
from service.console.source import Trouble

Parts = list[Component]


def also(**attributes: str) -> dict[str, Any]:
    """Attributes whose names have dashes: aria_label is aria-label."""
    return {name.replace("_", "-"): value for name, value in attributes.items()}


def device_link(identity: str) -> Component:
    return html.A(
        html.Bdi(words.plain(identity, 64)),
        href=words.device_path(identity),
        className="device",
        title=words.plain(identity),
    )


def badge(severity: str | None, quality: bool = False) -> Component:
    """The word tells as much as the colour."""
    return html.Span(words.plain(severity or "no alert", 16), className=f"badge {tone(severity, quality)}")


def tone(severity: str | None, quality: bool = False) -> str:
    """A class name that is one of ours, whatever a service says."""
    if severity not in ("critical", "warning", "info"):
        return "calm"
    return "quality" if quality and severity != "critical" else severity


def time(text: str | None, day: bool = True) -> Component:
    return html.Time(words.moment(text, day), dateTime=text or "", className="number")


def alert_item(alert: Alert, device: bool = True, mark: int | None = None) -> Component:
    """One alert as a list item. device: names the device before it; mark: its number in the picture."""
    head: Parts = [html.Span(str(mark), className="mark", title="number in the picture")] if mark else []
    head += [badge("resolved" if alert.resolved else alert.severity)]
    head += [device_link(alert.device_id)] if device else []
    head += [html.Span(" · ".join(_facts(alert)), className="fact")]
    return html.Li(
        [
            html.Div(head, className="head"),
            html.P(html.Bdi(words.plain(alert.why.summary, 600)), className="sentence"),
            html.Div(_life(alert), className="life"),
        ],
        className=f"alert {'past' if alert.resolved else tone(alert.severity)}",
        key=alert.alert_id,
        **also(data_alert=alert.alert_id, data_severity=alert.severity),
    )


def _facts(alert: Alert) -> list[str]:
    kind = "data quality" if alert.kind == "data_quality" else "process"
    leading = [words.plain(part.sensor, 40) for part in alert.why.contributions[:1]]
    return [kind, words.plain(alert.type.replace("_", " "), 40), *leading]


def _life(alert: Alert) -> Parts:
    """Its sentence is as old as its last event, so an open one says of when that was."""
    if not alert.resolved:
        return [
            html.Span(["since ", time(alert.onset_time)]),
            html.Span(["told ", time(alert.reading_time, day=False)]),
        ]
    reason = words.plain((alert.resolved_reason or "resolved").replace("_", " "), 40)
    lasted = f"{alert.severity}; {reason} after {words.span(alert.duration_s)}"
    return [html.Span(["from ", time(alert.onset_time)]), html.Span(lasted)]


def alert_list(alerts: Sequence[Alert], empty: str, device: bool = True) -> Component:
    if not alerts:
        return html.P(empty, className="empty")
    return html.Ol([alert_item(alert, device) for alert in alerts], className="alerts")


def contributions(parts: Sequence[Contribution]) -> Component:
    """Bars with their numbers: a table for whoever cannot see bars."""
    rows = [
        html.Tr(
            [
                html.Th(html.Bdi(words.plain(part.sensor, 48)), scope="row"),
                html.Td(_value(part.observed, part.unit), className="number"),
                html.Td(_band(part), className="number wide"),
                html.Td(_bar(part.share), className="share"),
            ]
        )
        for part in parts
    ]
    head = html.Tr(
        [html.Th("Sensor", scope="col"), html.Th("Observed", scope="col", className="number"),
         html.Th("Expected", scope="col", className="number wide"), html.Th("Share", scope="col")]
    )  # fmt: skip
    return html.Table([html.Thead(head), html.Tbody(rows)], className="contributions")


def _value(value: float | None, unit: str) -> str:
    return "missing" if value is None else f"{words.number(value)} {words.plain(unit, 12)}".strip()


def _band(part: Contribution) -> str:
    if part.lower is None or part.upper is None:
        return words.DASH
    return f"{words.number(part.lower)} to {words.number(part.upper)}"


def _bar(value: float) -> Parts:
    width = min(max(value, 0.0), 1.0)
    width = width if width >= 0.005 else 0.0  # no stump beside a 0 %
    return [
        html.Span(html.Span(style={"width": f"{width:.1%}"}), className="bar", **also(aria_hidden="true")),
        html.Span(words.share(width), className="number"),
    ]


def notice(title: str, *sentences: str, tone: str = "trouble") -> Component:
    return html.Div(
        [html.Strong(title), *(html.P(coded(sentence)) for sentence in sentences)], className=f"notice {tone}"
    )


def coded(sentence: str) -> list[Any]:
    """What stands between backticks is to be typed."""
    pieces = sentence.split("`")
    return [html.Code(piece) if at % 2 and at < len(pieces) - 1 else piece for at, piece in enumerate(pieces) if piece]


def trouble(name: str, trouble: Trouble, stale: bool) -> Component:
    """What is wrong with a service, since when, what to check, and that nobody has to press anything."""
    below = " What is shown of it is from before." if stale else ""
    return notice(
        words.plain(trouble.what),
        f"Since {words.clock(trouble.since)} UTC.{below}",
        f"{words.plain(trouble.check)} This page goes on asking and recovers by itself.",
    )
