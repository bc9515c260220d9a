"""/metrics and the probes of `gruard notify`, on a port of its own and by the server of the HTTP API."""

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry

from service.api.app import health_app
from service.api.server import Listener
from service.notify.settings import NotifySettings

STALLED_S = 60.0  # a round takes a fifth of a second; a broker that does not answer holds one up for some seconds


class Vitals:
    """How the process is, asked on any thread. Empty: well."""

    def __init__(self, problem: Callable[[], str], progress: Callable[[], float]) -> None:
        """progress: Unix time of the last round; 0: none yet."""
        self._problem, self._progress = problem, progress
        self._begun = time.time()

    def live(self, now: float | None = None) -> str:
        quiet_s = (time.time() if now is None else now) - max(self._progress(), self._begun)
        return "" if quiet_s < STALLED_S else f"no round for {quiet_s:.0f} s"

    def ready(self) -> str:
        return self.live() or self._problem()

    def started(self) -> str:
        return "" if self._progress() else "no round yet"


def serving(settings: NotifySettings, registry: CollectorRegistry, vitals: Vitals) -> Listener:
    """Raises UnavailableError where the port is taken."""
    return Listener(settings, health_app(registry, vitals), section="notify")
