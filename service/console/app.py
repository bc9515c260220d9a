"""The pages put together: addresses to pages, ticks to what is new on them. Nothing is decided here.

A tick makes a page's live parts anew from what the services tell; the browser changes only what differs. No script is
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
from service.console.live import tree, tree_of
from service.console.shapes import Status
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
LIVE = (
    "pulse", "trouble", "navigation", "fleet-wrong", "fleet-devices", "alerts-list", "device-head", "device-notice",
    "device-contributions", "device-alerts", "demo-score",
)  # fmt: skip
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
    app.server.register_error_handler(404, _found(app))
    app.server.after_request(_guarded(app))
    return app


def _drawn(part: str) -> Output:
    return Output(tree_of(part), "data")


def _waits(tick: str) -> list[tuple[Output, bool, bool]]:
    """No tick while one is answered: Dash forgets an answer when it asks again, and a slow service is never seen."""
    return [(Output(tick, "disabled"), True, False)]


def _failed(error: Exception) -> Any:
    """The page keeps what it shows; the log says what to report."""
    LOG.error("a page could not be made new: %s", error, exc_info=error)
    return no_update


def _found(app: Dash) -> Any:
    """A device's name may hold what no route of Flask takes, a new line for one."""

    def find(error: Exception) -> Any:
        if flask.request.path.startswith(device.PATH) and flask.request.method == "GET":
            return app.index()  # type: ignore[no-untyped-call]
        return "There is no such page.\n", 404

    return find


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
        _drawn("pulse"), _drawn("trouble"), _drawn("navigation"),
        Output("window-title", "data"),
        Input("tick", "n_intervals"), Input("url", "pathname"),
        running=_waits("tick"),
    )  # fmt: skip
    def beat(tick: int | None, path: str | None) -> tuple[Any, ...]:
        pulses = services.pulses()
        demo = bool(services.scoreboard().items)
        name = dict((*frame.PAGES, frame.DEMO)).get(path or "/", "Device")
        return (
            tree(frame.pulse(pulses)), tree(frame.troubles(pulses)), tree(frame.navigation(path or "/", demo)),
            frame.title(name, _told(services)),
        )  # fmt: skip

    @app.callback(
        Output("announce", "children"), Output("heard", "data"),
        Input("tick", "n_intervals"), State("heard", "data"),
    )  # fmt: skip
    def listen(tick: int | None, heard: list[str] | None) -> tuple[Any, Any]:
        said, now = frame.news(services.alerts({**OPEN, "severity": "critical"}, OPEN_MOST), heard)
        return (no_update if said is None else said), (no_update if now == heard else now)


def _told(services: Together) -> list[Status]:
    return [pulse.answer.told for pulse in services.pulses() if pulse.answer.told]


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
        _drawn("fleet-wrong"), Output("fleet-wrong-count", "children"),
        _drawn("fleet-devices"), Output("fleet-count", "children"),
        Input("fleet-tick", "n_intervals"), Input("fleet-find", "value"), Input("fleet-severity", "data"),
        Input("fleet-class", "data"),
        running=_waits("fleet-tick"),
    )  # fmt: skip
    def fleet(tick: int | None, find: str | None, severity: str | None, device_class: str | None) -> tuple[Any, ...]:
        wrong = services.alerts(OPEN, OPEN_MOST)
        found = services.devices(overview.query(find, severity, device_class), overview.DEVICES)
        filtered = bool(find or severity or device_class)
        more = "+" if wrong.total > len(wrong.items) else ""
        return (
            tree(overview.wrong(wrong)), f"{len(wrong.items):,}{more}",
            tree(overview.devices(found, filtered, sum(each.devices for each in _told(services)))), f"{found.total:,}",
        )  # fmt: skip


def _alerts(app: Dash, services: Together) -> None:
    @app.callback(
        _drawn("alerts-list"), Output("alerts-count", "children"),
        Input("alerts-tick", "n_intervals"), Input("alerts-find", "value"), Input("alerts-state", "data"),
        Input("alerts-severity", "data"), Input("alerts-kind", "data"), Input("alerts-class", "data"),
        running=_waits("alerts-tick"),
    )  # fmt: skip
    def listed(
        tick: int | None, find: str | None, state: str, severity: str, kind: str, device_class: str
    ) -> tuple[Any, ...]:
        searched = bool(find or device_class)
        most = SEARCHED_MOST if searched else ALERTS_MOST
        found = services.alerts(alerts.query(state, severity, kind), most)
        own = alerts.like(found, find, device_class)
        filtered = searched or state != "all" or bool(severity or kind)
        return tree(alerts.listed(own, filtered)), alerts.counted(own, found)


def _device(app: Dash, services: Together) -> None:
    @app.callback(
        _drawn("device-head"), Output("device-graph", "figure"), Output("device-graph", "style"),
        Output("device-drawn", "data"),
        _drawn("device-notice"), Output("device-figure", "hidden"), Output("device-rest", "hidden"),
        _drawn("device-contributions"), _drawn("device-alerts"),
        Input("device-tick", "n_intervals"), Input("device-window", "data"), Input("device-sensors", "data"),
        Input("scheme", "data"), State("device-zoom", "data"), State("device-name", "data"),
        State("device-drawn", "data"),
        running=_waits("device-tick"),
    )  # fmt: skip
    def live(
        tick: int | None,
        window: str,
        sensors: str,
        scheme: str,
        zoom: list[str] | None,
        name: str,
        drawn: Mapping[str, Any] | None,
    ) -> tuple[Any, ...]:
        found = services.device(name)
        head = tree(device.head(found, name))
        if not found.items:
            return head, no_update, no_update, no_update, [], True, True, no_update, no_update
        one = found.items[0]
        told = device.recorded(one)
        view = device.View(window, sensors == "every", scheme, tuple(zoom) if zoom else None)
        figure, style, now = device.redrawn(one, view, drawn) if told is None else (no_update,) * 3
        return (
            head, figure, style, now, tree(told), told is not None, False,
            tree(device.contributions(one)), tree(device.alerts(one)),
        )  # fmt: skip


def _demo(app: Dash, services: Together) -> None:
    @app.callback(_drawn("demo-score"), Input("demo-tick", "n_intervals"), running=_waits("demo-tick"))
    def score(tick: int | None) -> Any:
        return tree(scoreboard.score(services.scoreboard()))


def _in_the_browser(app: Dash) -> None:
    """Functions of assets/console.js; no text of theirs comes from here."""
    call: Any = app.clientside_callback  # has no types
    call(ClientsideFunction("gruard", "title"), Input("window-title", "data"))
    for part in LIVE:
        call(ClientsideFunction("live", "draw"), Input(tree_of(part), "data"), State(part, "id"))
    call(ClientsideFunction("gruard", "arrived"), Input("shown", "data"))
    call(
        ClientsideFunction("gruard", "zoom"),
        Output("device-zoom", "data"), Input("device-graph", "relayoutData"), Input("device-window", "data"),
    )  # fmt: skip
    call(
        ClientsideFunction("gruard", "scheme"),
        Output("scheme", "data"), Input("tick", "n_intervals"), State("scheme", "data"),
    )  # fmt: skip
