"""The reader of the pages is strict: a block that fails is an error, and nothing it started outlives it."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs import pages
from tests.docs.pages import Block, anchor
from tests.docs.session import Session

PATIENCE_S = 60


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    said = tmp_path / "said"
    said.mkdir()
    with Session(tmp_path, said, {}) as session:
        yield session


def block(text: str, manner: str = "", detail: str = "") -> Block:
    return Block("page.md", 7, "sh", text, manner, detail)


@pytest.mark.parametrize("text", ["false\n", "false\ntrue\n", "false | cat\n", "no-such-command-here\n", "exit 3\n"])
def test_a_block_of_which_anything_fails_is_an_error_that_names_its_place(session: Session, text: str) -> None:
    with pytest.raises(AssertionError, match=r"page\.md:7: exit"):
        session.type(block(text))


def test_what_a_block_exports_the_next_one_has(session: Session) -> None:
    session.type(block("export COLOUR=blue\n"))
    session.type(block('[ "$COLOUR" = blue ]\nunset COLOUR\n'))
    session.type(block('[ -z "$COLOUR" ]\n'))


def test_a_line_is_interrupted_once_it_has_said_the_words_and_fails_if_it_never_does(session: Session) -> None:
    session.type(block("echo ready; exec sleep 600\n", "until", "ready"))
    with pytest.raises(AssertionError, match="ended with 0 before"):
        session.type(block("echo other\n", "until", "ready"))


def test_an_eventual_block_is_repeated_until_it_succeeds(session: Session, tmp_path: Path) -> None:
    session.type(block('echo x >> tries; [ "$(wc -l < tries)" -ge 3 ]\n', "eventually"))
    assert (tmp_path / "tries").read_text() == "x\n" * 3


def test_what_runs_in_the_background_ends_with_the_session(tmp_path: Path) -> None:
    said = tmp_path / "said"
    said.mkdir()
    with Session(tmp_path, said, {}) as session:
        session.type(block("sleep 600 & echo $! > pid\n"))
        process = Path("/proc") / (tmp_path / "pid").read_text().strip()
        assert process.exists()
    end = time.monotonic() + PATIENCE_S
    while process.exists() and "Z" not in (process / "stat").read_text().split()[2]:
        assert time.monotonic() < end


def test_anchors_are_those_that_a_host_of_pages_makes() -> None:
    assert anchor("What ends a worker, and what to do") == "what-ends-a-worker-and-what-to-do"
    assert anchor("The `--sample` of [Kafka](kafka.md)") == "the---sample-of-kafka"


def test_a_block_knows_its_manner_its_language_and_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    (tmp_path / "p.md").write_text("# P\n\n<!-- until: up -->\n```sh\na \\\n  b\nc\n```\n\n```json\n{}\n```\n")
    first, second = pages.Page("p.md").blocks
    assert (first.place, first.language, first.manner, first.detail) == ("p.md:5", "sh", "until", "up")
    assert first.commands == ["a    b", "c"]
    assert (second.language, second.manner) == ("json", "")
