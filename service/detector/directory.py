"""Device ids to their codes: an open-addressing table of 31-bit hashes, looked up for a whole batch at once.

A dict of a million ids costs five times as much memory. Nothing that is
published depends on a hash: the table is never iterated.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

EMPTY, DELETED = -1, -2
FEWEST = 1024  # places
FULLEST = 0.75  # of the places; beyond it the table grows
GROWTH = 1.3  # little at a time: an empty place costs as much memory as a full one


class Directory:
    """`ids_of(codes)` tells the ids that codes stand for, so two ids of one hash are told apart."""

    def __init__(self, ids_of: Callable[[NDArray[np.int64]], list[str | None]]) -> None:
        self._ids_of = ids_of
        self._hashes = np.zeros(FEWEST, np.int32)
        self._codes = np.full(FEWEST, EMPTY, np.int64)
        self._used = 0  # places that are not empty
        self._clashes: dict[str, int] = {}  # ids whose hash another one has
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def find(self, devices: Sequence[str]) -> NDArray[np.int64]:
        """(n,) codes; -1 = not known."""
        return self._find(devices, hashed(devices))[0]

    def update(self, codes: Mapping[str, int]) -> None:
        devices, new = list(codes), np.fromiter(codes.values(), np.int64, len(codes))
        hashes = hashed(devices)
        found, places = self._find(devices, hashes)
        _, firsts = np.unique(hashes, return_index=True)
        alone = np.zeros(len(devices), bool)
        alone[firsts] = True
        fresh = (found < 0) & (self._codes[places] == EMPTY) & alone
        self._make_room(int(fresh.sum()))
        self._seat(hashes[fresh], new[fresh])
        self._count += int(fresh.sum())
        for at in np.flatnonzero(~fresh).tolist():  # after the others: their hash may be one of these
            self._set(devices[at], int(hashes[at]), int(new[at]))

    def remove(self, device: str) -> None:
        found, places = self._find([device], hashed([device]))
        if found[0] < 0:
            return
        self._count -= 1
        if self._clashes.pop(device, None) is None:
            self._codes[places[0]] = DELETED

    def _set(self, device: str, hash_: int, code: int) -> None:
        """One that is known already, or whose hash another id has."""
        found, places = self._find([device], np.array([hash_], np.int64))
        self._count += int(found[0] < 0)
        if device not in self._clashes and found[0] >= 0:
            self._codes[places[0]] = code
        elif self._codes[places[0]] >= 0:
            self._clashes[device] = code
        else:
            self._make_room(1)
            self._seat(np.array([hash_], np.int64), np.array([code], np.int64))

    def _find(self, devices: Sequence[str], hashes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
        places = self._places(hashes)
        codes = self._codes[places]
        known = np.flatnonzero(codes >= 0)
        ids = self._ids_of(codes[known])
        for at, id_ in zip(known.tolist(), ids, strict=True):
            if id_ != devices[at]:
                codes[at] = EMPTY
        if self._clashes:
            for at in np.flatnonzero(codes < 0).tolist():
                codes[at] = self._clashes.get(devices[at], EMPTY)
        return codes, places

    def _places(self, hashes: NDArray[np.int64]) -> NDArray[np.intp]:
        """Where each hash is, or the empty place where it would go."""
        size = len(self._codes)
        places = (hashes % size).astype(np.intp)
        left = np.arange(len(hashes))
        while len(left):
            at = places[left]
            codes = self._codes[at]
            searching = (codes != EMPTY) & ((self._hashes[at] != hashes[left]) | (codes == DELETED))
            left = left[searching]
            places[left] = (places[left] + 1) % size
        return places

    def _make_room(self, more: int) -> None:
        """Grow until `more` ids fit, and drop what was deleted."""
        if self._used + more <= FULLEST * len(self._codes):
            return
        kept = self._codes >= 0
        hashes, codes = self._hashes[kept].astype(np.int64), self._codes[kept]
        size = len(self._codes)
        while len(codes) + more > FULLEST * size:
            size = int(size * GROWTH)
        self._hashes, self._codes, self._used = np.zeros(size, np.int32), np.full(size, EMPTY, np.int64), 0
        self._seat(hashes, codes)

    def _seat(self, hashes: NDArray[np.int64], codes: NDArray[np.int64]) -> None:
        """Put in ids whose hashes are not there; two that want one place: the last gets it, the other searches on."""
        self._used += len(hashes)
        while len(hashes):
            places = self._places(hashes)
            self._hashes[places], self._codes[places] = hashes, codes
            unseated = self._codes[places] != codes
            hashes, codes = hashes[unseated], codes[unseated]


def hashed(devices: Sequence[str]) -> NDArray[np.int64]:
    return np.fromiter(map(hash, devices), np.int64, len(devices)) & 0x7FFFFFFF
