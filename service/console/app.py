"""The pages put together: addresses to pages, ticks to what is new on them. Nothing is decided here.

A tick renders a page's live part anew from what the services tell; the browser changes only what differs. No script is
ever made of data: scripts are files of the packages and of assets/, and the content security policy says so.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import flask
from dash import ClientsideFunction, Dash, Input, Output, State, html, no_update
from dash.development.base_component import Component

from service.console import alerts, device, frame, models, overview, scoreboard
from service.console.together import Together

LOG = logging.getLogger("gruard.console")
ASSETS = Path(__file__).parent / "assets"
META = [
    {"name": "viewport", "content": "width=device-width, initial-scale=1"},
    {"name": "color-scheme", "content": "light dark"},
]
INDEX = """<!doctype html>
<html lang="en"><head>{%metas%}<title>{%title%}</title>{%favicon%}{%css%}</head>
<body>{%app_entry%}<footer class="scripts">{%config%}{%scripts%}{%renderer%}</footer></body></html>"""
OPEN = {"state": "open"}
OPEN_MOST, ALERTS_MOST, SEARCHED_MOST = 200, 200, 500


def made(services: Together) -> Dash:
    app = Dash(
        "service.console",
        assets_folder=str(ASSETS),
        serve_locally=True,
        suppress_callback_exceptions=True,
        title="Gruard",
        update_title="",
        meta_tags=META,
        index_string=INDEX,
        add_log_handler=False,
        enable_mcp=False,
        on_error=_failed,
    )
    app.layout = frame.layout()
    app.server.url_map.merge_slashes = False  # a device may be called a//b
    _frame(app, services)
    _pages(app, services)
    _fleet(app, services)
    _alerts(app, services)
    _device(app, services)
    _demo(app, services)
    _in_the_browser(app)
    app.server.after_request(_guarded(app))
    return app


def _failed(error: Exception) -> Any:
    """The page keeps what it shows; the log says what to report."""
    LOG.error("a page could not be made new: %s", error, exc_info=error)
    return no_update


def _guarded(app: Dash) -> Any:
    scripts = " ".join(["'self'", *app.csp_hashes()])
    policy = (
        f"default-src 'none'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )  # plotly writes styles into the page, hence 'unsafe-inline' for those

    def guard(response: flask.Response) -> flask.Response:
        response.headers["Content-Security-Policy"] = policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return guard


def _frame(app: Dash, services: Together) -> None:
    @app.callback(
        Output("pulse", "children"), Output("trouble", "children"), Output("navigation", "children"),
        Output("window-title", "data"),
        Input("tick", "n_intervals"), Input("url", "pathname"),
    )  # fmt: skip
    def beat(tick: int | None, path: str | None) -> tuple[Any, ...]:
        pulses = services.pulses()
        told = [each.answer.told for each in pulses if each.answer.told]
        demo = bool(services.scoreboard().items)
        name = dict((*frame.PAGES, frame.DEMO)).get(path or "/", "Device")
        return (
            frame.pulse(pulses),
            frame.troubles(pulses),
            frame.navigation(path or "/", demo),
            frame.title(name, told),
        )

    @app.callback(
        Output("announce", "children"), Output("heard", "data"),
        Input("tick", "n_intervals"), State("heard", "data"),
    )  # fmt: skip
    def listen(tick: int | None, heard: list[str] | None) -> tuple[Any, Any]:
        said, now = frame.news(services.alerts({**OPEN, "severity": "critical"}, OPEN_MOST), heard)
        return (no_update if said is None else said), (no_update if now == heard else now)


def _pages(app: Dash, services: Together) -> None:
    @app.callback(Output("main", "children"), Output("shown", "data"), Input("url", "pathname"), Input("url", "search"))
    def show(path: str | None, search: str | None) -> tuple[Component, str]:
        return _page(services, path or "/", search), f"{path}{search}"


def _page(services: Together, path: str, search: str | None) -> Component:
    if path.startswith(device.PATH):
        return device.layout(device.identity(path, search))
    if path == "/":
        return overview.layout(_classes(services))
    if path == "/alerts":
        return alerts.layout(_classes(services))
    if path == "/models":
        return models.layout(services.models())
    if path == "/demo":
        return scoreboard.layout()
    return html.Div(
        [html.H1("No such page", id="title", tabIndex="-1"), html.P("There are the pages above.")], className="page"
    )


def _classes(services: Together) -> set[str]:
    own = {each.class_ for each in services.devices({}, SEARCHED_MOST).items}
    return own | {each.name for each in services.models().items}


def _fleet(app: Dash, services: Together) -> None:
    @app.callback(
        Output("fleet-wrong", "children"), Output("fleet-wrong-count", "children"),
        Output("fleet-devices", "children"), Output("fleet-count", "children"),
        Input("fleet-tick", "n_intervals"), Input("fleet-find", "value"), Input("fleet-severity", "data"),
        Input("fleet-class", "data"),
    )  # fmt: skip
    def fleet(tick: int | None, find: str | None, severity: str | None, device_class: str | None) -> tuple[Any, ...]:
        wrong = services.alerts(OPEN, OPEN_MOST)
        found = services.devices(overview.query(find, severity, device_class), overview.DEVICES)
        filtered = bool(find or severity or device_class)
        more = "+" if wrong.total > len(wrong.items) else ""
        return (
            overview.wrong(wrong),
            f"{len(wrong.items):,}{more}",
            overview.devices(found, filtered),
            f"{found.total:,}",
        )


def _alerts(app: Dash, services: Together) -> None:
    @app.callback(
        Output("alerts-list", "children"), Output("alerts-count", "children"),
        Input("alerts-tick", "n_intervals"), Input("alerts-find", "value"), Input("alerts-state", "data"),
        Input("alerts-severity", "data"), Input("alerts-kind", "data"), Input("alerts-class", "data"),
    )  # fmt: skip
    def listed(
        tick: int | None, find: str | None, state: str, severity: str, kind: str, device_class: str
    ) -> tuple[Any, ...]:
        searched = bool(find or device_class)
        most = SEARCHED_MOST if searched else ALERTS_MOST
        found = services.alerts(alerts.query(state, severity, kind), most)
        own = alerts.like(found, find, device_class)
        return alerts.listed(own, searched or state != "all" or bool(severity or kind)), alerts.counted(own, found)


def _device(app: Dash, services: Together) -> None:
    @app.callback(
        Output("device-head", "children"), Output("device-graph", "figure"), Output("device-drawn", "data"),
        Output("device-notice", "children"), Output("device-figure", "hidden"), Output("device-rest", "hidden"),
        Output("device-contributions", "children"), Output("device-alerts", "children"),
        Input("device-tick", "n_intervals"), Input("device-window", "data"), Input("device-sensors", "data"),
        Input("scheme", "data"), State("device-name", "data"), State("device-drawn", "data"),
    )  # fmt: skip
    def live(
        tick: int | None, window: str, sensors: str, scheme: str, name: str, drawn: Mapping[str, Any] | None
    ) -> tuple[Any, ...]:
        found = services.device(name)
        head = device.head(found, name)
        if not found.items:
            return head, no_update, no_update, None, True, True, no_update, no_update
        one = found.items[0]
        told = device.recorded(one)
        view = device.View(window, sensors == "every", scheme)
        figure, now = device.redrawn(one, view, drawn) if told is None else (no_update, no_update)
        return (
            head, figure, now, told, told is not None, False, device.contributions(one), device.alerts(one)
        )  # fmt: skip


def _demo(app: Dash, services: Together) -> None:
    @app.callback(Output("demo-score", "children"), Input("demo-tick", "n_intervals"))
    def score(tick: int | None) -> Component:
        return scoreboard.score(services.scoreboard())


def _in_the_browser(app: Dash) -> None:
    """Functions of assets/console.js; no text of theirs comes from here."""
    call: Any = app.clientside_callback  # has no types
    call(ClientsideFunction("gruard", "title"), Input("window-title", "data"))
    call(ClientsideFunction("gruard", "arrived"), Input("shown", "data"))
    call(
        ClientsideFunction("gruard", "scheme"),
        Output("scheme", "data"), Input("tick", "n_intervals"), State("scheme", "data"),
    )  # fmt: skip
