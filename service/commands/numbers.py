"""Numbers on the command line, with their bounds; argparse puts the option's name before the message."""

import argparse
import math
from collections.abc import Callable


def at_least_0(text: str) -> float:
    return _number(text, "0 or more", lambda value: value >= 0)


def above_0(text: str) -> float:
    return _number(text, "more than 0", lambda value: value > 0)


def whole(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = -1
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return value


def counted(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def _number(text: str, wanted: str, holds: Callable[[float], bool]) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or not holds(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of {wanted}")
    return value
