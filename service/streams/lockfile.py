"""One process at a time for what an embedded file is used for: a lock on a file of its own beside it.

Of its own, since closing any descriptor of the database itself would drop SQLite's own locks on it.
"""

import fcntl
import os
from pathlib import Path

from service.errors import FencedError, UnavailableError


def locked(path: Path, suffix: str, taken: str) -> int:
    """A descriptor; closing it lets the next one in. taken: what `path` has already, and the way out.

    Raises UnavailableError (no such file can be made), FencedError (somebody holds it).
    """
    beside = path.with_name(path.name + suffix)
    try:
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise UnavailableError(f"embedded.path {path}: can't lock {beside} ({error.strerror})") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise FencedError(f"embedded.path {path}{taken}") from error
    return descriptor
