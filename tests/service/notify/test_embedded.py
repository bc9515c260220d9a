"""The alerts of a file keep the contract; one process tells of it, beside a worker that goes on writing."""

import pytest

from service.errors import FencedError, UnavailableError
from service.notify.embedded import EmbeddedAlerts
from service.notify.places import Mark, Place
from service.streams.embedded import EmbeddedLog
from tests.service.notify.events import value
from tests.service.notify.scenes import File
from tests.service.notify.sources import SourceContract, begun, given, opened


@pytest.fixture
def log(tmp_path):
    return File(tmp_path / "gruard.db")


class TestEmbeddedAlerts(SourceContract):
    pass


def test_a_second_one_on_the_same_file_is_refused_and_leaves_the_first_alone(log):
    with opened(log) as source:
        with pytest.raises(FencedError, match="another `gruard notify` tells of it already"):
            log.source()
        begun(source)
    with opened(log) as source:
        assert given(source)


def test_a_file_that_is_not_there_is_worth_waiting_for(tmp_path):
    with pytest.raises(UnavailableError, match="does not exist"):
        EmbeddedAlerts(EmbeddedLog(tmp_path / "none.db"))


def test_its_memory_is_no_partition_of_the_input(log):
    log.publish([value("a")])
    with opened(log) as source:
        begun(source)
        source.commit({0: Mark({"ops": Place(2)}, 2)})
    file = EmbeddedLog(log.path)
    assert file.committed(0).metadata == ""
    file.close()
