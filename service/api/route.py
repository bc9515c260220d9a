"""Every path that is served, what it may be asked and what it answers: app and OpenAPI document are made of this."""

from dataclasses import dataclass

from service.api import answers
from service.api.asked import AlertsAsked, Asked, DevicesAsked, Nothing

JSON = "application/json"
PROBLEM = "application/problem+json"
TEXT = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True)
class Route:
    path: str  # as OpenAPI writes it
    name: str
    summary: str
    answer: type[answers.Answer] | type[answers.Demo] | None  # None: text, or a document of its own
    asked: type[Asked] = Nothing
    also: tuple[int, ...] = ()  # statuses beside 200 and those of the doors
    content: str = JSON

    @property
    def falcon(self) -> str:
        """A device id may hold slashes, so it is all that is left of the path."""
        return self.path.replace("{id}", "{id:path}")


V1 = "/api/v1"
ROUTES = (
    Route(f"{V1}/status", "status", "How the service stands", answers.Status),
    Route(f"{V1}/devices", "devices", "Devices, worst first", answers.Devices, DevicesAsked, (400, 503)),
    Route(
        f"{V1}/devices/{{id}}",
        "device",
        "One device: readings, band, evidence, alerts",
        answers.Device,
        also=(404, 503),
    ),
    Route(f"{V1}/alerts", "alerts", "Open and past alerts, newest first", answers.Alerts, AlertsAsked, (400,)),
    Route(f"{V1}/models", "models", "Models served, with their cards", answers.Models),
    Route(f"{V1}/demo", "demo", "Scoreboard; only there in a demo", answers.Demo, also=(404,)),
    Route("/openapi.json", "openapi", "This document", None),
    Route("/metrics", "metrics", "Prometheus metrics", None, content=TEXT),
    Route("/livez", "livez", "The worker turns", answers.Health, also=(503,)),
    Route("/readyz", "readyz", "Every partition runs", answers.Health, also=(503,)),
    Route("/startupz", "startupz", "The worker has begun", answers.Health, also=(503,)),
)
