"""Whether the extra `console` is installed, and how to get it; nothing of it is imported to find out."""

import importlib.util

GET_IT = "the console needs the extra `console`: pip install 'gruard[console]'"


def installed() -> bool:
    return importlib.util.find_spec("dash") is not None
