"""The closed stack for real: alerts flow through TLS and passwords, and every door that should be shut is."""

import subprocess

import pytest
from kafka import KafkaConsumer

from service.errors import ConfigurationError, UnavailableError
from service.streams.kafka.log import KafkaLog
from service.streams.kafka.settings import KafkaSettings
from service.streams.log import Message
from tests.deploy.engine import running, until
from tests.service.cli import ROOT

SECURE = ROOT / "deploy" / "secure"
SECRETS = SECURE / "secrets"


@pytest.fixture(scope="module")
def closed(image):
    subprocess.run([SECURE / "make.sh"], check=True, capture_output=True)
    with running("docker-compose.yml", "compose.secure.yml") as stack:
        yield stack


def known(stack, user, **given):
    return KafkaSettings(
        bootstrap_servers=stack.bootstrap,
        security_protocol="SASL_SSL",
        sasl_username=user,
        sasl_password_file=SECRETS / f"{user}.password",
        ssl_ca_file=SECRETS / "ca.pem",
        request_timeout_s=5,
        **given,
    )


def test_alerts_flow_to_who_may_read_them(closed):
    with_password = {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "notify",
        "sasl_plain_password": (SECRETS / "notify.password").read_text().strip(),
        "ssl_cafile": str(SECRETS / "ca.pem"),
    }
    reader = KafkaConsumer(
        "telemetry.alerts.v1", bootstrap_servers=closed.bootstrap, group_id="gruard-notify-test", **with_password,
        auto_offset_reset="earliest", isolation_level="read_committed", consumer_timeout_ms=240_000,
    )  # fmt: skip
    try:
        assert next(reader).value.startswith(b"{")
    except StopIteration:
        pytest.fail(closed.logs())
    finally:
        reader.close()


def test_what_tells_and_watches_works_here_as_well(closed):
    def told():
        return [alert for alert in closed.told("alertmanager", "/api/v2/alerts") if "device_id" in alert["labels"]]

    until(lambda: len(told()) > 0, closed, "an alert of a device in Alertmanager")
    assert closed.get("console", "/").startswith(b"<!doctype html>")


def test_nobody_enters_without_a_name_and_nobody_does_what_is_not_theirs(closed):
    with pytest.raises(UnavailableError):
        KafkaLog(KafkaSettings(bootstrap_servers=closed.bootstrap, request_timeout_s=5))
    worker = KafkaLog(known(closed, "detector"))
    with pytest.raises(ConfigurationError, match="refuses us"):
        worker.append([Message(b"d", b"{}", None)])
    worker.close()
    fleet = KafkaLog(known(closed, "fleet"))
    with pytest.raises(ConfigurationError, match="refuses us"):
        fleet.written("alerts")
    fleet.close()
