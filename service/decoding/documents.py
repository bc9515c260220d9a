"""From bytes to JSON values: nesting bounded before any parser descends, arrays cut into elements.

What is deep is refused by counting brackets, so the answer depends on the message alone, not on how much stack is left.
"""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from service.decoding.damage import damage, lenient
from service.decoding.faults import RejectError
from service.decoding.wording import shown_bytes

MAX_DEPTH = 64
MAX_ELEMENTS = 16_384

# What msgspec may raise on some bytes: invalid UTF-8 and deep nesting are no MsgspecErrors.
REFUSED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

_parse = msgspec.json.Decoder().decode
_split = msgspec.json.Decoder(list[msgspec.Raw]).decode


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
        raise damage(bytes(raw), error, time) from None


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
        return [json.dumps(element).encode("utf-8") for element in lenient(raw)]
    except ValueError:
        raise damage(raw, error, "time") from None


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
