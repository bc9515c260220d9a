"""Filters over a list: the browser's own text field and lists, each with its label."""

from collections.abc import Mapping

from dash import dcc, html
from dash.development.base_component import Component

from service.console import parts


def select(store: str, label: str, options: Mapping[str, str], value: str) -> Component:
    """assets/console.js puts the chosen value into the store of this name."""
    chosen = [html.Option(text, value=name, selected=name == value) for name, text in options.items()]
    return html.Label([html.Span(label), html.Select(chosen, **parts.also(data_store=store))], className="control")


def text(identity: str, label: str, hint: str) -> Component:
    """Found while it is typed, after a short rest."""
    field = dcc.Input(id=identity, type="search", debounce=0.3, placeholder=hint, autoComplete="off", maxLength=256)
    return html.Label([html.Span(label), field], className="control")


def classes(found: set[str]) -> dict[str, str]:
    return {"": "every class", **{name: name for name in sorted(found) if name}}
