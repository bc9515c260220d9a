"""The running service, asked whatever its own document allows and much that it does not: no 500, no other shape."""

import subprocess
import sys

from tests.service.cli import environment

ASK = "import sys; from schemathesis.cli import schemathesis; sys.exit(schemathesis())"
BOUNDS = ("--phases=coverage,fuzzing", "--max-examples=10", "--seed=5", "--no-color")


def test_every_answer_is_one_that_the_document_promises(site, tmp_path):
    """In a process of its own: where a model runs, the smallest floats are zero, and then Hypothesis does not work."""
    address = f"http://127.0.0.1:{site.port}/openapi.json"
    command = [sys.executable, "-c", ASK, "run", address, *BOUNDS]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "Failures" not in done.stdout
