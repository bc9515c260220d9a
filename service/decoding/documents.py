"""From bytes to JSON values: nesting bounded before any parser descends, arrays cut into elements, damage explained.

What is deep is refused by counting brackets, so the answer depends on the message alone, not on how much stack is left.
"""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from service.decoding.faults import RejectError
from service.decoding.wording import shown, shown_bytes

MAX_DEPTH = 64
MAX_ELEMENTS = 16_384

# What msgspec may raise on some bytes: invalid UTF-8 and deep nesting are no MsgspecErrors.
REFUSED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

_parse = msgspec.json.Decoder().decode
_split = msgspec.json.Decoder(list[msgspec.Raw]).decode
_ENCODINGS = {b"\xef\xbb\xbf": "a byte order mark", b"\xff\xfe": "UTF-16 or UTF-32", b"\xfe\xff": "UTF-16"}


def check_size(raw: bytes | None, max_bytes: int) -> bytes:
    if not raw:
        raise RejectError("decode", "message is empty: a reading is a JSON object; to forget a device, stop sending it")
    if len(raw) > max_bytes:
        sizes = f"message is {len(raw)} bytes, readings.max_message_bytes is {max_bytes}"
        raise RejectError("oversize", f"{sizes}: split it, or raise the setting")
    return raw


def parse(raw: bytes | msgspec.Raw, time: str = "time") -> Any:
    """The JSON value. time: where an infinite number is a bad time. Raises RejectError."""
    _check_depth(bytes(raw))
    try:
        return _parse(raw)
    except REFUSED as error:
        raise _damage(bytes(raw), error, time) from None


def is_array(raw: bytes) -> bool:
    return raw[:1] == b"[" or raw.lstrip(b" \t\r\n")[:1] == b"["


def elements(raw: bytes) -> Sequence[bytes | msgspec.Raw]:
    """The elements of a JSON array, each as its own text. Raises RejectError."""
    _check_depth(raw)
    try:
        parts: Sequence[bytes | msgspec.Raw] = _split(raw)
    except REFUSED as error:
        parts = _lenient_elements(raw, error)
    if not parts:
        raise RejectError("schema", "message is [], an array without elements: send at least one reading, or nothing")
    if len(parts) > MAX_ELEMENTS:
        raise RejectError(
            "schema", f"message is an array of {len(parts)} elements, at most {MAX_ELEMENTS} fit: split it"
        )
    return parts


def _lenient_elements(raw: bytes, error: Exception) -> list[bytes]:
    """One NaN must not take its neighbours along: the array is cut by a parser that knows NaN and Infinity."""
    try:
        return [json.dumps(element).encode("utf-8") for element in _lenient(raw)]
    except ValueError:
        raise _damage(raw, error) from None


def _check_depth(raw: bytes) -> None:
    if raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH:
        return
    outside = b"".join(raw.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2])  # what is not inside strings
    text = np.frombuffer(outside, dtype=np.uint8)
    steps = np.isin(text, [ord("["), ord("{")]).astype(np.int32) - np.isin(text, [ord("]"), ord("}")])
    depth = int(steps.cumsum().max(initial=0))
    if depth > MAX_DEPTH:
        raise RejectError(
            "decode", f"message nests {depth} deep at {shown_bytes(raw[:40])}, at most {MAX_DEPTH}: flatten it"
        )


def _damage(raw: bytes, error: Exception, time: str = "time") -> RejectError:
    for mark, name in _ENCODINGS.items():
        if raw.startswith(mark):
            return RejectError("decode", f"message starts with {shown_bytes(mark)}, {name}: send UTF-8 without a mark")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as bad:
        around = shown_bytes(raw[max(0, bad.start - 20) : bad.end + 10])
        return RejectError("decode", f"message is not UTF-8 at byte {bad.start}, in {around}: send UTF-8")
    return _not_finite(raw, time) or RejectError("decode", f"message is not JSON: {_detail(raw, error)}")


def _detail(raw: bytes, error: Exception) -> str:
    """msgspec's own words with what stands there; the parser of the standard library knows the place of a cut, too."""
    try:
        json.loads(raw)
    except json.JSONDecodeError as exact:
        around = shown(exact.doc[max(0, exact.pos - 30) : exact.pos + 20])
        return f"{exact.msg} at character {exact.pos}, in {around}; one message holds one JSON object or array"
    except ValueError:
        pass
    return f"{error}, in {shown_bytes(raw)}"


def _not_finite(raw: bytes, time: str) -> RejectError | None:
    """NaN, Infinity and numbers beyond float64 are no JSON, but what is wrong with them is the number."""
    try:
        path = _infinite(_lenient(raw), "")
    except ValueError:
        return None
    if path is None:
        return None
    where, value = path
    if where == time:
        return RejectError("time", f"{where} is {value}, no time: write RFC 3339 with an offset, or a Unix time")
    rule = "JSON has no NaN and no Infinity, and a value fits into float32, at most 3.4e38: write null instead"
    return RejectError("not-finite", f"{where or 'message'} is {value}; {rule}")


class _Spelled(float):
    """A number as it was written."""

    def __new__(cls, text: str) -> "_Spelled":
        number = super().__new__(cls, text)
        number.text = text
        return number

    text: str


def _lenient(raw: bytes) -> Any:
    """Raises ValueError. Decoded here, because `json` would guess at other encodings."""
    return json.loads(
        raw.decode("utf-8"),
        parse_constant=_Spelled,
        parse_float=_Spelled,
        parse_int=lambda text: int(text) if len(text) < 300 else _Spelled(text),
    )


def _infinite(value: Any, path: str) -> tuple[str, str] | None:
    if isinstance(value, _Spelled) and not np.isfinite(value):
        return path, shown(value.text)[1:-1]
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = (_infinite(inner, f"{path}.{shown(str(name))[1:-1]}".lstrip(".")) for name, inner in members)
    return next((one for one in found if one), None)
