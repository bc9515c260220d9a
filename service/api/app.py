"""The WSGI app: routes to answers, errors to problems. Every answer is made from copies; none waits for the stream."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import falcon
import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from service.api import openapi
from service.api.answers import Models, Problem
from service.api.asked import AlertsAsked, DevicesAsked, asked
from service.api.doors import Doors
from service.api.news import UnlistedError
from service.api.route import JSON, PROBLEM, ROUTES
from service.api.views import Scoreboard, Views
from service.settings import HttpSettings
from service.telemetry import logs

Places = dict[str, str]  # what a path's {names} stand for
Reply = Callable[[falcon.Request, falcon.Response, Places], None]
App = falcon.App[falcon.Request, falcon.Response]


class Probes(Protocol):
    """Each says what is wrong, or nothing."""

    def live(self) -> str: ...
    def ready(self) -> str: ...
    def started(self) -> str: ...


@dataclass(frozen=True)
class Sources:
    """Where answers come from."""

    views: Views
    models: Models
    probes: Probes
    registry: CollectorRegistry
    scoreboard: Scoreboard | None = None


class Resource:
    """One path, read only."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    def on_get(self, request: falcon.Request, response: falcon.Response, **places: str) -> None:
        response.content_type = JSON
        response.set_header("Cache-Control", "no-store")
        response.set_header("X-Content-Type-Options", "nosniff")
        self._reply(request, response, places)

    on_head = on_get


class Health:
    """One method a route, by its name. What any process of Gruard answers."""

    def __init__(self, registry: CollectorRegistry, probes: Probes) -> None:
        self._registry, self._probes = registry, probes

    def metrics(self, request: falcon.Request, response: falcon.Response, places: Places) -> None:
        encode, response.content_type = choose_encoder(request.get_header("Accept") or "")
        response.data = encode(self._registry)

    def livez(self, request: falcon.Request, response: falcon.Response, places: Places) -> None:
        _tell(response, self._probes.live())

    def readyz(self, request: falcon.Request, response: falcon.Response, places: Places) -> None:
        _tell(response, self._probes.ready())

    def startupz(self, request: falcon.Request, response: falcon.Response, places: Places) -> None:
        _tell(response, self._probes.started())


class Replies(Health):
    """And what only the service does."""

    def __init__(self, sources: Sources) -> None:
        super().__init__(sources.registry, sources.probes)
        self._from = sources
        self._models = sources.models.body()
        self._openapi = openapi.text().encode()

    def status(self, request: falcon.Request, response: falcon.Response, places: Places) -> None:
        response.data = self._from.views.status().body()

    def devices(self, request: falcon.Request, response: falcon.Response, places: Places) -> None:
        response.data = self._from.views.devices(asked(DevicesAsked, request.params)).body()

    def device(self, request: falcon.Request, response: falcon.Response, places: Places) -> None:
        found = self._from.views.device(places["id"])
        if found is None:
            raise _missing(f"no device {places['id'][:300]!r}; /api/v1/devices lists those that there are")
        told, alerts = found
        response.data = told.body_with(alerts)

    def alerts(self, request: falcon.Request, response: falcon.Response, places: Places) -> None:
        page, alerts = self._from.views.alerts(asked(AlertsAsked, request.params))
        response.data = page.body_with(alerts)

    def models(self, request: falcon.Request, response: falcon.Response, places: Places) -> None:
        response.data = self._models

    def demo(self, request: falcon.Request, response: falcon.Response, places: Places) -> None:
        if self._from.scoreboard is None:
            raise _missing("there is a scoreboard in a demo only: gruard demo")
        response.data = msgspec.json.encode(self._from.scoreboard()) + b"\n"

    def openapi(self, request: falcon.Request, response: falcon.Response, places: Places) -> None:
        response.data = self._openapi


def _tell(response: falcon.Response, problem: str) -> None:
    response.status = falcon.HTTP_503 if problem else falcon.HTTP_200
    response.data = b'{"status": ' + msgspec.json.encode(problem or "ok") + b"}\n"


def _missing(told: str) -> falcon.HTTPNotFound:
    return falcon.HTTPNotFound(title="Not Found", description=told)


def app(settings: HttpSettings, sources: Sources) -> App:
    """Raises ConfigurationError: no token where the settings name one."""
    return _app(Replies(sources), [Doors(settings)])


def health_app(registry: CollectorRegistry, probes: Probes) -> App:
    """Metrics and probes alone."""
    return _app(Health(registry, probes), [])


def _app(replies: Health, middleware: list[Doors]) -> App:
    made = falcon.App(middleware=middleware)
    routes = [route for route in ROUTES if hasattr(replies, route.name)]
    for route in routes:
        made.add_route(route.falcon, Resource(getattr(replies, route.name)))
    made.add_sink(partial(_nowhere, [route.path for route in routes]), "/")
    made.set_error_serializer(_problem)
    made.add_error_handler(Exception, _failed)
    made.add_error_handler(UnlistedError, _unlisted)
    return made


def _nowhere(paths: list[str], req: falcon.Request, resp: falcon.Response, **places: Any) -> None:
    raise _missing(f"no {req.path[:100]}; there are {', '.join(paths)}")


def _problem(request: falcon.Request, response: falcon.Response, error: falcon.HTTPError) -> None:
    status = falcon.http_status_to_code(error.status)
    title = falcon.code_to_http_status(status).partition(" ")[2]
    detail = error.description or error.title or title
    response.content_type = PROBLEM
    response.data = Problem(title=title, status=status, detail=detail).body()


def _unlisted(request: falcon.Request, response: falcon.Response, error: Exception, places: dict[str, Any]) -> None:
    told = "the list of devices is being made: ask again in a second; /readyz says whether the service is ready"
    raise falcon.HTTPServiceUnavailable(description=told, retry_after=1)


def _failed(request: falcon.Request, response: falcon.Response, error: Exception, places: dict[str, Any]) -> None:
    """Our bug: told in the log with its place, outside without."""
    logs.event("http_failed", logging.ERROR, path=request.path[:200], error=f"{type(error).__name__}: {error}"[:500])
    logs.LOGGER.debug("http_failed", exc_info=error)
    raise falcon.HTTPInternalServerError(description="a bug of this service; its log has more")
