"""The models that are served: what each was made for, what it sees, and its card."""

from dash import html
from dash.development.base_component import Component

from service.console import cards, words
from service.console.shapes import Model
from service.console.together import Gathered


def layout(found: Gathered[Model]) -> Component:
    shown = [_model(model) for model in found.items] or [
        html.P("No service that can be reached tells of a model. Load this page again once one is.", className="empty")
    ]
    return html.Div([html.H1("Models", id="title", tabIndex="-1"), *shown], className="page models")


def _model(model: Model) -> Component:
    facts = [html.Div([html.Dt(name), html.Dd(value)]) for name, value in _facts(model)]
    body: list[Component] = [
        html.H2(html.Bdi(words.plain(f"{model.name} {model.version}", 80))),
        html.Dl(facts, className="facts"),
    ]
    if model.sensors:
        body.append(_sensors(model))
    if model.card:
        body.append(html.Details([html.Summary("The whole card"), *cards.components(model.card)], className="card"))
    return html.Section(body, className="model")


def _facts(model: Model) -> list[tuple[str, str]]:
    period = f"{model.sample_period_s:g} s" if model.sample_period_s else "learnt from each device"
    told = [
        ("Cell", words.plain(model.cell or words.DASH)),
        ("Sample period", period),
        ("Sensors", f"{len(model.sensors)}" if model.sensors else "any"),
        ("SHA-256", words.plain(model.sha256[:12])),
    ]
    skill = (model.metrics or {}).get("skill_over_last_value")
    if isinstance(skill, int | float):
        told.append(("Error against the last value", f"{-skill:+.0%}".replace("-", "−")))
    return told


def _sensors(model: Model) -> Component:
    head = html.Tr(
        [
            html.Th(name, scope="col", className=kind)
            for name, kind in (("Sensor", ""), ("Unit", ""), ("Range", "number"))
        ]
    )
    rows = [
        html.Tr(
            [
                html.Th(html.Bdi(words.plain(sensor.name, 64)), scope="row"),
                html.Td(words.plain(sensor.unit, 24)),
                html.Td(_range(sensor.low, sensor.high), className="number"),
            ]
        )
        for sensor in model.sensors
    ]
    return html.Table([html.Thead(head), html.Tbody(rows)])


def _range(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return words.DASH
    if low is None or high is None:
        return f"up to {words.number(high)}" if low is None else f"from {words.number(low)}"
    return f"{words.number(low)} to {words.number(high)}"
