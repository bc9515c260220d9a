"""The service image, built once from this tree; who asks for it is skipped where no engine is."""

import pytest

from tests.deploy.engine import build, missing


@pytest.fixture(scope="session")
def image() -> str:
    if why := missing():
        pytest.skip(why)
    return build()
