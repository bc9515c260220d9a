"""Every shell block of the README and of docs/, typed page by page into a folder that looks like a fresh checkout."""

import json
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from service.settings import Settings
from service.sources import load
from tests.deploy import engine
from tests.deploy.files import variables
from tests.docs import checkout, telemetry
from tests.docs.pages import LANGUAGES, Block, Page, pages
from tests.docs.session import Session
from tests.kafka.broker import Broker, free_ports

BROKER = "broker:9092"
PORTS = ("8080", "8081", "8082", "8083", "8090")  # of ours in the pages; here any free ones
TOOLS = {"deploy/secure/make.sh": "openssl", "curl ": "curl", "amtool ": "amtool"}  # that a block takes for granted
COMPOSE = ("docker-compose.yml",)
AT_MOST = 3  # exempt


def shell(page: Page, docker: bool = False) -> list[Block]:
    return [b for b in page.blocks if b.language == "sh" and b.manner != "exempt" and b.needs_docker == docker]


def named(found: list[Page]) -> list[object]:
    return [pytest.param(page, id=page.name) for page in found]


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    folder = checkout.make(tmp_path / "gruard")
    telemetry.write(folder / "DATA")
    ports = dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True))
    said = tmp_path / "said"
    said.mkdir()
    with Session(folder, said, {"GRUARD_HTTP__PORT": ports["8080"]}) as session:
        session.replaced |= ports
        yield session


@pytest.mark.parametrize("page", named([page for page in pages() if shell(page)]))
def test_what_a_page_says_can_be_copied(page: Page, session: Session, request: pytest.FixtureRequest) -> None:
    if page.name == "README.md":
        session.set({"QUICK_FIT": "1"})  # seven models, of which it says how good they are; not here
    for block in shell(page):
        if BROKER in block.text and BROKER not in session.replaced:
            request.getfixturevalue("kafka_here")
            broker = Broker().start()
            request.addfinalizer(broker.close)
            request.addfinalizer(session.close)  # before: workers leave in order while there is a broker
            session.replaced[BROKER] = broker.bootstrap
        for words, tool in TOOLS.items():
            if words in block.text and not shutil.which(tool):
                pytest.skip(f"{block.place}: no {tool} on this machine; install it")
        session.type(block)


@pytest.mark.parametrize("page", named([page for page in pages() if shell(page, docker=True)]))
def test_what_a_page_says_of_docker_can_be_copied(
    page: Page, session: Session, image: str, request: pytest.FixtureRequest
) -> None:
    names = [name for file in COMPOSE for name in sorted(variables(file)) if name.endswith("_PORT")]
    ports = zip(names, map(str, free_ports(len(names))), strict=True)
    project = f"gruarddocs{uuid.uuid4().hex[:6]}"
    session.set({**dict(ports), "COMPOSE_PROJECT_NAME": project})
    away = ["docker", "compose", "-p", project, "down", "--volumes", "--remove-orphans"]
    request.addfinalizer(lambda: subprocess.run(away, capture_output=True, check=False))
    for block in shell(page, docker=True):
        session.type(block)


@pytest.fixture(scope="session")
def image() -> str:
    if why := engine.missing():
        pytest.skip(f"blocks with docker: {why}")
    return engine.build()


def test_at_most_three_blocks_are_not_run_and_each_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    exempt = [block for page in pages() for block in page.blocks if block.manner == "exempt"]
    with capsys.disabled():
        print("".join(f"\n  not run: {block.place}: {block.detail}" for block in exempt))
    assert len(exempt) <= AT_MOST
    assert all(block.detail for block in exempt)


def test_every_block_says_what_it_is_so_no_command_hides_among_the_texts() -> None:
    for page in pages():
        for block in page.blocks:
            assert block.language in LANGUAGES, f"{block.place}: ```{block.language}, not one of {LANGUAGES}"
            prompts = ("$ ", "gruard ", "make ", "docker ", ".venv/bin/")
            assert block.language != "text" or not block.text.startswith(prompts), f"{block.place}: a command"


def test_every_yaml_block_of_settings_is_a_configuration(tmp_path: Path) -> None:
    for page in pages():
        for block in (block for block in page.blocks if block.language == "yaml"):
            if set(yaml.safe_load(block.text)) & set(Settings.model_fields):
                file = tmp_path / "gruard.yaml"
                file.write_text(block.text, encoding="utf-8")
                load(file, environ={})


def test_every_json_block_is_json() -> None:
    for page in pages():
        for block in (block for block in page.blocks if block.language == "json"):
            json.loads(block.text)
