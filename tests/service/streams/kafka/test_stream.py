"""The Kafka stream against the suite that every stream passes, on a real broker, and what only Kafka can show."""

import time
import uuid

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.partitioner import murmur2

from service.errors import DataRuleError, FencedError, MissingError, UnavailableError
from service.records import Records
from service.streams.kafka.settings import KafkaSettings
from service.streams.kafka.stream import KafkaStream
from service.streams.port import Assigned, Committed, Lost, Output, Revoked, StateRecord, SupersededError, Transaction
from tests.kafka.broker import Broker
from tests.service.streams.contract import PARTITIONS, StreamContract, drained, flat, messages, started

SESSION_S = 6.0


class Log:
    """Topics of one test, written and read by plain clients."""

    def __init__(self, bootstrap: str) -> None:
        self.settings = KafkaSettings(
            bootstrap_servers=bootstrap,
            group=f"g-{uuid.uuid4().hex[:8]}",
            topic_prefix=f"t-{uuid.uuid4().hex[:8]}",
            session_timeout_s=SESSION_S,
        )
        self.streams: list[KafkaStream] = []
        admin = KafkaAdminClient(bootstrap_servers=bootstrap)
        names = ("readings", "alerts", "deadletters", "control", "state")
        self.topics = {name: self.settings.topic(name) for name in names}
        # The times of the suite's messages are of 1970: nothing may be too old.
        configs = {"state": {"cleanup.policy": "compact"}, "readings": {"retention.ms": "-1"}}
        made = [NewTopic(t, PARTITIONS, 1, topic_configs=configs.get(n, {})) for n, t in self.topics.items()]
        admin.create_topics(made)
        admin.wait_for_topics(list(self.topics.values()))
        admin.close()
        self.producer = KafkaProducer(bootstrap_servers=bootstrap)

    def append(self, sent):
        topic = self.topics["readings"]
        futures = [
            self.producer.send(topic, m.value, m.key, list(m.headers), self.partition(m.key), m.arrival) for m in sent
        ]
        self.producer.flush()
        for future in futures:
            future.get(0)

    def partition(self, key):
        return (murmur2(key or b"") & 0x7FFFFFFF) % PARTITIONS

    def stream(self, slot="a"):
        stream = KafkaStream(self.settings.model_copy(update={"slot": slot}))
        self.streams.append(stream)
        return stream

    def written(self, table):
        consumer = KafkaConsumer(
            bootstrap_servers=self.settings.bootstrap_servers, isolation_level="read_committed", group_id=None
        )
        places = [TopicPartition(self.topics[table], p) for p in range(PARTITIONS)]
        consumer.assign(places)
        consumer.seek_to_beginning()
        ends = consumer.end_offsets(places)
        rows = []
        while any(consumer.position(place) < end for place, end in ends.items()):
            for found in consumer.poll(200).values():
                rows += found
        consumer.close()
        return [Output(r.partition, r.offset, r.key, r.value, tuple(r.headers)) for r in rows]

    def close(self):
        for stream in self.streams:
            stream.close()
        self.producer.close()


@pytest.fixture
def log(kafka):
    log = Log(kafka.bootstrap)
    yield log
    log.close()


class TestKafkaStream(StreamContract):
    pass


def test_a_broker_that_leaves_an_idle_worker_is_noticed_and_so_is_its_return(kafka_here):
    with Broker() as broker:
        log = Log(broker.bootstrap)
        stream = started(log.stream())
        log.append(messages(10))
        drained(stream, 10)
        broker.pause()
        with pytest.raises(UnavailableError, match="no heartbeat answered"):
            patiently(stream)
        broker.resume()
        log.append(messages(3))
        again = 0
        deadline = time.monotonic() + 30
        while again < 3 and time.monotonic() < deadline:
            try:
                again += sum(map(len, stream.poll(0.1, 10).records))
            except UnavailableError:
                time.sleep(0.1)
        assert again == 3
        log.close()


def until(stream, wanted, patience_s=30.0):
    """Events, polled until the last of them is as wanted."""
    events, deadline = [], time.monotonic() + patience_s
    while time.monotonic() < deadline:
        events += stream.poll(0.1, 100).events
        if events and wanted(events):
            return events
    raise AssertionError(events)


def assigned(events):
    return {event.partition for event in events if isinstance(event, Assigned)}


def test_a_partition_that_came_back_is_untouched_and_one_that_another_has_had_is_not(log):
    log.append(messages(30))
    first = started(log.stream("a"))
    drained(first, 30)
    first.commit(Transaction(offsets={p: Committed(2, f"words {p}") for p in range(PARTITIONS)}))
    assert all(first.untouched(p) for p in range(PARTITIONS))
    second = log.stream("b")
    second.poll(0.0, 1)
    held, other = set(range(PARTITIONS)), set()
    deadline = time.monotonic() + 30
    while not (other and held != set(range(PARTITIONS)) and held) and time.monotonic() < deadline:
        other |= assigned(second.poll(0.1, 100).events)
        for event in first.poll(0.1, 100).events:
            (held.add if isinstance(event, Assigned) else held.discard)(event.partition)
    assert held
    assert other
    assert not held & other
    assert all(first.untouched(p) for p in held)
    moved = min(other)
    for _ in range(3):
        second.poll(0.1, 1)
    second.commit(Transaction(offsets={moved: Committed(2, f"words {moved}")}))
    assert not first.untouched(moved), "the same offset and the same words, but written by another"
    assert second.untouched(moved)


def test_what_is_revoked_is_either_assigned_again_or_lost(log):
    first = started(log.stream("a"))
    second = log.stream("b")
    came, events = set(), []
    deadline = time.monotonic() + 30
    while not (came and assigned(events)) and time.monotonic() < deadline:
        came |= assigned(second.poll(0.1, 100).events)
        events += first.poll(0.1, 100).events
    revoked = [e.partition for e in events if isinstance(e, Revoked)]
    kept, lost = assigned(events), {e.partition for e in events if isinstance(e, Lost)}
    assert sorted(revoked) == sorted(kept | lost) == list(range(PARTITIONS))
    assert came == lost


def test_what_is_revoked_may_still_be_committed_before_the_group_goes_on(log):
    log.append(messages(30))
    first = started(log.stream("a"))
    drained(first, 30)
    second = log.stream("b")
    said: list[object] = []
    deadline = time.monotonic() + 30
    while not any(isinstance(event, Revoked) for event in said) and time.monotonic() < deadline:
        second.poll(0.1, 1)
        said = first.poll(0.1, 100).events
    assert said == [Revoked(p) for p in range(PARTITIONS)]
    first.commit(Transaction(offsets={p: Committed(3, f"last words {p}") for p in range(PARTITIONS)}))
    came, events = set(), []
    while not (came and assigned(events)) and time.monotonic() < deadline:
        came |= assigned(second.poll(0.1, 100).events)
        events += first.poll(0.1, 100).events
    assert not any(isinstance(event, Revoked) for event in events), "told once"
    assert all(first.untouched(p) for p in assigned(events))
    assert second.committed(min(came)) == Committed(3, f"last words {min(came)}")


def test_a_commit_from_before_a_rebalance_is_superseded_and_the_stream_goes_on(log):
    log.append(messages(30))
    first = started(log.stream("a"))
    drained(first, 30)
    before = first._members.member
    second = log.stream("b")
    deadline = time.monotonic() + 30
    while not second.poll(0.1, 1).events and time.monotonic() < deadline:
        first.poll(0.1, 100)
    for _ in range(3):
        first.poll(0.1, 100)
    first._members.member = before
    late = Transaction(alerts=[Output(0, 0, b"device-0", b"too late")], offsets={0: Committed(1, "")})
    with pytest.raises(SupersededError):
        first.commit(late)
    assert log.written("alerts") == []
    first.poll(0.1, 100)
    first.commit(Transaction(offsets={0: Committed(1, "")}))


def test_of_two_workers_with_one_slot_the_older_is_fenced_and_nothing_of_it_shows(log):
    log.append(messages(10))
    first = started(log.stream("a"))
    drained(first, 10)
    second = log.stream("a")
    until(second, lambda events: len(assigned(events)) == PARTITIONS)
    with pytest.raises(FencedError, match=r"kafka\.slot a .*two workers run with one slot"):
        first.commit(Transaction(alerts=[Output(0, 0, b"d", b"ghost")], offsets={0: Committed(1, "")}))
    second.poll(0.1, 1)
    second.commit(Transaction(alerts=[Output(0, 0, b"d", b"alive")], offsets={0: Committed(1, "")}))
    assert [output.value for output in log.written("alerts")] == [b"alive"]


def test_a_restore_does_not_read_what_is_older_than_the_oldest_current_state(log):
    log.append(messages(10))
    stream = started(log.stream())
    drained(stream, 10)
    for round_ in range(20):
        state = [StateRecord(0, f"page/{i}", b"%d" % round_) for i in range(10)]
        stream.commit(Transaction(state=state, offsets={0: Committed(1, "")}))
    assert len(list(stream.state(0))) <= 20
    assert {r.key: r.value for r in stream.state(0)} == {f"page/{i}": b"19" for i in range(10)}


def test_a_log_cut_under_a_running_partition_is_given_up_and_taken_again(log):
    log.append(messages(60))
    stream = started(log.stream())
    drained(stream, 60)
    admin = KafkaAdminClient(bootstrap_servers=log.settings.bootstrap_servers)
    place = TopicPartition(log.topics["readings"], 0)
    admin.delete_records({place: 5})
    admin.close()
    stream.seek(0, 0)
    events = until(stream, lambda found: found[-1] == Assigned(0))
    assert events == [Lost(0), Assigned(0)]
    assert stream.log_start(0) == 5
    stream.seek(0, 5)
    (records,) = drained(stream, 1, start=5)
    assert isinstance(records, Records)
    assert records.offsets[0] == 5


def test_a_long_dead_letter_keeps_its_beginning_and_says_so(log):
    log.append(messages(10))
    stream = started(log.stream())
    drained(stream, 10)
    letter = Output(0, 1, b"k", b"x" * (3 << 20), (("dlq.reason", b"oversize"),))
    stream.commit(Transaction(deadletters=[letter], offsets={0: Committed(1, "")}))
    (found,) = log.written("deadletters")
    assert found.value == b"x" * (64 << 10)
    assert found.headers == (("dlq.reason", b"oversize"), ("dlq.truncated", b"%d" % (3 << 20)))


def test_an_idle_worker_whose_name_was_taken_is_fenced_too(log):
    first = started(log.stream("a"))
    first.poll(0.1, 1)
    second = log.stream("a")
    until(second, lambda events: len(assigned(events)) == PARTITIONS)
    with pytest.raises(FencedError, match="joined with our name"):
        patiently(first)


def patiently(stream, patience_s=30.0):
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        stream.poll(0.1, 1)


def test_a_topic_that_is_not_there_is_named(log):
    settings = log.settings.model_copy(update={"topic_prefix": "nobody"})
    stream = KafkaStream(settings)
    with pytest.raises(MissingError, match=r"nobody\.readings\.v1"):
        stream.poll(0.1, 1)
    stream.close()


def test_another_number_of_partitions_is_refused(log):
    other = f"{log.settings.topic_prefix}.other"
    admin = KafkaAdminClient(bootstrap_servers=log.settings.bootstrap_servers)
    admin.create_topics([NewTopic(other, PARTITIONS + 1, 1)])
    admin.wait_for_topics([other])
    admin.close()
    stream = KafkaStream(log.settings.model_copy(update={"input_topics": (other,)}))
    with pytest.raises(DataRuleError, match=r"v1 has 3 partitions and the input 4: .* start cold"):
        stream.poll(0.1, 1)
    stream.close()


def test_a_broker_that_is_away_is_told_in_one_line():
    stream = KafkaStream(KafkaSettings(bootstrap_servers="127.0.0.1:1", request_timeout_s=1))
    with pytest.raises(UnavailableError, match=r"kafka\.bootstrap_servers 127\.0\.0\.1:1") as caught:
        stream.poll(0.1, 1)
    assert "\n" not in str(caught.value)
    stream.close()


def test_several_topics_are_numbered_one_after_another(log):
    second, prefix = f"{log.settings.topic_prefix}.more", f"{log.settings.topic_prefix}2"
    settings = log.settings.model_copy(
        update={"topic_prefix": prefix, "input_topics": (log.topics["readings"], second)}
    )
    counts = {second: 2} | {settings.topic(name): PARTITIONS + 2 for name in ("control", "alerts", "deadletters")}
    admin = KafkaAdminClient(bootstrap_servers=log.settings.bootstrap_servers)
    compacted = NewTopic(settings.topic("state"), PARTITIONS + 2, 1, topic_configs={"cleanup.policy": "compact"})
    admin.create_topics([compacted, *(NewTopic(topic, count, 1) for topic, count in counts.items())])
    admin.wait_for_topics([compacted.name, *counts])
    admin.close()
    log.append(messages(20))
    log.producer.send(second, b"of the second", b"k", partition=1)
    log.producer.flush()
    stream = KafkaStream(settings)
    log.streams.append(stream)
    until(stream, lambda events: len(assigned(events)) == PARTITIONS + 2)
    for number in range(PARTITIONS + 2):
        stream.seek(number, 0)
    found = flat(drained(stream, 21))
    assert [row[3] for row in found[PARTITIONS + 1]] == [b"of the second"]
    assert stream.place(PARTITIONS + 1) == (second, 1)
