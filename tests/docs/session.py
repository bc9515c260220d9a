"""One reader of a page: types its blocks into a shell, one after the other, in one folder and one environment.

What a block exports the next one has; what it starts in the background runs on until the session is closed.
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.docs.pages import Block
from tests.service.cli import environment

PATIENCE_S = 1800.0  # a block that takes longer hangs, even beside busy neighbours
EVENTUALLY_S = 90.0
CTRL_C = (0, 130, -signal.SIGINT)  # what a command may end with that was told to


class Session:
    def __init__(self, folder: Path, scratch: Path, variables: Mapping[str, str]) -> None:
        """scratch: an empty folder for what the blocks say. variables: of the environment, beside the usual."""
        self.replaced: dict[str, str] = {}  # what is called otherwise here: a broker, a port
        self._folder, self._scratch = folder, scratch
        paths = {"PATH": f"{folder}/.venv/bin:{os.environ['PATH']}", "PYTHONPATH": str(folder)}
        self._environment = {**environment(), **paths, **variables}
        self._state = scratch / "exported"
        self._state.touch()
        self._groups: list[int] = []

    def set(self, variables: Mapping[str, str]) -> None:
        self._environment |= variables

    def type(self, block: Block) -> None:
        if block.manner == "until":
            for command in block.commands:
                self._until(block, command)
        elif block.manner == "eventually":
            self._eventually(block)
        else:
            code, said = self._run(block.text)
            assert code == 0, _told(block, f"exit {code}", said)

    def _run(self, text: str) -> tuple[int, str]:
        shell, log = self._start(text)
        try:
            code = shell.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            code = -1
        return code, log.read_text("utf-8", "replace")

    def _eventually(self, block: Block) -> None:
        end = time.monotonic() + EVENTUALLY_S
        code, said = self._run(block.text)
        while code != 0 and time.monotonic() < end:
            time.sleep(1)
            code, said = self._run(block.text)
        assert code == 0, _told(block, f"exit {code} even after {EVENTUALLY_S:g} s", said)

    def _until(self, block: Block, command: str) -> None:
        shell, log = self._start(command)
        end = time.monotonic() + PATIENCE_S
        while block.detail not in log.read_text("utf-8", "replace"):
            assert shell.poll() is None, _told(block, f"ended with {shell.poll()} before {block.detail!r}", _read(log))
            assert time.monotonic() < end, _told(block, f"never said {block.detail!r}", _read(log))
            time.sleep(0.1)
        os.killpg(shell.pid, signal.SIGINT)
        code = shell.wait(PATIENCE_S)
        assert code in CTRL_C, _told(block, f"exit {code} after Ctrl-C", _read(log))
        assert "Traceback" not in _read(log), _told(block, "Ctrl-C", _read(log))

    def _start(self, text: str) -> tuple[subprocess.Popen[bytes], Path]:
        """Into a file, not a pipe: a background process would hold a pipe open."""
        for here, there in self.replaced.items():
            text = text.replace(here, there)
        script = f". {self._state}\nset -eo pipefail\n{text}\nexport -p > {self._state}\n"
        log = self._scratch / f"block-{len(self._groups)}.log"
        with log.open("wb") as out:
            shell = subprocess.Popen(
                ["bash", "-c", script], cwd=self._folder, env=self._environment, stdin=subprocess.DEVNULL, stdout=out,
                stderr=out, start_new_session=True,
            )  # fmt: skip
        self._groups.append(shell.pid)
        return shell, log

    def close(self) -> None:
        """Ends what still runs, in peace if it can."""
        for patience_s, how in ((20.0, signal.SIGTERM), (5.0, signal.SIGKILL)):
            end = time.monotonic() + patience_s
            self._groups = [group for group in self._groups if _signalled(group, how)]
            while self._groups and time.monotonic() < end:
                time.sleep(0.1)
                self._groups = [group for group in self._groups if _signalled(group, 0)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _signalled(group: int, how: int) -> bool:
    """Whether anybody of the group was there to hear it."""
    try:
        os.killpg(group, how)
    except ProcessLookupError:
        return False
    return True


def _read(log: Path) -> str:
    return log.read_text("utf-8", "replace")


def _told(block: Block, what: str, said: str) -> str:
    return f"{block.place}: {what}\n{block.text}--- it said\n{said[-4000:]}"
