"""`gruard` as a user starts it: a real process, its exit code, and what it says on standard error."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Said(NamedTuple):
    code: int
    out: str
    error: str

    @property
    def line(self) -> str:
        """The one line on standard error; an AssertionError if it is not one."""
        lines = self.error.splitlines()
        assert len(lines) == 1, self.error
        assert lines[0].startswith("gruard: ")
        return lines[0]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's, without any setting of a developer's shell or of an import in this process."""
    own = ("GRUARD_", "ORT_", "CI", "PYTHONDONTWRITEBYTECODE")  # a worker that compiles itself at each start is slow
    plain = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    return {**plain, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **(extra or {})}


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "service", *map(str, arguments)]


def gruard(
    *arguments: str | Path, cwd: Path = ROOT, env: Mapping[str, str] | None = None, given: str | None = None
) -> Said:
    done = subprocess.run(
        command(*arguments), cwd=cwd, env=environment(env), input=given, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    return Said(done.returncode, done.stdout, done.stderr)
