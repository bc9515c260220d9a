"""How long to wait when the stream refuses, and when to stop waiting: doubling, with jitter, up to a limit."""

import random
from collections.abc import Callable

from service.errors import UnavailableError
from service.worker.settings import WorkerSettings


class Patience:
    def __init__(self, settings: WorkerSettings, monotonic: Callable[[], float]) -> None:
        self._settings = settings
        self._monotonic = monotonic
        self._random = random.Random()  # jitter only: it never reaches an output
        self._refused = 0
        self._since = 0.0

    def renew(self) -> None:
        self._refused = 0

    def next_wait(self, error: UnavailableError) -> float:
        """Seconds until the next try. Raises the error itself once nothing has worked for `give_up_s`."""
        now = self._monotonic()
        if not self._refused:
            self._since = now
        elif now - self._since >= self._settings.give_up_s:
            raise error
        self._refused += 1
        longest = min(self._settings.retry_max_s, self._settings.retry_s * 2.0 ** min(self._refused - 1, 32))
        return longest * self._random.uniform(0.5, 1.0)
