"""The broker under the tests is a real one: it keeps what it acknowledged, hides what was aborted, and turns away."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from kafka import KafkaProducer
from kafka.errors import KafkaTimeoutError, SaslAuthenticationFailedError, TopicAuthorizationFailedError

from service.streams.kafka.clients import connection
from service.streams.kafka.settings import KafkaSettings
from tests.kafka.broker import Broker
from tests.kafka.clients import create, read, send
from tests.kafka.cluster import Cluster
from tests.kafka.secure import SecureBroker


@pytest.fixture(scope="module")
def broker(kafka_here: None) -> Iterator[Broker]:
    with Broker() as broker:
        yield broker


def test_records_survive_a_stop_a_kill_and_a_freeze_on_the_same_address(broker: Broker, prefix: str) -> None:
    create(broker.bootstrap, prefix)
    kept = [b"first"]
    send(broker.bootstrap, prefix, kept)
    for end in (broker.stop, broker.kill):
        end()
        broker.start()
        assert read(broker.bootstrap, prefix, len(kept)) == kept
        kept.append(end.__name__.encode())
        send(broker.bootstrap, prefix, kept[-1:])
    broker.pause()
    broker.resume()
    assert read(broker.bootstrap, prefix, len(kept)) == kept


def test_an_aborted_transaction_is_invisible_to_read_committed_only(broker: Broker, prefix: str) -> None:
    create(broker.bootstrap, prefix)
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap, transactional_id=prefix)
    producer.init_transactions()
    for value, end in ((b"aborted", producer.abort_transaction), (b"committed", producer.commit_transaction)):
        producer.begin_transaction()
        producer.send(prefix, value).get(30)
        end()
    producer.close()
    assert read(broker.bootstrap, prefix, 1) == [b"committed"]
    assert read(broker.bootstrap, prefix, 2, "read_uncommitted") == [b"aborted", b"committed"]


def test_a_broker_that_does_not_come_up_says_why_and_leaves_nothing(kafka_here: None) -> None:
    broker = Broker(settings={"log.segment.bytes": "not a number"})
    with pytest.raises(RuntimeError, match="not a number"), broker:
        pass
    assert not broker.directory.exists()


def test_a_killed_test_run_leaves_no_broker_behind(kafka_here: None) -> None:
    script = "import time; from tests.kafka.broker import start; b = start(); print(b.pid, flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout
        pid = int(run.stdout.readline())
        run.kill()
    end = time.monotonic() + 30
    while os.path.exists(f"/proc/{pid}"):
        assert time.monotonic() < end
        time.sleep(0.1)


def test_three_brokers_go_on_without_one_of_them(kafka_here: None, prefix: str) -> None:
    with Cluster() as cluster:
        create(cluster.bootstrap, prefix)
        send(cluster.bootstrap, prefix, [b"by three"])
        cluster.brokers[0].kill()
        send(cluster.bootstrap, prefix, [b"by two"])
        cluster.brokers[0].start()
        cluster.brokers[1].kill()
        assert read(cluster.bootstrap, prefix, 2) == [b"by three", b"by two"]


def secured(given: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in connection(KafkaSettings(**given)).items() if key != "bootstrap_servers"}


def test_a_user_has_the_rights_it_was_given_by_password_and_by_certificate(
    secure_kafka: SecureBroker, prefix: str
) -> None:
    create(secure_kafka.direct, prefix)
    secure_kafka.allow("gruard", "topic", prefix, "read", "write", "describe")
    send(secure_kafka.bootstrap, prefix, [b"password"], **secured(secure_kafka.scram("gruard")))
    send(secure_kafka.mutual, prefix, [b"certificate"], **secured(secure_kafka.certified()))
    assert read(secure_kafka.direct, prefix, 2) == [b"password", b"certificate"]


def test_a_user_without_rights_is_denied(secure_kafka: SecureBroker, prefix: str) -> None:
    create(secure_kafka.direct, prefix)
    with pytest.raises(TopicAuthorizationFailedError):
        send(secure_kafka.bootstrap, prefix, [b"denied"], **secured(secure_kafka.scram("stranger")))


def test_a_wrong_password_is_refused(secure_kafka: SecureBroker, prefix: str) -> None:
    create(secure_kafka.direct, prefix)
    secure_kafka.allow("gruard", "topic", prefix, "write", "describe")
    right = secured(secure_kafka.scram("gruard"))
    wrong = right | {"sasl_plain_password": "wrong", "bootstrap_timeout_ms": 3000}
    # The client tries again until its time is up, and forgets more often than not what it was told.
    with pytest.raises((SaslAuthenticationFailedError, KafkaTimeoutError)):
        send(secure_kafka.bootstrap, prefix, [b"refused"], **wrong)
    send(secure_kafka.bootstrap, prefix, [b"taken"], **right)
    assert read(secure_kafka.direct, prefix, 1) == [b"taken"]
