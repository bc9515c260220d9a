"""Which devices are recorded: so many, those with open alerts before those lately asked for before those first seen.

Not safe on several threads: who owns it holds a lock. Only `watched` may be read without one, for membership alone.
"""

from collections import OrderedDict

Tier = OrderedDict[str, None]


class Watchlist:
    def __init__(self, most: int) -> None:
        self._most = most
        self._alerting: Tier = OrderedDict()
        self._asked: Tier = OrderedDict()  # the last one was asked for last
        self._seen: Tier = OrderedDict()  # in the order of first sight
        self.watched: dict[str, Tier] = {}

    @property
    def room(self) -> int:
        return self._most - len(self.watched)

    def see(self, device: str) -> None:
        if device not in self.watched and self.room > 0:
            self._put(device, self._seen)

    def ask(self, device: str) -> str | None:
        """The device that has to make room."""
        if self.watched.get(device) is self._alerting:
            return None
        return self._admit(device, self._asked)

    def alert(self, device: str) -> str | None:
        """The device that has to make room."""
        return self._admit(device, self._alerting)

    def calm(self, device: str) -> None:
        """Its last alert is over: of interest like one that was just asked for."""
        if self.watched.get(device) is self._alerting:
            self._put(device, self._asked)

    def forget(self, device: str) -> None:
        tier = self.watched.pop(device, None)
        if tier is not None:
            del tier[device]

    def _admit(self, device: str, tier: Tier) -> str | None:
        gone = None
        if device not in self.watched and self.room <= 0:
            gone = self._weakest()
            if gone is None:
                return None
            self.forget(gone)
        self._put(device, tier)
        return gone

    def _weakest(self) -> str | None:
        """The last one first seen, else the one asked for longest ago; one with an open alert never."""
        if self._seen:
            return next(reversed(self._seen))
        return next(iter(self._asked), None)

    def _put(self, device: str, tier: Tier) -> None:
        self.forget(device)
        tier[device] = None
        self.watched[device] = tier
