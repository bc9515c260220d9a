"""Event times to Unix milliseconds: RFC 3339 text with an offset, or a number of s, ms, us or ns.

What is finer than a millisecond is cut off. One value goes through `parse_time`, which also says what is wrong with
it; a batch goes through `parse_times`, which reads the usual forms in columns and leaves the rest to `parse_time`.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.decoding.wording import shown

MANY = 48  # values from which a column costs less than one after the other
UNREADABLE = np.iinfo(np.int64).min  # in a column of times: this one is dead letter `time`

# The years 1990 to 2100 in seconds. In ms, us and ns the range lies a thousand times higher each: they never touch.
_FIRST_YEAR, _LAST_YEAR = 1990, 2100
FIRST = int(datetime(_FIRST_YEAR, 1, 1, tzinfo=UTC).timestamp())
END = int(datetime(_LAST_YEAR + 1, 1, 1, tzinfo=UTC).timestamp())
UNITS = (1, 1_000, 1_000_000, 1_000_000_000)  # parts of a second that a number may count

_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))", flags=re.ASCII
)
_ZONELESS = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d([.,]\d+)?)?)?", flags=re.ASCII)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_FORM = "write RFC 3339 with an offset such as 2026-11-21T08:03:23.123Z, or a Unix time in s, ms, us or ns"

# Places of the digits and of the marks of YYYY-MM-DDTHH:MM:SS.
_DIGITS = (0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18)
_MARKS = {4: "-", 7: "-", 10: "T", 13: ":", 16: ":"}


def _calendar() -> NDArray[np.int64]:
    """Days since 1970 by (year - 1990, month, day), -1 where the calendar has no such day. The last entry is one."""
    table = np.full((_LAST_YEAR - _FIRST_YEAR + 2, 13, 32), -1, dtype=np.int64)
    days = np.arange(FIRST // 86400, END // 86400).astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    years = months.astype("datetime64[Y]").astype(np.int64) + 1970
    month, day = months.astype(np.int64) % 12 + 1, (days - months.astype("datetime64[D]")).astype(np.int64) + 1
    table[years - _FIRST_YEAR, month, day] = days.astype(np.int64)
    return table.ravel()


_DAYS = _calendar()


class TimeError(ValueError):
    """Its text completes the sentence that starts with the field's name."""


def parse_time(value: object) -> int:
    """Unix milliseconds. Raises TimeError."""
    if isinstance(value, str):
        return _parse_text(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TimeError(f"is {shown(value)}, neither text nor a number: {_FORM}")
    return _parse_number(value)


def _parse_number(value: int | float) -> int:
    for unit in UNITS:
        if FIRST * unit <= value < END * unit:
            if isinstance(value, int):
                return value * 1000 // unit
            # A float of seconds is exact to a quarter of a microsecond: rounded there, then cut like text.
            return round(value * (1_000_000 // unit)) // 1000 if unit < 1_000_000 else int(value) // (unit // 1000)
    raise TimeError(f"is {shown(value)}, outside the years 1990 to 2100 in s, ms, us and ns: {_FORM}")


def _parse_text(text: str) -> int:
    match = _RFC3339.fullmatch(text)
    if match is None and _ZONELESS.fullmatch(text):
        raise TimeError(f"is {shown(text)}, which has no offset: add Z for UTC, or one such as +01:00")
    seconds = _seconds(match) if match else None
    if match is None or seconds is None:
        raise TimeError(f"is {shown(text)}, not a time: {_FORM}")
    if not FIRST <= seconds < END:
        raise TimeError(f"is {shown(text)}, outside the years 1990 to 2100: set the device's clock")
    return seconds * 1000 + int((match[5] or "")[:3].ljust(3, "0"))


def _seconds(match: re.Match[str]) -> int | None:
    """None where a calendar or a clock shows no such thing."""
    hour, minute, second = int(match[2]), int(match[3]), int(match[4])
    off_hour, off_minute = int(match[7] or 0), int(match[8] or 0)
    try:
        days = date.fromisoformat(match[1]).toordinal() - _EPOCH_DAY
    except ValueError:
        return None
    offset = (off_hour * 60 + off_minute) * (-60 if match[6] == "-" else 60)
    seconds = days * 86400 + hour * 3600 + minute * 60 + second - offset
    leap = second == 60 and seconds % 86400 == 0  # inserted after 23:59:59 UTC, read as the second that follows
    possible = hour < 24 and minute < 60 and (second < 60 or leap) and off_hour < 24 and off_minute < 60
    return seconds if possible else None


def parse_times(values: Sequence[str | int | float]) -> NDArray[np.int64]:
    """Unix milliseconds, UNREADABLE where `parse_time` raises."""
    times = _alike(values) if len(values) >= MANY else np.full(len(values), UNREADABLE, dtype=np.int64)
    if times is None:
        times = np.full(len(values), UNREADABLE, dtype=np.int64)
        kinds = set(map(type, values))
        for kind in kinds:
            at = np.array([type(value) is kind for value in values])
            times[at] = _column(values if len(kinds) == 1 else list(compress(values, at)))
    for i in np.flatnonzero(times == UNREADABLE).tolist():
        with suppress(TimeError):
            times[i] = parse_time(values[i])
    return times


def _alike(values: Sequence[str | int | float]) -> NDArray[np.int64] | None:
    """The usual batch: texts of one form. None if it is not."""
    try:
        text = "\n".join(values)  # type: ignore[arg-type]
    except TypeError:
        return None
    length, over = divmod(len(text) + 1, max(1, len(values)))
    if over or length < 21 or not text.isascii():
        return None
    table = np.frombuffer(f"{text}\n".encode("ascii"), dtype=np.uint8).reshape(-1, length)
    times = _table(np.ascontiguousarray(table.T[:-1]))
    # As many lines as values, each of the right form and ended where a line ends: then each is one of the values.
    return times if (table[:, -1] == ord("\n")).all() and (times != UNREADABLE).all() else None


def _column(values: Sequence[Any]) -> NDArray[np.int64]:
    return _text_column(values) if isinstance(values[0], str) else _number_column(values)


def _number_column(values: Sequence[int | float]) -> NDArray[np.int64]:
    times = np.full(len(values), UNREADABLE, dtype=np.int64)
    try:
        numbers = np.array(values)
    except OverflowError:
        return times
    if numbers.dtype not in (np.int64, np.float64):  # integers beyond 64 bit
        return times
    for unit in UNITS:
        inside = (numbers >= FIRST * unit) & (numbers < END * unit)
        some = numbers[inside]
        if some.dtype == np.int64:
            times[inside] = some * 1000 // unit if unit < 1000 else some // (unit // 1000)
        elif unit < 1_000_000:
            times[inside] = np.rint(some * (1_000_000 // unit)).astype(np.int64) // 1000
        else:
            times[inside] = some.astype(np.int64) // (unit // 1000)
    return times


def _text_column(texts: Sequence[str]) -> NDArray[np.int64]:
    """Texts of one length are a table of characters; a batch has few lengths."""
    times = np.full(len(texts), UNREADABLE, dtype=np.int64)
    for length in sorted(set(map(len, texts)))[:8]:
        at = np.array([len(text) == length for text in texts])
        some = "".join([text for text in texts if len(text) == length])
        if length >= 20 and some.isascii():
            table = np.frombuffer(some.encode("ascii"), dtype=np.uint8).reshape(-1, length)
            times[at] = _table(np.ascontiguousarray(table.T))
    return times


def _table(text: NDArray[np.uint8]) -> NDArray[np.int64]:
    """text: (length, n) characters. UNREADABLE for what is not the common form: `parse_time` decides on those."""
    zulu = text[-1, 0] == ord("Z")
    end = len(text) - (1 if zulu else 6)
    if end < 19 or end == 20:
        return np.full(text.shape[1], UNREADABLE, dtype=np.int64)
    digits = text - ord("0")  # what lies below "0" wraps around and is no digit either
    good = _has(text, _MARKS | ({19: "."} if end > 19 else {}) | ({end: "Z"} if zulu else {end + 3: ":"}))
    good &= (
        digits[[*_DIGITS, *range(20, end), *([] if zulu else (end + 1, end + 2, end + 4, end + 5))]].max(axis=0) <= 9
    )
    times, possible = _clock(digits)
    for place, weight in zip(range(20, end), (100, 10, 1), strict=False):
        times += digits[place] * np.int64(weight)
    if not zulu:
        shift, known = _offset(text[end], digits[end:])
        times -= shift
        possible &= known
    good &= possible & (times >= FIRST * 1000) & (times < END * 1000)
    return np.where(good, times, UNREADABLE)


def _has(text: NDArray[np.uint8], marks: dict[int, str]) -> NDArray[np.bool_]:
    good = np.ones(text.shape[1], dtype=np.bool_)
    for place, mark in marks.items():
        good &= text[place] == ord(mark)
    return good


def _clock(digits: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Milliseconds as if the offset were zero, and whether calendar and clock show such a thing."""
    year = _pair(digits, 0) * 100 + _pair(digits, 2)
    month, day, hour, minute, second = (_pair(digits, place) for place in (5, 8, 11, 14, 17))
    good = (month <= 12) & (day <= 31) & (hour < 24) & (minute < 60) & (second < 60)
    days = _DAYS.take(((year - _FIRST_YEAR) * 13 + month) * 32 + day, mode="clip")
    return ((days * 24 + hour) * 3600 + minute * 60 + second) * 1000, good & (days >= 0)


def _offset(sign: NDArray[np.uint8], digits: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Milliseconds east of UTC, and whether there is such an offset."""
    hour, minute = _pair(digits, 1), _pair(digits, 4)
    known = ((sign == ord("+")) | (sign == ord("-"))) & (hour < 24) & (minute < 60)
    return (hour * 60 + minute) * np.where(sign == ord("-"), -60_000, 60_000), known


def _pair(digits: NDArray[np.uint8], place: int) -> NDArray[np.int64]:
    tens: NDArray[np.int64] = digits[place].astype(np.int64)
    tens *= 10
    tens += digits[place + 1]
    return tens
