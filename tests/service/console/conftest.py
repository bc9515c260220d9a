"""One Chromium and one console for all tests in a browser: starting them takes longer than most tests."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.service.console import world
from tests.service.console.browser import Browser, Visitor, chromium, console
from tests.service.console.speaker import Speaker


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="session")
def said() -> Iterator[Speaker]:
    with Speaker({}) as speaker:
        yield speaker


@pytest.fixture(scope="session")
def base(browser: Browser, said: Speaker) -> Iterator[str]:
    with console(said.url) as address:
        yield address


@pytest.fixture
def fleet(said: Speaker) -> Iterator[dict[str, Any]]:
    """What the service says, as the test begins: pump-17 is ill, and a demo plays."""
    said.says = world.fleet("pump-17") | {"/api/v1/demo": world.scoreboard()}
    yield said.says
    said.says = {}


@pytest.fixture
def visit(browser: Browser, base: str, fleet: dict[str, Any]) -> Iterator[Visitor]:
    with browser.visit(base) as window:
        yield window
