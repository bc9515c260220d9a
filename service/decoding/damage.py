"""Why bytes are no JSON: another encoding, NaN and its kin, or where the text breaks off.

Only what msgspec has refused comes here, and only to be explained; nesting has been bounded before.
"""

import json
from math import isfinite
from typing import Any

from service.decoding.faults import RejectError
from service.decoding.wording import shown, shown_bytes

_ENCODINGS = {b"\xef\xbb\xbf": "a byte order mark", b"\xff\xfe": "UTF-16 or UTF-32", b"\xfe\xff": "UTF-16"}
_LONGEST_INTEGER = 300  # digits; a float has 309 at most, and Python reads no integer of more than 4300


class _Spelled(float):
    """A number as it was written."""

    text: str

    def __new__(cls, text: str) -> "_Spelled":
        number = super().__new__(cls, text)
        number.text = text
        return number


def _integer(text: str) -> int | _Spelled:
    return int(text) if len(text) < _LONGEST_INTEGER else _Spelled(text)


_lenient = json.JSONDecoder(parse_constant=_Spelled, parse_float=_Spelled, parse_int=_integer).decode


def lenient(raw: bytes) -> Any:
    """The JSON value, NaN and Infinity included. Raises ValueError."""
    return _lenient(raw.decode("utf-8"))


def damage(raw: bytes, error: Exception, time: str) -> RejectError:
    """time: where an infinite number is a bad time."""
    for mark, name in _ENCODINGS.items():
        if raw.startswith(mark):
            return RejectError("decode", f"message starts with {shown_bytes(mark)}, {name}: send UTF-8 without a mark")
    try:
        found = _infinite(lenient(raw), "")
    except UnicodeDecodeError as bad:
        around = shown_bytes(raw[max(0, bad.start - 20) : bad.end + 10])
        return RejectError("decode", f"message is not UTF-8 at byte {bad.start}, in {around}: send UTF-8")
    except json.JSONDecodeError as bad:
        around = shown(bad.doc[max(0, bad.pos - 30) : bad.pos + 20])
        what = f"{bad.msg} at character {bad.pos}, in {around}; one message holds one JSON object or array"
        return RejectError("decode", f"message is not JSON: {what}")
    if found is None:
        return RejectError("decode", f"message is not JSON: {error}, in {shown_bytes(raw)}")
    if found[0] == time:
        return RejectError("time", f"{time} is {found[1]}, no time: write RFC 3339 with an offset, or a Unix time")
    rule = "JSON has no NaN and no Infinity, and a value fits into float32, at most 3.4e38: write null instead"
    return RejectError("not-finite", f"{found[0] or 'message'} is {found[1]}; {rule}")


def _infinite(value: Any, path: str) -> tuple[str, str] | None:
    """Where the first number beyond all bounds is, and how it is written."""
    if isinstance(value, _Spelled) and not isfinite(value):
        return path, shown(value.text)[1:-1]
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = (_infinite(inner, f"{path}.{shown(str(name))[1:-1]}".lstrip(".")) for name, inner in members)
    return next((one for one in found if one), None)
