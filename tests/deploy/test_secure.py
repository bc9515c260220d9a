"""The closed stack: what make.sh makes is what the containers are given, and no listener speaks plain text."""

import os
import re
import shutil
import subprocess

import pytest

from tests.deploy.files import compose, module, together
from tests.deploy.test_compose import listeners, settings
from tests.service.cli import ROOT

SECURE = ROOT / "deploy" / "secure"
CLOSED = together("docker-compose.yml", "compose.secure.yml")
RIGHTS = module(SECURE / "grant.py").RIGHTS
GIVEN = {name: set(each.get("secrets", [])) for name, each in CLOSED["services"].items()}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    if not shutil.which("openssl"):
        pytest.skip("no openssl on this machine: apt-get install openssl")
    folder = tmp_path_factory.mktemp("secure")
    shutil.copy(SECURE / "make.sh", folder)
    make(folder, "broker.example", "10.1.2.3")
    return folder / "secrets"


def make(folder, *names):
    subprocess.run([folder / "make.sh", *names], check=True, capture_output=True)


def openssl(*arguments):
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)


def test_the_script_makes_every_secret_that_is_asked_for(made):
    for name, secret in CLOSED["secrets"].items():
        assert secret == {"file": f"deploy/secure/secrets/{name}"}
        assert (made / name).stat().st_size


def test_making_them_again_changes_nothing(made):
    before = {path.name: path.read_bytes() for path in made.iterdir()}
    make(made.parent)
    assert {path.name: path.read_bytes() for path in made.iterdir()} == before


def test_the_folder_is_closed_and_the_authority_s_key_as_well(made):
    assert made.stat().st_mode & 0o777 == 0o700
    assert (made / "ca.key").stat().st_mode & 0o777 == 0o600
    assert "ca.key" not in CLOSED["secrets"]


@pytest.mark.parametrize("name", ["kafka", "localhost", "broker.example"])
def test_the_broker_s_certificate_is_the_authority_s_and_answers_to_its_names(made, name):
    said = openssl(
        "verify", "-CAfile", made / "ca.pem", "-purpose", "sslserver", "-verify_hostname", name, made / "broker.pem"
    )
    assert said.returncode == 0, said.stderr


@pytest.mark.parametrize("name", ["broker", "admin"])
def test_who_shows_a_certificate_is_who_the_broker_trusts_with_everything(made, name):
    said = openssl("verify", "-CAfile", made / "ca.pem", "-purpose", "sslclient", made / f"{name}.pem")
    assert said.returncode == 0, said.stderr
    subject = openssl("x509", "-in", made / f"{name}.pem", "-noout", "-subject", "-nameopt", "RFC2253").stdout.strip()
    assert f"User:{subject.removeprefix('subject=')}" in (
        CLOSED["services"]["kafka"]["environment"]["KAFKA_SUPER_USERS"].split(";")
    )


def test_no_listener_speaks_plain_text_and_none_lets_in_the_unknown():
    given = CLOSED["services"]["kafka"]["environment"]
    spoken = dict(entry.split(":") for entry in given["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(","))
    assert set(spoken.values()) == {"SSL", "SASL_SSL"}
    for name, protocol in spoken.items():
        if protocol == "SSL":
            assert given[f"KAFKA_LISTENER_NAME_{name}_SSL_CLIENT_AUTH"] == "required"
    assert given["KAFKA_ALLOW_EVERYONE_IF_NO_ACL_FOUND"] == "false"
    assert spoken["OUTSIDE"] == "SASL_SSL", "the published one"


def test_no_name_of_a_listener_makes_the_image_ask_for_its_own_kind_of_keystore():
    advertised = CLOSED["services"]["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert "SSL://" not in advertised
    assert "SASL_" not in advertised


def test_each_container_is_given_its_own_secrets_and_no_other():
    for name, service in CLOSED["services"].items():
        texts = [*service.get("environment", {}).values()]
        used = {found for text in texts for found in re.findall(r"/run/secrets/([\w.]+)", text)}
        assert used <= GIVEN[name]
        assert GIVEN[name] == used or name == "users"
        assert name in ("kafka", "users") or not any(each.startswith(("admin", "broker")) for each in GIVEN[name])


def test_every_user_that_is_granted_rights_gets_its_password_made():
    users = {right.user for right in RIGHTS}
    assert {f"{user}.password" for user in users} | {"ca.pem", "admin.pem"} == GIVEN["users"]
    for name in ("topics", "fleet", "detector-a", "detector-b", "notify"):
        given = settings(CLOSED["services"][name]).kafka
        assert given.sasl_username in users
        assert given.security_protocol == "SASL_SSL"
        assert str(given.sasl_password_file) == f"/run/secrets/{given.sasl_username}.password"


def test_rights_are_for_the_topics_and_the_group_that_workers_use():
    given = settings(CLOSED["services"]["detector-a"]).kafka
    own = {right.name: set(right.operations.split()) for right in RIGHTS if right.user == "detector"}
    for role, need in {"readings": {"read"}, "state": {"read", "write"}, "alerts": {"write"}}.items():
        assert need <= own[given.topic(role)]
    assert "write" not in own[given.topic("readings")]
    assert "read" in own[given.group]
    told = next(right for right in RIGHTS if right.user == "notify" and right.kind == "group")
    assert f"{given.group}-notify".startswith(told.name)
    assert f"{given.group}-{given.slot}".startswith(next(r.name for r in RIGHTS if r.kind == "transactional_id"))


def test_the_page_on_security_lists_the_rights_that_are_given():
    page = (ROOT / "docs" / "security.md").read_text("utf-8")
    rows = [
        tuple(cell.strip(" `") for cell in line.strip("|").split("|"))
        for line in page.splitlines()
        if line.startswith("| `")
    ]
    shown = {row[:4] for row in rows if len(row) == 5}
    given = {
        (r.user, r.kind, r.name + ("*" if r.pattern == "prefixed" else ""), ", ".join(r.operations.split()))
        for r in RIGHTS
    }
    assert shown == given


def test_secrets_are_never_committed():
    assert "/secrets/" in (SECURE / ".gitignore").read_text("utf-8").splitlines()
    assert os.access(SECURE / "make.sh", os.X_OK)
    assert listeners(CLOSED["services"]["kafka"], "KAFKA_LISTENERS").keys() == {
        "CONTROLLER",
        "ADMIN",
        "INSIDE",
        "OUTSIDE",
    }
    assert compose("compose.secure.yml")["services"]["users"]["entrypoint"][-1] == "kafka:29092"
