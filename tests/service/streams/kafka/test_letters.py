"""Dead letters in Kafka keep the contract, also when a replay is killed in the middle of its transaction."""

import pytest
from kafka import KafkaProducer

from service.deadletters import replay
from service.errors import MissingError
from service.streams.kafka import topics
from service.streams.kafka.letters import KafkaBox
from service.streams.kafka.log import KafkaLog
from service.streams.kafka.settings import KafkaSettings
from tests.service.streams.boxes import BoxContract, output, replayed


class Topics:
    def __init__(self, settings: KafkaSettings) -> None:
        self.settings, self.topic = settings, settings.topic("readings")
        topics.create(settings)
        self.producer = KafkaProducer(bootstrap_servers=settings.bootstrap_servers)

    def write(self, letters):
        for letter in letters:
            self.producer.send(
                self.settings.topic("deadletters"), letter.value, letter.key, list(letter.headers), partition=1
            )
        self.producer.flush(10)

    def box(self, publishes=True):
        return KafkaBox(self.settings, publishes)

    def readings(self):
        log = KafkaLog(self.settings)
        found = [log.readings(partition, 0, 1 << 40, 1000) for partition in range(log.partitions)]
        log.close()
        return [row for r in found for row in zip(r.keys, r.values, r.headers or [()] * len(r), strict=True)]


@pytest.fixture
def stream(kafka, prefix):
    made = Topics(KafkaSettings(bootstrap_servers=kafka.bootstrap, topic_prefix=prefix, group=prefix, partitions=2))
    yield made
    made.producer.close()


class TestKafkaBox(BoxContract):
    pass


@pytest.mark.parametrize("dies", ["flush", "commit_transaction"])
def test_a_replay_that_dies_in_its_transaction_is_as_if_it_had_never_been(stream, dies, monkeypatch):
    stream.write([output(stream.topic, n) for n in range(5)])
    box = stream.box()
    monkeypatch.setattr(box._producer, dies, lambda *timeout: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        replay(box)
    assert stream.readings() == []
    assert replayed(stream) == {"time": 5}
    monkeypatch.undo()
    box.close()
    assert len(stream.readings()) == 5


def test_letters_go_back_to_the_partition_they_came_from_and_to_inputs_alone(stream, prefix):
    stream.write([output(stream.topic, n, key=b"%d" % n) for n in range(20)])
    stream.write([output("elsewhere", 1), output(stream.topic, 2, partition="7")])
    box = stream.box()
    done = replay(box)
    box.close()
    assert (done.published, done.left) == ({"time": 20}, {"time": 2})
    log = KafkaLog(stream.settings)
    assert log.ends() == {0: 21, 1: 0}, "the messages and the marker of their transaction"
    log.close()


def test_without_its_topic_the_way_out_is_told(kafka, prefix):
    with pytest.raises(MissingError, match="gruard topics --create"):
        KafkaBox(KafkaSettings(bootstrap_servers=kafka.bootstrap, topic_prefix=prefix))
