"""docker-compose.yml, alone and closed by compose.secure.yml: starts in order, confined, with settings that exist."""

import base64
import re
import stat

import pytest

from service.__main__ import parser
from service.sources import load
from tests.deploy.files import CONSOLE, OURS, compose, image_environment, published, together, variables
from tests.service.cli import ROOT

PLAIN = together("docker-compose.yml")
CLOSED = together("docker-compose.yml", "compose.secure.yml")
STACKS = {"plain": PLAIN, "closed": CLOSED}
EACH = [pytest.param(stack["services"][name], id=f"{kind}-{name}") for kind, stack in STACKS.items()
        for name in stack["services"]]  # fmt: skip
GRUARD = [each for each in EACH if each.values[0]["image"] == OURS and "entrypoint" not in each.values[0]]
BOTH = pytest.mark.parametrize("stack", STACKS.values(), ids=STACKS)
ONCE = {"topics", "token", "users"}
SERVE = {*PLAIN["services"]} - ONCE - {"fleet"}
PROFILES = {"notify": ["notify"], "grafana": ["grafana"]}


def settings(service):
    given = image_environment() | service["environment"]
    assert all(isinstance(value, str) for value in service["environment"].values()), "a number in YAML is a guess"
    return load(environ=given).settings


def listeners(kafka, name):
    entries = kafka["environment"][name].split(",")
    return {entry.split("://")[0]: entry.split("://")[1] for entry in entries}


@pytest.mark.parametrize("service", EACH)
def test_every_image_is_pinned(service):
    assert re.fullmatch(r"[\w/-]+:[\w.]+", service["image"])
    assert not service["image"].endswith(":latest")


@pytest.mark.parametrize("service", EACH)
def test_every_container_is_confined(service):
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["init"] is True
    assert not {"privileged", "cap_add", "devices", "pid", "ipc", "user"} & service.keys()
    assert service.get("network_mode", "none") == "none"
    assert service.get("read_only") or service["image"].startswith("apache/kafka:"), (
        "its start script writes its settings"
    )
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
        if name in ("fleet", "detector-a", "detector-b", "notify"):
            assert {"kafka", "topics"} <= service["depends_on"].keys()
        if any(volume.startswith("token:") for volume in service.get("volumes", [])):
            assert name == "token" or "token" in service["depends_on"]


@BOTH
def test_one_command_starts_all_that_needs_no_decision_of_somebody(stack):
    profiles = {name: service["profiles"] for name, service in stack["services"].items() if "profiles" in service}
    assert profiles == PROFILES
    for name, service in stack["services"].items():
        if name not in PROFILES:
            assert not PROFILES.keys() & service.get("depends_on", {}).keys()


def test_the_closed_stack_gives_rights_before_anybody_asks_for_them():
    assert "users" in CLOSED["services"]["topics"]["depends_on"]


@BOTH
def test_ports_are_published_on_this_machine_only_and_lead_to_who_listens(stack):
    services = stack["services"]
    outside = []
    for name, service in services.items():
        for entry in service.get("ports", []):
            host, outer, inner = entry.split(":")
            assert host == "127.0.0.1"
            outside.append(outer)
            if name == "kafka":
                assert listeners(service, "KAFKA_LISTENERS")["OUTSIDE"] == f":{inner}"
                assert listeners(service, "KAFKA_ADVERTISED_LISTENERS")["OUTSIDE"] == f"localhost:{outer}"
            elif service["image"] == OURS:
                own = settings(service)
                assert (own.notify if name == "notify" else own.http).port == int(inner)
    assert sorted(map(int, outside)) == [3000, 8081, 8082, 8083, 8090, 9090, 9092, 9093]


def test_variables_move_ports_give_grafana_a_password_and_do_nothing_else():
    assert variables("docker-compose.yml") == {*published("docker-compose.yml").values(), "GRAFANA_PASSWORD"}


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
def test_ours_is_built_from_the_target_of_its_name(stack):
    targets = {OURS: "service", CONSOLE: "console"}
    for service in stack["services"].values():
        assert ("build" in service) == (service["image"] in targets)
        if "build" in service:
            assert service["build"] == {"context": ".", "target": targets[service["image"]]}


@BOTH
def test_every_file_mounted_is_there_and_whoever_the_container_runs_as_may_read_it(stack):
    for service in stack["services"].values():
        for volume in service.get("volumes", []):
            source, _, *how = volume.split(":")
            if source not in stack["volumes"]:
                assert how == ["ro"]
                for path in (ROOT / source, *(ROOT / source).rglob("*")):
                    need = stat.S_IROTH | (stat.S_IXOTH if path.is_dir() else 0)
                    assert path.stat().st_mode & need == need, f"{path}: chmod -R a+rX deploy"


@BOTH
def test_the_token_that_workers_ask_for_is_the_one_that_the_console_shows_and_the_only_writer_made(stack):
    services = stack["services"]
    file = services["token"]["entrypoint"][-1]
    folder = file.rpartition("/")[0]
    for name in ("detector-a", "detector-b"):
        assert str(settings(services[name]).http.token_file) == file
    assert f"--token-file={file}" in services["console"]["command"]
    mounts = {name: [each for each in service.get("volumes", []) if each.startswith("token:")]
              for name, service in services.items()}  # fmt: skip
    read = [f"token:{folder}:ro"]
    assert {name: mount for name, mount in mounts.items() if mount} == {
        "token": [f"token:{folder}"], "detector-a": read, "detector-b": read, "console": read,
    }  # fmt: skip


@BOTH
def test_the_console_asks_every_worker(stack):
    command = stack["services"]["console"]["command"]
    chosen = parser(command).parse_args(command)
    workers = [name for name, each in stack["services"].items() if each.get("command") == ["run"]]
    assert chosen.api == [f"http://{name}:{settings(stack['services'][name]).http.port}" for name in workers]
    assert stack["services"]["console"]["ports"][0].endswith(f":{chosen.port}")


def test_no_secret_is_in_a_file_or_an_environment():
    for name in ("docker-compose.yml", "compose.secure.yml"):
        for service in compose(name)["services"].values():
            for key, value in service.get("environment", {}).items():
                whole = key.endswith("_FILE") and value.startswith("/run/secrets/")
                assert "PASSWORD" not in key or whole or (key, value) == ("GF_SECURITY_ADMIN_PASSWORD", "")
