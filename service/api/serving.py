"""The API of one process, put together: what the worker tells it, what the detector shows it, and the port."""

from prometheus_client import CollectorRegistry

from service.api.alertbook import AlertBook
from service.api.app import Sources, app
from service.api.news import News, Source
from service.api.recorder import Recorder
from service.api.server import Listener
from service.api.views import Facts, Views, models
from service.settings import HttpSettings
from service.telemetry.health import Vitals


class Serving:
    """recorder watches the detector, news observes the worker; the port is bound by `listen`."""

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings
        self.recorder = Recorder(settings.recent_devices, settings.recent_readings)
        self._book = AlertBook(settings.recent_alerts)

    def news(self, detector: Source) -> News:
        return News(detector, self._book, self.recorder)

    def listen(self, facts: Facts, news: News, vitals: Vitals, registry: CollectorRegistry) -> Listener:
        """Raises UnavailableError when the port is taken, ConfigurationError for a token that can't be had."""
        views = Views(facts, vitals, news, self._book, self.recorder)
        sources = Sources(views, models(facts.bundles), vitals, registry, facts.scoreboard)
        return Listener(self._settings, app(self._settings, sources))
