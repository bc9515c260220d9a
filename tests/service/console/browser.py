"""A real Chromium in front of a real console; no other host is there for it, and what a page asks of one is noted."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.service.cli import ROOT, command, environment

PATIENCE_S = 60  # until a page shows what it should, on a machine that has much else to do
ALONE = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]


@contextmanager
def console(*apis: str, token: Path | None = None, port: int = 0) -> Iterator[str]:
    """Its address, without a slash at the end."""
    given = [argument for api in apis for argument in ("--api", api)]
    given += ["--token-file", str(token)] if token else []
    process = subprocess.Popen(
        command("console", "--port", str(port), *given), cwd=ROOT, env=environment(), stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield process.stdout.readline().removeprefix("Console: ").strip().rstrip("/")
    finally:
        process.terminate()
        process.communicate(timeout=20)
        assert process.returncode == 0


@contextmanager
def chromium() -> Iterator["Browser"]:
    """Skips where there is none."""
    pytest.importorskip("dash", reason="the extra `console` is not installed: pip install 'gruard[console]'")
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="no playwright here to drive a browser: pip install playwright"
    )
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium here for the tests in a browser: apt-get install chromium")
    with playwright.sync_playwright() as running:
        launched = running.chromium.launch(executable_path=path, args=ALONE)
        context = launched.new_context()
        context.set_default_timeout(PATIENCE_S * 1000)
        yield Browser(context)
        launched.close()


@dataclass
class Visitor:
    """One window. elsewhere: what it asked of other hosts; wrong: what its console complained of."""

    page: Any
    base: str
    elsewhere: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def open(self, path: str) -> Any:
        self.page.goto(self.base + path)
        self.page.wait_for_selector("main h1")
        return self.page

    def text(self, selector: str) -> str:
        return str(self.page.locator(selector).first.inner_text())

    def until(self, script: str, *argument: object) -> None:
        """playwright's own waiting is forbidden by the pages' content security policy."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.page.evaluate(script, *argument):
            assert time.monotonic() < deadline, script
            self.page.wait_for_timeout(50)


@dataclass(frozen=True)
class Browser:
    context: Any

    @contextmanager
    def visit(self, base: str, width: int = 1280, scheme: str = "light") -> Iterator[Visitor]:
        visit = Visitor(self.context.new_page(), base)
        visit.page.set_viewport_size({"width": width, "height": 900})
        visit.page.emulate_media(color_scheme=scheme)
        own = urlsplit(base).netloc

        def asked(request: Any) -> None:
            if urlsplit(request.url).netloc != own and not request.url.startswith(("data:", "blob:", "about:")):
                visit.elsewhere.append(request.url)

        visit.page.on("request", asked)
        visit.page.on("console", lambda said: visit.wrong.append(said.text) if said.type == "error" else None)
        visit.page.on("pageerror", lambda error: visit.wrong.append(str(error)))
        visit.page.on("dialog", lambda dialog: (visit.wrong.append(f"dialog {dialog.message}"), dialog.dismiss()))
        try:
            yield visit
        finally:
            visit.page.close()
        assert visit.elsewhere == []
        assert visit.wrong == []
