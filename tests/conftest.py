"""What holds for every test: no property has a deadline, for a busy machine proves nothing; in CI they repeat.

Here as well: the one Kafka broker of the session, for the tests that ask for it.
"""

import os
import uuid
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.kafka.broker import Broker, Elsewhere, start
from tests.kafka.java import NoKafkaError

settings.register_profile("anywhere", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "anywhere")


@pytest.fixture(scope="session")
def kafka() -> Iterator[Broker | Elsewhere]:
    """A broker for everybody: make topics under `prefix`, and leave it running."""
    if address := os.environ.get("GRUARD_TEST_KAFKA"):
        yield Elsewhere(address)
        return
    try:
        broker = start()
    except NoKafkaError as error:
        pytest.skip(str(error))
    with broker:
        yield broker
        broker.stop()


@pytest.fixture
def prefix() -> str:
    """A topic prefix, or any other name, that nobody else on the broker has."""
    return f"t{uuid.uuid4().hex[:8]}"
