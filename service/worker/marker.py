"""The marker of a snapshot: which input offset it stands for, and how to tell that all of it is still there.

It travels twice: as the record `marker` among the state, and as the metadata of the committed offset. Where the two
differ, or the pages do not add up to it, the state is not what was committed.
"""

import zlib
from collections.abc import Iterable, Mapping

import msgspec

KEY = "marker"


class Marker(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    offset: int  # S: the state is as of the input before this offset
    sequence: int  # journal records at S that the state has seen already
    pages: int
    checksum: int  # of all pages: a missing, stale or foreign page changes it
    fingerprint: str  # of what made the state: replay with anything else is not exact

    def text(self) -> str:
        return msgspec.json.encode(self).decode()

    @classmethod
    def parse(cls, text: str) -> "Marker | None":
        """None: these words are not ours."""
        try:
            return msgspec.json.decode(text, type=cls)
        except msgspec.MsgspecError:
            return None


class Pages:
    """Checksums of a partition's pages as they are in the state, so a marker can speak for all of them."""

    def __init__(self, pages: Iterable[tuple[str, bytes]] = ()) -> None:
        self._sums = {key: _sum(key, value) for key, value in pages}

    def after(self, changes: Iterable[tuple[str, bytes | None]]) -> "Pages":
        """As they will be once these changes are committed."""
        changed = Pages()
        changed._sums = dict(self._sums)
        for key, value in changes:
            if value is None:
                changed._sums.pop(key, None)
            else:
                changed._sums[key] = _sum(key, value)
        return changed

    def beside(self, pages: Mapping[str, bytes | None]) -> list[str]:
        """Keys that a full snapshot with these pages leaves without a value."""
        return [key for key in self._sums if key not in pages]

    def __len__(self) -> int:
        return len(self._sums)

    @property
    def checksum(self) -> int:
        # A sum does not depend on order, so a page can be replaced without a look at the others.
        return sum(self._sums.values()) & 0xFFFFFFFFFFFF


def _sum(key: str, value: bytes) -> int:
    return zlib.crc32(value, zlib.crc32(f"{len(key)}/{key}".encode("utf-8", "surrogatepass")))
