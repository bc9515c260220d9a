"""What `gruard workers` tells of a real group, and that a removed member's partitions are free at once."""

import time

import pytest

from service.commands.workers import line
from service.errors import InputError, UnavailableError
from service.streams.kafka import topics, workers
from service.streams.kafka.settings import KafkaSettings
from service.streams.kafka.stream import KafkaStream
from service.streams.port import Assigned, Committed, Transaction


@pytest.fixture
def settings(kafka, prefix):
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap, topic_prefix=prefix, group=prefix, slot="a")
    topics.create(settings, 4)
    return settings


def assigned(stream, count):
    found, deadline = set(), time.monotonic() + 60
    while len(found) < count and time.monotonic() < deadline:
        found |= {event.partition for event in stream.poll(0.1, 10).events if isinstance(event, Assigned)}
    return found


def test_a_worker_is_shown_with_what_it_holds(settings):
    assert workers.members(settings) == []
    stream = KafkaStream(settings)
    assigned(stream, 4)
    (member,) = workers.members(settings)
    assert line(member) == f"a  127.0.0.1  {settings.topic('readings')} 0-3  nothing committed yet"
    stream.poll(0.1, 1)
    stream.commit(Transaction(offsets={0: Committed(0, "")}))
    (member,) = workers.members(settings)
    assert member.lag == 0
    stream.close()


def test_a_removed_worker_leaves_its_partitions_to_the_others_before_its_session_ends(settings):
    gone = KafkaStream(settings.model_copy(update={"session_timeout_s": 600.0}))
    assigned(gone, 4)
    gone.close()
    assert len(workers.members(settings)) == 1, "a static member that stopped is waited for"
    workers.remove(settings, "a")
    other = KafkaStream(settings.model_copy(update={"slot": "b"}))
    assert assigned(other, 4) == {0, 1, 2, 3}
    other.close()


def test_a_worker_that_nobody_knows_is_named(settings):
    with pytest.raises(InputError, match=r"--remove nobody: group .* has no such worker"):
        workers.remove(settings, "nobody")


def test_a_broker_that_is_away_is_one_line():
    with pytest.raises(UnavailableError, match="nobody answers"):
        workers.members(KafkaSettings(bootstrap_servers="127.0.0.1:1"))
