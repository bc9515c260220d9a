"""What holds for every test: no property has a deadline, for a busy machine proves nothing; in CI they repeat.

Here as well: the one Kafka broker of the session, for the tests that ask for it.
"""

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.kafka import java
from tests.kafka.broker import Broker, Elsewhere
from tests.kafka.secure import SecureBroker

settings.register_profile("anywhere", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "anywhere")


TOGETHER = ("chaos", "deploy", "docs")  # folders with one input, one engine, or the default ports
KILLS = ("test_row_01_kill.py", "test_row_02_stop.py")  # take about as long as the other short rows in all


@pytest.hookimpl(tryfirst=True)  # before the plugin looks at the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several processes, a file stays in one, and a folder that shares something dear as well."""
    for item in items:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        group = f"{folder} {item.path.name in KILLS}" if folder in TOGETHER else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def kafka_here() -> None:
    """For tests that start brokers of their own, to stop or kill them."""
    try:
        java.command()
    except java.NoKafkaError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest) -> Iterator[Broker | Elsewhere]:
    """A broker for everybody: make topics under `prefix`, and leave it running."""
    if address := os.environ.get("GRUARD_TEST_KAFKA"):
        yield Elsewhere(address)
        return
    request.getfixturevalue("kafka_here")
    with Broker() as broker:
        yield broker
        broker.stop()


@pytest.fixture(scope="session")
def secure_kafka(kafka_here: None) -> Iterator[SecureBroker]:
    """Users `gruard` and `stranger`, without any rights until a test gives them some under its `prefix`."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here to make certificates with; install it")
    with SecureBroker() as broker:
        yield broker


@pytest.fixture
def prefix() -> str:
    """A topic prefix, or any other name, that nobody else on the broker has."""
    return f"t{uuid.uuid4().hex[:8]}"
