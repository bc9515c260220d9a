"""Pages that are made from the code are as fresh as the code: `make docs` changes nothing."""

import subprocess
from pathlib import Path

from tests.docs import checkout
from tests.service.cli import ROOT, environment


def test_make_docs_changes_nothing(tmp_path: Path) -> None:
    folder = checkout.make(tmp_path / "gruard")
    given = {**environment(), "PYTHONPATH": str(folder)}
    done = subprocess.run(["make", "docs"], cwd=folder, env=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made = [path for path in folder.glob("docs/**/*") if path.is_file()]
    stale = [path.name for path in made if path.read_bytes() != (ROOT / path.relative_to(folder)).read_bytes()]
    assert stale == [], "run `make docs`"
