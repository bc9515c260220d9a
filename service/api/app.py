"""The WSGI app: routes to answers, errors to problems. Every answer is made from copies; none waits for the stream."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import falcon
import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from service.api import openapi
from service.api.answers import Models, Problem
from service.api.asked import AlertsAsked, DevicesAsked, asked
from service.api.doors import Doors
from service.api.route import JSON, PROBLEM, ROUTES
from service.api.views import Scoreboard, Views
from service.settings import HttpSettings
from service.telemetry import logs
from service.telemetry.health import Vitals

Reply = Callable[[falcon.Request, falcon.Response, dict[str, str]], None]


@dataclass(frozen=True)
class Sources:
    """Where answers come from."""

    views: Views
    models: Models
    vitals: Vitals
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


class Replies:
    """One method a route, by its name."""

    def __init__(self, sources: Sources) -> None:
        self._from = sources
        self._models = sources.models.body()
        self._openapi = openapi.text().encode()

    def status(self, request: falcon.Request, response: falcon.Response, places: dict[str, str]) -> None:
        response.data = self._from.views.status().body()

    def devices(self, request: falcon.Request, response: falcon.Response, places: dict[str, str]) -> None:
        response.data = self._from.views.devices(asked(DevicesAsked, request.params)).body()

    def device(self, request: falcon.Request, response: falcon.Response, places: dict[str, str]) -> None:
        found = self._from.views.device(places["id"])
        if found is None:
            raise _missing(f"no device {places['id'][:300]!r}; /api/v1/devices lists those that there are")
        told, alerts = found
        response.data = told.body_with(alerts)

    def alerts(self, request: falcon.Request, response: falcon.Response, places: dict[str, str]) -> None:
        page, alerts = self._from.views.alerts(asked(AlertsAsked, request.params))
        response.data = page.body_with(alerts)

    def models(self, request: falcon.Request, response: falcon.Response, places: dict[str, str]) -> None:
        response.data = self._models

    def demo(self, request: falcon.Request, response: falcon.Response, places: dict[str, str]) -> None:
        if self._from.scoreboard is None:
            raise _missing("there is a scoreboard in a demo only: gruard demo")
        response.data = msgspec.json.encode(self._from.scoreboard()) + b"\n"

    def openapi(self, request: falcon.Request, response: falcon.Response, places: dict[str, str]) -> None:
        response.data = self._openapi

    def metrics(self, request: falcon.Request, response: falcon.Response, places: dict[str, str]) -> None:
        encode, response.content_type = choose_encoder(request.get_header("Accept") or "")
        response.data = encode(self._from.registry)

    def livez(self, request: falcon.Request, response: falcon.Response, places: dict[str, str]) -> None:
        _tell(response, self._from.vitals.live())

    def readyz(self, request: falcon.Request, response: falcon.Response, places: dict[str, str]) -> None:
        _tell(response, self._from.vitals.ready())

    def startupz(self, request: falcon.Request, response: falcon.Response, places: dict[str, str]) -> None:
        _tell(response, self._from.vitals.started())


def _tell(response: falcon.Response, problem: str) -> None:
    response.status = falcon.HTTP_503 if problem else falcon.HTTP_200
    response.data = b'{"status": ' + msgspec.json.encode(problem or "ok") + b"}\n"


def _missing(told: str) -> falcon.HTTPNotFound:
    return falcon.HTTPNotFound(title="Not Found", description=told)


def app(settings: HttpSettings, sources: Sources) -> falcon.App[falcon.Request, falcon.Response]:
    """Raises ConfigurationError: no token where the settings name one."""
    made = falcon.App(middleware=[Doors(settings)])
    replies = Replies(sources)
    for route in ROUTES:
        made.add_route(route.falcon, Resource(getattr(replies, route.name)))
    made.add_sink(_nowhere, "/")
    made.set_error_serializer(_problem)
    made.add_error_handler(Exception, _failed)
    return made


def _nowhere(req: falcon.Request, resp: falcon.Response, **places: Any) -> None:
    raise _missing(f"no {req.path[:100]}; there are {', '.join(route.path for route in ROUTES)}")


def _problem(request: falcon.Request, response: falcon.Response, error: falcon.HTTPError) -> None:
    status = falcon.http_status_to_code(error.status)
    title = falcon.code_to_http_status(status).partition(" ")[2]
    detail = error.description or error.title or title
    response.content_type = PROBLEM
    response.data = Problem(title=title, status=status, detail=detail).body()


def _failed(request: falcon.Request, response: falcon.Response, error: Exception, places: dict[str, Any]) -> None:
    """Our bug: told in the log with its place, outside without."""
    logs.event("http_failed", logging.ERROR, path=request.path[:200], error=f"{type(error).__name__}: {error}"[:500])
    logs.LOGGER.debug("http_failed", exc_info=error)
    raise falcon.HTTPInternalServerError(description="a bug of this service; its log has more")
