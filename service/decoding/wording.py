"""How a value from a message is shown in an error: shortened, on one line, harmless to a log and a terminal."""

from collections.abc import Sequence

LONGEST = 60  # characters of a value: enough to recognise it
MAX_ERROR = 500  # characters of a whole error


def shown(value: object) -> str:
    """The value as JSON would have it, near enough, cut to a length that a person still reads."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return _cut(_quoted(value[: LONGEST + 1]))
    if isinstance(value, dict):
        return f"an object of {len(value)} members"
    if isinstance(value, list):
        return f"an array of {len(value)} elements"
    if isinstance(value, int) and value.bit_length() > 4096:  # Python refuses to write out very long integers
        return f"an integer of {value.bit_length()} bits"
    return _cut(str(value))


def shown_bytes(data: bytes) -> str:
    return shown(data[: 4 * LONGEST].decode("utf-8", "backslashreplace"))


def line(text: str) -> str:
    return text if len(text) <= MAX_ERROR else text[: MAX_ERROR - 1] + "…"


def listed(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(_cut(_printable(name)) for name in names[:most]) + more


def _printable(text: str) -> str:
    return text if text.isprintable() else repr(text)[1:-1]


def _quoted(text: str) -> str:
    return f'"{_printable(text)}"'


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST + 2 else text[:LONGEST] + "…"
