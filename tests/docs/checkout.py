"""A folder that looks like a fresh checkout after `make setup`: the tree, and a `.venv` that is this interpreter.

What pages write (models, generated pages, secrets) is copied, the code is linked. `gruard-train fit` goes through two
epochs instead of twenty where the environment says QUICK_FIT: the long examples show commands, not accuracy.
"""

import re
import shutil
import sys
from pathlib import Path

from tests.service.cli import ROOT

LINKED = ("service", "training", "benchmarks", "tests")
COPIED = ("docs", "models", "deploy")
SHIMS = {
    "python": 'exec "{python}" "$@"',
    "gruard": 'exec "{python}" -m service "$@"',
    "gruard-train": '[ "$1" = fit ] && [ -n "$QUICK_FIT" ] && set -- "$@" --epochs 2\nexec "{python}" -m training "$@"',
}
MARKER = re.compile(r"^\w+ := \$\(VENV\)/(\.\w+)$", re.M)  # what make takes for a set-up that is done


def make(folder: Path) -> Path:
    folder.mkdir()
    for name in LINKED:
        (folder / name).symlink_to(ROOT / name)
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "secrets"))
    for path in ROOT.iterdir():
        if path.is_file() and path.name != ".git":
            shutil.copy(path, folder / path.name)
    _environment(folder)
    return folder


def _environment(folder: Path) -> None:
    inside = folder / ".venv" / "bin"
    inside.mkdir(parents=True)
    for name, line in SHIMS.items():
        (inside / name).write_text(f"#!/bin/sh\n{line.format(python=sys.executable)}\n", encoding="utf-8")
        (inside / name).chmod(0o755)
    for marker in MARKER.findall((folder / "Makefile").read_text("utf-8")):
        (folder / ".venv" / marker).touch()
    (folder / ".kafka" / "libs").mkdir(parents=True)
