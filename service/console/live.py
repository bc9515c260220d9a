"""Live parts of a page: made here as components, sent as a tree, drawn by assets/live.js, which changes what differs.

Dash itself tears a part down and builds it up again at every update (4.2 to 4.4): focus, selection and a click that is
under way would be lost every second. A tree has tags, attributes and texts; it becomes nodes and never markup.
"""

from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

RENAMED = {"className": "class", "tabIndex": "tabindex", "dateTime": "datetime"}
Tree = list[Any]


def part(identity: str, **attributes: Any) -> Component:
    """Where a live part stands; its tree goes into the data of `tree_of(identity)`."""
    drawn = html.Div(id=identity, **attributes)
    return html.Div([dcc.Store(id=tree_of(identity)), drawn], className="live")


def tree_of(identity: str) -> str:
    return f"{identity}-tree"


def tree(node: Any) -> Tree:
    """A list of texts and of {tag, attributes, key, children}."""
    if node is None:
        return []
    if isinstance(node, list | tuple):
        return [each for child in node for each in tree(child)]
    if isinstance(node, Component):
        return [_element(node)]
    return [str(node)]


def _element(component: Component) -> dict[str, Any]:
    told: dict[str, Any] = component.to_plotly_json()  # type: ignore[no-untyped-call]
    props = dict(told["props"])
    children, key = props.pop("children", None), props.pop("key", None)
    attributes = {RENAMED.get(name, name): value for name, value in props.items() if value is not None}
    return {"tag": told["type"].lower(), "attributes": attributes, "key": key, "children": tree(children)}
