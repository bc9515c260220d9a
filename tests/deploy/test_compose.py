"""docker-compose.yml, alone and closed by compose.secure.yml: starts in order, confined, with settings that exist."""

import base64
import re

import pytest

from service.__main__ import parser
from service.sources import load
from tests.deploy.files import OURS, compose, image_environment, together, variables
from tests.service.cli import ROOT

PLAIN = together("docker-compose.yml")
CLOSED = together("docker-compose.yml", "compose.secure.yml")
STACKS = {"plain": PLAIN, "closed": CLOSED}
EACH = [pytest.param(stack["services"][name], id=f"{kind}-{name}") for kind, stack in STACKS.items()
        for name in stack["services"]]  # fmt: skip
GRUARD = [each for each in EACH if each.values[0]["image"] == OURS and "entrypoint" not in each.values[0]]
BOTH = pytest.mark.parametrize("stack", STACKS.values(), ids=STACKS)
SERVE = ("kafka", "detector-a", "detector-b")


def settings(service):
    given = image_environment() | service["environment"]
    assert all(isinstance(value, str) for value in service["environment"].values()), "a number in YAML is a guess"
    return load(environ=given).settings


def listeners(kafka, name):
    entries = kafka["environment"][name].split(",")
    return {entry.split("://")[0]: entry.split("://")[1] for entry in entries}


@pytest.mark.parametrize("service", EACH)
def test_every_image_is_pinned(service):
    assert re.fullmatch(r"[\w/]+:[\w.]+", service["image"])
    assert not service["image"].endswith(":latest")


@pytest.mark.parametrize("service", EACH)
def test_every_container_is_confined(service):
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["init"] is True
    assert not {"privileged", "cap_add", "devices", "network_mode", "pid", "ipc", "user"} & service.keys()
    assert service.get("read_only") or service["image"] != OURS
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}


@pytest.mark.parametrize("service", EACH)
def test_every_container_is_started_again_or_is_done(service):
    assert service["restart"] in ("always", "on-failure")


@BOTH
def test_what_serves_has_a_health_check_and_what_does_not_says_so(stack):
    for name, service in stack["services"].items():
        check = service["healthcheck"]
        assert ("test" in check) == (name in SERVE) == (not check.get("disable", False))


@BOTH
def test_things_start_in_the_order_of_health(stack):
    services = stack["services"]
    assert services["topics"]["depends_on"]["kafka"] == {"condition": "service_healthy"}
    for name, service in services.items():
        for needed, how in service.get("depends_on", {}).items():
            once = services[needed]["restart"] == "on-failure"
            assert how == {"condition": "service_completed_successfully" if once else "service_healthy"}
        if name in ("fleet", "detector-a", "detector-b"):
            assert {"kafka", "topics"} <= service["depends_on"].keys()


def test_the_closed_stack_gives_rights_before_anybody_asks_for_them():
    assert "users" in CLOSED["services"]["topics"]["depends_on"]


@BOTH
def test_ports_are_published_on_this_machine_only_and_lead_to_who_listens(stack):
    services = stack["services"]
    published = []
    for name, service in services.items():
        for entry in service.get("ports", []):
            host, outer, inner = entry.split(":")
            assert host == "127.0.0.1"
            published.append(outer)
            if name == "kafka":
                assert listeners(service, "KAFKA_LISTENERS")["OUTSIDE"] == f":{inner}"
                assert listeners(service, "KAFKA_ADVERTISED_LISTENERS")["OUTSIDE"] == f"localhost:{outer}"
            else:
                assert settings(service).http.port == int(inner)
    assert sorted(published) == ["8081", "8082", "9092"]


def test_variables_move_ports_and_nothing_else():
    assert variables("docker-compose.yml") == {"KAFKA_PORT", "DETECTOR_A_PORT", "DETECTOR_B_PORT"}


@pytest.mark.parametrize("service", GRUARD)
def test_every_variable_is_a_setting_and_every_command_one_of_ours(service):
    given = settings(service)
    assert given.stream.kind == "kafka"
    chosen = parser(service["command"]).parse_args(service["command"])
    assert callable(chosen.run)


@BOTH
def test_everybody_finds_the_broker(stack):
    kafka = stack["services"]["kafka"]
    for service in stack["services"].values():
        if service["image"] == OURS and "entrypoint" not in service:
            assert settings(service).kafka.bootstrap_servers == listeners(kafka, "KAFKA_ADVERTISED_LISTENERS")["INSIDE"]
    assert kafka["environment"]["KAFKA_CONTROLLER_QUORUM_VOTERS"] == (
        "1@kafka" + listeners(kafka, "KAFKA_LISTENERS")["CONTROLLER"]
    )


@BOTH
def test_every_worker_has_a_slot_of_its_own_that_is_its_name(stack):
    slots = {
        name: settings(each).kafka.slot for name, each in stack["services"].items() if each.get("command") == ["run"]
    }
    assert slots == {"detector-a": "detector-a", "detector-b": "detector-b"}


@BOTH
def test_a_worker_is_given_more_time_to_leave_than_it_takes(stack):
    for name in ("detector-a", "detector-b"):
        service = stack["services"][name]
        given = settings(service)
        assert float(service["stop_grace_period"].rstrip("s")) > 10 + given.kafka.request_timeout_s


@BOTH
def test_the_broker_has_all_that_the_image_leaves_out(stack):
    kafka = stack["services"]["kafka"]
    given = kafka["environment"]
    assert len(base64.urlsafe_b64decode(given["CLUSTER_ID"] + "==")) == 16
    assert f"kafka:{given['KAFKA_LOG_DIRS']}" in kafka["volumes"]
    assert "kafka" in stack["volumes"]
    protocols = given["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(",")
    assert [entry.split(":")[0] for entry in protocols] == list(listeners(kafka, "KAFKA_LISTENERS"))
    assert given["KAFKA_INTER_BROKER_LISTENER_NAME"] in listeners(kafka, "KAFKA_ADVERTISED_LISTENERS")
    for topic in ("OFFSETS_TOPIC", "TRANSACTION_STATE_LOG", "SHARE_COORDINATOR_STATE_TOPIC"):
        assert given[f"KAFKA_{topic}_REPLICATION_FACTOR"] == "1"
    heap, limit = (
        re.findall(r"-Xmx(\d+)m", given["KAFKA_HEAP_OPTS"])[0],
        kafka["deploy"]["resources"]["limits"]["memory"],
    )
    assert limit == "1G", heap
    assert int(heap) <= 700, "the Java machine needs some 250 MB beside its heap"


@BOTH
def test_ours_is_built_from_the_service_target(stack):
    for service in stack["services"].values():
        if service["image"] == OURS:
            assert service["build"] == {"context": ".", "target": "service"}


@BOTH
def test_every_file_mounted_is_there(stack):
    for service in stack["services"].values():
        for volume in service.get("volumes", []):
            source, _, how = volume.split(":")[0], volume.split(":")[1], volume.split(":")[2:]
            assert source in stack["volumes"] or ((ROOT / source).is_file() and how == ["ro"])


def test_no_secret_is_in_a_file_or_an_environment():
    for name in ("docker-compose.yml", "compose.secure.yml"):
        for service in compose(name)["services"].values():
            for key, value in service.get("environment", {}).items():
                assert "PASSWORD" not in key or (key.endswith("_FILE") and value.startswith("/run/secrets/"))
