"""The room can be imported without paying for polars."""

import subprocess
import sys


def test_importing_the_room_loads_no_polars() -> None:
    code = "import sys, service, service.streams.files; print('polars' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
