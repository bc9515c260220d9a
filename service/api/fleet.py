"""All devices at one moment, in the order of their ids, made from the detector's rosters on a reader's thread."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from service.api.alertbook import CALM, Trouble
from service.api.asked import DevicesAsked
from service.detector.devices import NEVER
from service.detector.roster import Roster


class Listed(NamedTuple):
    """A device in a list, by what lists are sorted by."""

    rank: int
    id: str
    at: int


class Page(NamedTuple):
    devices: list[Listed]
    total: int
    next: str | None


class Known(NamedTuple):
    """What the detector knows of one device."""

    device_class: str
    model: tuple[str, str]
    last_time: int | None  # event time, Unix ms
    warming: bool


class Fleet:
    """before: an earlier one, whose order is taken over where the devices are the same."""

    def __init__(self, rosters: Sequence[Roster] = (), before: "Fleet | None" = None) -> None:
        self._rosters = rosters
        self._ids = [id_ for roster in rosters for id_ in roster.ids]
        self._firsts = np.cumsum([0, *(len(roster.ids) for roster in rosters)])
        self._order: list[int]  # one place a device
        self._order = before._order if before is not None and before._ids == self._ids else self._sorted()

    def _sorted(self) -> list[int]:
        alive = [at for at, id_ in enumerate(self._ids) if id_ is not None]
        alive.sort(key=self._id)
        once: dict[str, int] = {}
        for at in alive:  # readings of one device may come through two partitions
            id_ = self._id(at)
            if id_ not in once or self._last(at) > self._last(once[id_]):
                once[id_] = at
        return list(once.values())

    def __len__(self) -> int:
        return len(self._order)

    def _id(self, at: int) -> str:
        return self._ids[at] or ""

    def _place(self, at: int) -> tuple[Roster, int]:
        which = int(np.searchsorted(self._firsts, at, "right")) - 1
        return self._rosters[which], at - int(self._firsts[which])

    def _last(self, at: int) -> int:
        roster, slot = self._place(at)
        return int(roster.last_time[slot])

    def known(self, at: int) -> Known:
        roster, slot = self._place(at)
        last, manifest = int(roster.last_time[slot]), roster.bundle.manifest
        return Known(
            roster.signatures[int(roster.signature[slot])].device_class,
            (manifest.name, manifest.version),
            None if last == NEVER else last,
            int(roster.count[slot]) < roster.warm_up,
        )

    def find(self, device: str) -> int | None:
        place = bisect_left(self._order, device, key=self._id)
        found = place < len(self._order) and self._id(self._order[place]) == device
        return self._order[place] if found else None

    def page(self, asked: DevicesAsked, troubled: Mapping[str, Trouble]) -> Page:
        matches = self._matcher(asked)
        matched = self._order if matches is None else [at for at in self._order if matches(at)]
        odd = [] if asked.open == "false" else self._odd(asked, troubled, matches)
        only_odd = asked.open == "true" or asked.severity != ""
        total = len(odd) if only_odd else len(matched)
        if asked.open == "false":
            total = 0 if asked.severity else total - len(self._odd(asked, troubled, matches))
        after = _parsed(asked.after)
        found = [each for each in odd if after is None or each[:2] > after][: asked.limit + 1]
        if not only_odd:
            first = 0 if after is None or after[0] < CALM else bisect_right(matched, after[1], key=self._id)
            self._fill(found, asked.limit + 1, matched, first, troubled)
        more = f"{found[asked.limit - 1].rank}~{found[asked.limit - 1].id}" if len(found) > asked.limit else None
        return Page(found[: asked.limit], total, more)

    def _matcher(self, asked: DevicesAsked) -> Callable[[int], bool] | None:
        """None: all do."""
        text, wanted = asked.q.casefold(), asked.class_
        if not text and not wanted:
            return None
        of_class = self._of_class(wanted)
        return lambda at: of_class[at] and text in self._id(at).casefold()

    def _of_class(self, wanted: str) -> list[bool]:
        """Of every place; all of them where nothing is wanted."""
        found = [np.zeros(0, np.bool_)]
        for roster in self._rosters:
            fits = np.array([wanted in ("", signature.device_class) for signature in roster.signatures])
            found.append(fits[roster.signature])
        chosen: list[bool] = np.concatenate(found).tolist()
        return chosen

    def _odd(
        self, asked: DevicesAsked, troubled: Mapping[str, Trouble], matches: Callable[[int], bool] | None
    ) -> list[Listed]:
        """Devices with an open alert, worst first."""
        found = []
        for device, trouble in troubled.items():
            at = self.find(device)
            if at is not None and (matches is None or matches(at)):
                found.append(Listed(trouble.rank, device, at))
        return sorted(each for each in found if asked.severity in ("", SEVERITY[each.rank]))

    def _fill(
        self, found: list[Listed], size: int, matched: Sequence[int], first: int, troubled: Mapping[str, Trouble]
    ) -> None:
        """Up to `size`, with devices that have no open alert."""
        for place in range(first, len(matched)):
            if len(found) >= size:
                return
            id_ = self._id(matched[place])
            if id_ not in troubled:
                found.append(Listed(CALM, id_, matched[place]))


SEVERITY = ("critical", "warning", "info")  # by rank


def _parsed(after: str) -> tuple[int, str] | None:
    rank, _, id_ = after.partition("~")
    return (int(rank), id_) if rank else None
