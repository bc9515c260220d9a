"""Which Gruard this is: for `--version`, headers, metrics and reports of our own bugs."""

from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed


def version() -> str:
    try:
        return installed("gruard")
    except PackageNotFoundError:
        return "0 (not installed)"
