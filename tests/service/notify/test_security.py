"""A secured broker: the rights that deploy/secure gives to `notify` are enough to tell of alerts, and for no more."""

import pytest
from kafka import KafkaAdminClient

from service.errors import ConfigurationError, GruardError, MissingError
from service.notify.kafka import KafkaAlerts
from service.notify.places import Mark, Place
from service.streams.kafka import topics
from service.streams.kafka.settings import KafkaSettings
from tests.deploy.files import module
from tests.kafka.clients import send
from tests.kafka.secure import SecureBroker
from tests.service.cli import ROOT
from tests.service.notify.events import value
from tests.service.notify.sources import begun, drained, given

GRANTS = module(ROOT / "deploy" / "secure" / "grant.py")
NEEDED = [right for right in GRANTS.RIGHTS if right.user == "notify"]


@pytest.fixture(scope="module")
def broker(kafka_here):
    with SecureBroker(users=("notify", "stranger")) as broker:
        topics.create(KafkaSettings(bootstrap_servers=broker.direct), 2)
        send(broker.direct, "telemetry.alerts.v1", [value("a")])
        admin = KafkaAdminClient(bootstrap_servers=broker.direct)
        admin.create_acls([rule for right in NEEDED for rule in GRANTS.rules(right)])
        admin.close()
        yield broker


def test_its_rights_are_enough(broker):
    settings = KafkaSettings(**broker.scram("notify"))
    source = KafkaAlerts(settings)
    starts = begun(source)
    assert [row.value for row in drained(source, 1)] == [value("a")]
    source.commit({partition: Mark({"ops": Place(start.end)}, 0) for partition, start in starts.items()})
    source.close()
    source = KafkaAlerts(settings)
    assert {p: start.found.offset for p, start in given(source).items()} == {p: s.end for p, s in starts.items()}
    source.close()


def test_a_stranger_is_not_told(broker):
    with pytest.raises((ConfigurationError, MissingError)):
        KafkaAlerts(KafkaSettings(**broker.scram("stranger")))


def test_another_group_is_not_its_to_join(broker):
    source = KafkaAlerts(KafkaSettings(**broker.scram("notify"), group="other"))
    with pytest.raises(GruardError, match="other-notify") as raised:
        given(source)
    source.close()
    assert raised.value.exit_code == 78
