"""The console beside the demo: a process of its own, told where the API is, and gone when the demo is, however it ends.

It holds the reading end of a pipe whose writing end is ours: that closes even when the demo is killed.
"""

import os
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

from service.console.extra import GET_IT, installed
from service.settings import HttpSettings

WAIT_S = 12.0  # for its address
LEAVE_S = 5.0
ROOT = str(Path(__file__).parents[2])  # where this service was imported from, so that the console is of the same
SAYS = "Console: "


class Companion:
    """port: of the console, 0 = any free one; None: no console is wanted."""

    def __init__(self, port: int | None) -> None:
        self._port = port
        self._process: subprocess.Popen[str] | None = None

    def start(self, http: HttpSettings, api_port: int) -> str | None:
        """A line for the reader, once the console answers or cannot; None: none was wanted."""
        if self._port is None:
            return None
        if not installed():
            return f"To watch it in a browser: {GET_IT}"
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "service", *_arguments(http, api_port, self._port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=_environment(),
            start_new_session=True,  # a Ctrl-C is the demo's; the console ends after it
        )  # fmt: skip
        said = _first_line(self._process.stdout)
        if said is None:
            return f"Console: no answer within {WAIT_S:.0f} s; `gruard console --api {_api(http, api_port)}` starts one"
        return said if said.startswith(SAYS) else f"No console: {said.removeprefix('gruard: ') or 'it ended at once'}"

    def leave(self) -> None:
        if self._process is None or self._process.stdin is None:
            return
        self._process.stdin.close()
        try:
            self._process.wait(LEAVE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _arguments(http: HttpSettings, api_port: int, port: int) -> list[str]:
    token = ["--token-file", str(http.token_file)] if http.token_file else []
    return ["console", "--attached", "--api", _api(http, api_port), "--port", str(port), *token]


def _api(http: HttpSettings, api_port: int) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(http.host, http.host)
    return f"http://[{host}]:{api_port}" if ":" in host else f"http://{host}:{api_port}"


def _environment() -> dict[str, str]:
    path = [ROOT, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}


def _first_line(output: IO[str] | None) -> str | None:
    """What comes after it is read as well, lest the pipe fill up; the demo's screen is not the place for it."""
    assert output is not None
    told: queue.Queue[str] = queue.Queue()

    def drain() -> None:
        with output:
            told.put(output.readline().strip())
            for _ in output:
                pass

    threading.Thread(target=drain, name="console output", daemon=True).start()
    try:
        return told.get(timeout=WAIT_S)
    except queue.Empty:
        return None
