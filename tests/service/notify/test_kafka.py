"""The alerts topic keeps the contract on a real broker; one member of the group holds everything, others stand by."""

import pytest
from kafka import KafkaAdminClient, TopicPartition

from service.errors import FencedError, MissingError, UnavailableError
from service.notify.kafka import KafkaAlerts
from service.notify.places import Mark, Place
from service.streams.kafka.settings import KafkaSettings
from tests.kafka.broker import Broker, free_ports
from tests.service.notify.events import lives, value
from tests.service.notify.scenes import PARTITIONS, Topic
from tests.service.notify.sources import SourceContract, begun, drained, given, opened
from tests.service.notify.sources import _until as until


@pytest.fixture
def log(kafka, prefix):
    made = Topic(kafka.bootstrap, prefix).create()
    yield made
    made.close()


def polled(source):
    for _ in range(600):
        source.poll(0.1)


def committed(source, marks):
    """False: not now, as the group is sharing anew."""
    try:
        source.commit(marks)
    except UnavailableError:
        return False
    return True


class TestKafkaAlerts(SourceContract):
    pass


def test_an_open_transaction_and_an_aborted_one_are_not_read(log):
    log.publish([value("a")])
    producer = log._writer()
    producer.begin_transaction()
    producer.send(log.settings.topic("alerts"), value("b"), key=b"pump-17").get(10)
    with opened(log) as source:
        begun(source)
        assert [row.value for row in drained(source, 1)] == [value("a")]
        producer.abort_transaction()
        log.publish([value("c")])
        assert [row.value for row in drained(source, 1)] == [value("c")]


def test_of_two_one_holds_everything_and_the_other_takes_over_where_it_was(log):
    values = list(lives(3, 20))
    log.publish(values)
    other = Topic(log.settings.bootstrap_servers, log.settings.topic_prefix, slot="notify-b")
    with opened(log) as first:
        assert len(begun(first)) == PARTITIONS
        rows = drained(first, len(values))
        with opened(other) as second:
            waited = None
            for _ in range(200):
                found = first.poll(0.05)
                assert found.given is None, "a member that stands by takes nothing away"
                assert not found.rows
                waited = second.poll(0.05)
                assert not waited.given
                if waited.given == {}:
                    break
            marks = {row.partition: Mark({"ops": Place(row.offset + 1)}, 0) for row in rows}
            while not committed(first, marks):
                first.poll(0.05)
                second.poll(0.05)
            first.close()
            starts = until(second, lambda found: bool(found.given)).given
            assert len(starts) == PARTITIONS
            assert {start.found.offset for start in starts.values() if start.found} == {
                max(r.offset for r in rows if r.partition == p) + 1 for p in {r.partition for r in rows}
            }


def test_a_second_one_of_the_same_name_ends_the_first(log):
    with opened(log) as first:
        begun(first)
        with opened(log) as second:
            begun(second)
            with pytest.raises(FencedError, match="another `gruard notify` joined with this name"):
                polled(first)


def test_who_is_not_in_the_group_commits_nothing(log):
    log.publish([value("a")])
    with opened(log) as source, pytest.raises(UnavailableError, match="not a member of the group"):
        source.commit({0: Mark({"ops": Place(1)}, 0)})
    with opened(log) as source:
        assert all(start.found is None for start in given(source).values())


def test_what_retention_took_is_given_anew_from_where_the_log_begins(log):
    log.publish(list(lives(4, 60)))
    with opened(log) as source:
        starts = begun(source)
        drained(source, 1)
        admin = KafkaAdminClient(bootstrap_servers=log.settings.bootstrap_servers)
        topic = log.settings.topic("alerts")
        admin.delete_records({TopicPartition(topic, p): start.end for p, start in starts.items()})
        admin.close()
        source.seek({partition: start.first for partition, start in starts.items()})
        again = until(source, lambda found: found.given is not None).given
        assert all(again[p].first == start.end for p, start in starts.items())


def test_a_topic_that_is_not_there_is_not_waited_for(kafka, prefix):
    with pytest.raises(MissingError, match=f"{prefix}.alerts.v1 is not there"):
        KafkaAlerts(Topic(kafka.bootstrap, prefix).settings)


def test_a_broker_that_is_not_there_is_waited_for():
    settings = KafkaSettings(bootstrap_servers=f"127.0.0.1:{free_ports(1)[0]}", request_timeout_s=1)
    with pytest.raises(UnavailableError, match="nobody answers"):
        KafkaAlerts(settings)


def test_a_broker_that_leaves_is_noticed_and_read_on_from_when_it_is_back(kafka_here, prefix):
    with Broker() as broker:
        log = Topic(broker.bootstrap, prefix).create()
        log.publish([value("a")])
        log.close()
        with opened(log) as source:
            begun(source)
            assert len(drained(source, 1)) == 1
            broker.stop()
            with pytest.raises(UnavailableError, match=broker.bootstrap):
                polled(source)
            broker.start()
            after = Topic(broker.bootstrap, prefix)
            after.publish([value("b")])
            after.close()
            rows = []
            for _ in range(600):
                try:
                    found = source.poll(0.1)
                except UnavailableError:
                    continue
                if found.given:
                    source.seek({p: start.first for p, start in found.given.items()})
                rows += found.rows
                if any(row.value == value("b") for row in rows):
                    break
            assert rows[-1].value == value("b")


def test_given_is_asked_for_again_where_the_broker_did_not_answer(log, monkeypatch):
    with opened(log) as source:
        asked = source._starts

        def refusing(places):
            monkeypatch.setattr(source, "_starts", asked)
            raise UnavailableError("not now")

        monkeypatch.setattr(source, "_starts", refusing)
        with pytest.raises(UnavailableError, match="not now"):
            given(source)
        assert len(given(source)) == PARTITIONS
