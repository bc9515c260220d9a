"""One Chromium for all tests in a browser: it starts in a second, a page of it in a tenth."""

from collections.abc import Iterator

import pytest

from tests.service.console.browser import Browser, chromium


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running
