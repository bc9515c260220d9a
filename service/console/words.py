"""Numbers, times and names as a page shows them. What cannot be known is a dash, never a zero."""

import re
import unicodedata
from datetime import UTC, datetime
from urllib.parse import quote

DASH = "–"
LONGEST = 160  # characters of a name on a page
# Controls, and marks that turn the direction of writing: a name with them could hide or reorder what stands beside it.
BENT = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
MARKS = 3  # combining marks in a row; more climb over the lines around


def plain(text: str, longest: int = LONGEST) -> str:
    """A name or sentence out of data: what would bend the page is shown as a dot, what is too long is cut."""
    out, marks = [], 0
    for character in BENT.sub("·", text[: longest + 1]):
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= MARKS:
            out.append(character)
    shown = "".join(out)
    return shown if len(shown) <= longest else shown[:longest] + "…"


def number(value: float | None, digits: int = 4) -> str:
    return DASH if value is None else f"{value:,.{digits}g}" if abs(value) < 10**digits else f"{value:,.0f}"


def score(value: float | None) -> str:
    """Two digits behind the point where it matters, near 1, the alarm."""
    return DASH if value is None else f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def count(value: int, one: str, many: str | None = None) -> str:
    """1 device, 2,000 devices."""
    return f"{value:,} {one if value == 1 else many or one + 's'}"


def share(value: float) -> str:
    return f"{value:.0%}"


def moment(time: str | None, day: bool = True) -> str:
    """2026-01-05 08:03:23 of an RFC 3339 time; unknown forms as they are."""
    if not time:
        return DASH
    date, _, clock = time.partition("T")
    clock = clock.partition(".")[0].removesuffix("Z")
    return plain(f"{date} {clock}" if day else clock)


def clock(unix: float) -> str:
    return datetime.fromtimestamp(unix, UTC).strftime("%H:%M:%S")


def span(seconds: float | None) -> str:
    """4 s, 2 min 5 s, 2 h, 3 d 4 h."""
    if seconds is None:
        return DASH
    left, told = round(seconds), []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        whole, left = divmod(left, size)
        if whole:
            told.append(f"{whole} {unit}")
    return " ".join(told[:2]) or "0 s"


def brief(seconds: float | None) -> str:
    """Of what is mostly less than a second."""
    if seconds is None:
        return DASH
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s" if seconds < 60 else span(seconds)


def device_path(identity: str) -> str:
    """A browser takes a path of dots for a way up, in every spelling: such a name goes into the query."""
    if identity.strip(".") == "":
        return f"/device/?id={quote(identity, safe='')}"
    return f"/device/{quote(identity, safe='')}"
