"""A secured broker: the rights that deploy/secure gives are enough for a worker, and none of them is too much."""

import importlib.util
import json
import subprocess
import time

import pytest
from kafka import KafkaAdminClient, KafkaConsumer
from kafka.admin import ACLFilter, ACLOperation, ACLPermissionType, ACLResourcePatternType, ResourcePatternFilter
from kafka.admin import ResourceType as Kind

from service.errors import ConfigurationError, MissingError
from service.streams.kafka import topics
from service.streams.kafka.log import KafkaLog
from service.streams.kafka.settings import KafkaSettings
from service.streams.kafka.stream import KafkaStream
from service.streams.log import Message
from service.streams.port import Assigned, Committed, Output, StateRecord, Transaction
from tests.kafka.secure import SecureBroker
from tests.service.cli import ROOT, command, environment, gruard

PARTITIONS = 2


def _grants():
    spec = importlib.util.spec_from_file_location("grant", ROOT / "deploy" / "secure" / "grant.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GRANTS = _grants()
NEEDED = [right for right in GRANTS.RIGHTS if right.user == "detector"]


@pytest.fixture(scope="module")
def broker(kafka_here):
    with SecureBroker(users=("detector", "fleet", "stranger")) as broker:
        direct = KafkaSettings(bootstrap_servers=broker.direct)
        topics.create(direct, PARTITIONS)
        yield broker


@pytest.fixture
def granted(broker):
    """All rights of a worker and of the fleet, and how to take one back."""
    admin = KafkaAdminClient(bootstrap_servers=broker.direct)
    everything = ACLFilter(
        None, None, ACLOperation.ANY, ACLPermissionType.ANY,
        ResourcePatternFilter(Kind.ANY, None, ACLResourcePatternType.ANY),
    )  # fmt: skip
    admin.delete_acls([everything])
    admin.create_acls([rule for r in GRANTS.RIGHTS if r.user in broker.users for rule in GRANTS.rules(r)])

    def revoke(right):
        pattern = ResourcePatternFilter(
            Kind[right.kind.upper()], right.name, ACLResourcePatternType[right.pattern.upper()]
        )
        name = f"User:{right.user}"
        admin.delete_acls([ACLFilter(name, "*", ACLOperation.ANY, ACLPermissionType.ANY, pattern)])

    yield revoke
    admin.close()


def worked(settings):
    """One worker's whole life in small: join, read what is there, restore, commit everything that can be written."""
    stream = KafkaStream(settings)
    try:
        held, deadline = set(), time.monotonic() + 60
        while len(held) < PARTITIONS and time.monotonic() < deadline:
            held |= {e.partition for e in stream.poll(0.1, 10).events if isinstance(e, Assigned)}
        for partition in held:
            stream.committed(partition), stream.log_start(partition), list(stream.state(partition))
            stream.seek(partition, 0)
        stream.poll(0.5, 10)
        stream.commit(
            Transaction(
                alerts=[Output(0, 0, b"d", b"{}")],
                deadletters=[Output(0, 0, b"d", b"{")],
                control=[Output(0, 0, None, b"{}")],
                state=[StateRecord(0, "page/0", b"")],
                offsets={0: Committed(0, "")},
            )
        )
    finally:
        stream.close()
    return held


def test_the_rights_of_a_worker_are_enough_by_password_and_by_certificate(broker, granted):
    for way in (broker.scram("detector"), broker.certified()):
        assert worked(KafkaSettings(**way, request_timeout_s=10)) == set(range(PARTITIONS))


@pytest.mark.parametrize("right", NEEDED, ids=lambda right: f"{right.kind}-{right.name}")
def test_without_any_one_of_them_it_says_which_door_is_shut(broker, granted, right):
    granted(right)
    shut = r"refuses us: .*check user, rights|\.v1 is not there .*; or detector has no right to see it"
    with pytest.raises((ConfigurationError, MissingError), match=shut) as caught:
        worked(KafkaSettings(**broker.scram("detector"), request_timeout_s=5, transaction_timeout_s=10))
    assert "\n" not in str(caught.value)


def test_a_worker_can_not_write_a_reading(broker, granted):
    log = KafkaLog(KafkaSettings(**broker.scram("detector"), request_timeout_s=5))
    with pytest.raises(ConfigurationError, match="refuses us"):
        log.append([Message(b"d", b"{}", 0)])
    log.close()


def as_environment(given, **more):
    values = {f"GRUARD_KAFKA__{name.upper()}": str(value) for name, value in (given | more).items()}
    return {"GRUARD_STREAM__KIND": "kafka", "GRUARD_HTTP__PORT": "0", **values}


def test_gruard_run_publishes_alerts_over_tls_and_keeps_the_password_to_itself(broker, granted, tmp_path):
    feeding = gruard(
        "fleet", "--devices", "12", "--rate", "0", "--readings", "6000", "--seed", "5",
        env=as_environment(broker.scram("fleet")),
    )  # fmt: skip
    assert feeding.code == 0, feeding.error
    said = tmp_path / "log"
    with said.open("w") as log:
        worker = subprocess.Popen(
            command("run"), cwd=ROOT, env=environment(as_environment(broker.scram("detector"))), stdout=log, stderr=log
        )
    reader = KafkaConsumer(
        "telemetry.alerts.v1", bootstrap_servers=broker.direct, auto_offset_reset="earliest",
        isolation_level="read_committed", consumer_timeout_ms=90_000,
    )  # fmt: skip
    try:
        found = next(record for record in reader if record.value.startswith(b'{"schema"'))
        assert json.loads(found.value)["source"]["topic"] == "telemetry.readings.v1"
    finally:
        worker.terminate()
        assert worker.wait(30) == 0
        reader.close()
    assert "detector-secret" not in said.read_text()


def test_a_wrong_password_is_one_line_and_78(broker, tmp_path):
    wrong = tmp_path / "password"
    wrong.write_text("guess")
    given = as_environment(broker.scram("detector"), sasl_password_file=wrong, request_timeout_s=3)
    said = gruard("topics", env=given)
    assert said.code == 78
    assert "check kafka.security_protocol, user, password and certificates" in said.line
    assert "guess" not in said.error + said.out


def test_a_certificate_of_a_stranger_is_not_believed(broker):
    given = broker.scram("detector") | {"ssl_ca_file": ROOT / "pyproject.toml"}
    with pytest.raises(ConfigurationError, match=r"kafka"):
        KafkaStream(KafkaSettings(**given, request_timeout_s=3)).poll(0.1, 1)
