"""One service for all tests that only ask: a fleet with faults, everything of it committed."""

from collections.abc import Iterator

import pytest

from service.host import Guest
from tests.service.api.site import Site, fed, served, settings
from tests.service.real import fleet_messages


@pytest.fixture(scope="package")
def messages():
    return fleet_messages(3)


@pytest.fixture(scope="package")
def own(tmp_path_factory, messages):
    made = settings(tmp_path_factory.mktemp("served"))
    fed(made, messages)
    return made


@pytest.fixture(scope="package")
def site(own, messages) -> Iterator[Site]:
    clock = messages[-1].arrival  # by the wall's, all devices would have been gone for years
    with served(own, Guest(clock=lambda: clock)) as up:
        up.until(len(messages))
        yield up
