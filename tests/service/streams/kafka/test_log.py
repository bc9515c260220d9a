"""What is fed into Kafka is read back whole, in any slices, as far as it was committed; and nothing waits for ever."""

import time
from collections.abc import Iterator

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from service.errors import DataRuleError, MissingError, UnavailableError
from service.streams.kafka import topics
from service.streams.kafka.log import KafkaLog
from service.streams.kafka.settings import KafkaSettings
from service.streams.log import Message
from tests.kafka.broker import Broker

PARTITIONS = 3

# Kafka's own test of its own hash, as signed 32-bit numbers.
HASHES = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.fixture
def settings(kafka, prefix) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=kafka.bootstrap, topic_prefix=prefix, group=prefix, request_timeout_s=10)


@pytest.fixture
def log(settings) -> Iterator[KafkaLog]:
    topics.create(settings, PARTITIONS)
    made = KafkaLog(settings)
    yield made
    made.close()


def messages(count: int, first: int = 0) -> list[Message]:
    return [
        Message(f"device-{n % 11}".encode(), b"%d \0\xff" % n, 1000 + n, (("n", b"\xff%d" % n),) if n % 3 else ())
        for n in range(first, first + count)
    ]


def sliced(log: KafkaLog, size: int) -> list[tuple[object, ...]]:
    """Every reading, read in slices of this size."""
    found: list[tuple[object, ...]] = []
    for partition, end in log.ends().items():
        at = log.log_start(partition)
        while at < end and len(records := log.readings(partition, at, end, size)):
            assert len(records) <= size
            headers = records.headers or [()] * len(records)
            found += zip(
                [partition] * len(records), records.offsets, records.keys, records.values, headers, strict=True
            )
            at = records.offsets[-1] + 1
    return found


def test_a_device_goes_where_kafkas_own_clients_put_it(log, settings):
    assert {key: log.partition(key) for key in HASHES} == {
        key: (hashed & 0x7FFFFFFF) % PARTITIONS for key, hashed in HASHES.items()
    }
    keys = [b"device-%d" % n for n in range(50)]
    with KafkaProducer(bootstrap_servers=settings.bootstrap_servers) as producer:
        there = {key: producer.send(settings.topic("readings"), b"", key).get(10).partition for key in keys}
    assert {key: log.partition(key) for key in keys} == there


def test_what_was_appended_is_read_back_in_slices_of_any_size(log):
    sent = [*messages(300), Message(None, b"without a key", 5)]
    assert [log.append(sent[:1]), log.append(sent[1:])] == [1, 300]
    whole = sliced(log, 1000)
    assert sorted((key, value, headers) for _, _, key, value, headers in whole if key) == sorted(
        (m.key, m.value, m.headers) for m in sent if m.key
    )
    assert [value for _, _, key, value, _ in whole if key is None] == [b"without a key"]
    for partition in range(PARTITIONS):
        own = [m.value for m in sent if m.key and log.partition(m.key) == partition]
        assert [value for p, _, key, value, _ in whole if p == partition and key] == own, "in the order of appending"
    assert sliced(log, 7) == sliced(log, 100) == whole


def test_readings_end_where_they_are_told_to_or_where_the_log_does(log):
    log.append(messages(300))
    for partition, end in log.ends().items():
        assert list(log.readings(partition, 2, 5, 100).offsets) == [2, 3, 4]
        assert list(log.readings(partition, 4, 1 << 40, 2).offsets) == [4, 5]
        assert list(log.readings(partition, end - 1, 1 << 40, 100).offsets) == [end - 1]
        assert not log.readings(partition, end, 1 << 40, 100).offsets
        assert not log.readings(partition, 3, 3, 100).offsets
    log.append(messages(300))
    assert all(log.readings(p, end, 1 << 40, 100).offsets for p, end in [(p, e // 2) for p, e in log.ends().items()])


def test_arrival_is_when_the_broker_took_it(log):
    before = time.time_ns() // 1_000_000 - 1000
    log.append([Message(b"a", b"", 5)])
    (arrival,) = log.readings(log.partition(b"a"), 0, 1, 1).arrivals
    assert before <= arrival <= time.time_ns() // 1_000_000 + 1000


def test_outputs_of_a_transaction_show_once_it_is_committed_and_never_when_it_is_not(log, settings):
    producer = KafkaProducer(bootstrap_servers=settings.bootstrap_servers, transactional_id=settings.group)
    producer.init_transactions()

    def begun(*values: bytes) -> None:
        producer.begin_transaction()
        for value in values:
            producer.send(settings.topic("alerts"), value, b"key", [("h", b"1")]).get(10)

    begun(b"aborted")
    assert log.written("alerts") == []
    producer.abort_transaction()
    begun(b"1", b"2", b"3")
    assert log.written("alerts") == []
    producer.commit_transaction()
    first = log.written("alerts", limit=2)
    rest = log.written("alerts", first[-1][0])
    assert [output.value for _, output in first + rest] == [b"1", b"2", b"3"]
    assert [(output.key, output.headers) for _, output in first] == [(b"key", (("h", b"1"),))] * 2
    begun(b"4")
    producer.commit_transaction()
    assert [output.value for _, output in log.written("alerts", rest[-1][0])] == [b"4"]
    assert [output.value for _, output in log.written("alerts", 1)] == [b"2", b"3", b"4"]
    assert len(log.written("alerts")) == 4
    producer.close()


def test_readings_are_done_though_the_log_ends_in_what_is_no_reading(log, settings):
    """A transactional producer leaves markers, and an aborted one leaves records that nobody may see."""
    producer = KafkaProducer(bootstrap_servers=settings.bootstrap_servers, transactional_id=settings.group)
    producer.init_transactions()
    for end, value in ((producer.commit_transaction, b"seen"), (producer.abort_transaction, b"unseen")):
        producer.begin_transaction()
        producer.send(settings.topic("readings"), value, partition=0).get(10)
        end()
    assert [value for _, _, _, value, _ in sliced(log, 1)] == [b"seen"]
    assert log.ends()[0] == 4
    producer.close()


def test_inputs_of_several_topics_are_numbered_through(kafka, prefix, settings):
    names = [f"{prefix}.a", f"{prefix}.b"]
    for name, count in zip(names, (2, 3), strict=True):
        topics.create(settings.model_copy(update={"topic_prefix": name}), count)
    both = settings.model_copy(update={"input_topics": tuple(f"{name}.readings.v1" for name in names)})
    with KafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
        for n in range(5):
            topic, partition = (names[0], n) if n < 2 else (names[1], n - 2)
            producer.send(f"{topic}.readings.v1", b"%d" % n, partition=partition).get(10)
    log = KafkaLog(both)
    assert [(p, value) for p, _, _, value, _ in sliced(log, 10)] == [(n, b"%d" % n) for n in range(5)]
    assert [log.place(n) for n in (1, 2)] == [(f"{names[0]}.readings.v1", 1), (f"{names[1]}.readings.v1", 0)]
    log.append([Message(b"a", b"fed", 0)])
    consumer = KafkaConsumer(bootstrap_servers=kafka.bootstrap, group_id=None)
    ends = consumer.end_offsets([TopicPartition(f"{names[1]}.readings.v1", p) for p in range(3)])
    consumer.close()
    assert sum(ends.values()) == 3, "what is fed goes into the first of them"
    log.close()


def test_a_message_longer_than_the_topic_takes_is_told_and_the_next_one_goes(log):
    with pytest.raises(DataRuleError, match=r"max\.message\.bytes"):
        log.append([Message(b"a", b"x" * (3 << 20), 0)])
    assert log.append([Message(b"a", b"short", 0)]) == 1


def test_an_input_that_is_not_there_is_told(settings):
    with pytest.raises(MissingError, match="gruard topics --create"):
        KafkaLog(settings)


def test_a_broker_that_leaves_is_told_and_one_that_comes_back_is_used(kafka, prefix):
    if not isinstance(kafka, Broker):
        pytest.skip("GRUARD_TEST_KAFKA names a broker that is not ours to stop; unset it")
    with Broker() as broker:
        settings = KafkaSettings(bootstrap_servers=broker.bootstrap, topic_prefix=prefix, request_timeout_s=2)
        topics.create(settings, PARTITIONS)
        log = KafkaLog(settings)
        log.append(messages(100))
        ends = log.ends()
        broker.stop()
        with pytest.raises(UnavailableError, match=broker.bootstrap):
            log.append(messages(100))
        with pytest.raises(UnavailableError, match=broker.bootstrap):
            log.ends()
        with pytest.raises(UnavailableError, match=broker.bootstrap):
            KafkaLog(settings)
        broker.start()
        assert patiently(lambda: log.append(messages(100))) == 100
        assert sum(patiently(log.ends).values()) >= sum(ends.values()) + 100
        log.close()


def patiently(call):
    """What it gives once the broker is there again."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return call()
        except UnavailableError:
            assert time.monotonic() < deadline
