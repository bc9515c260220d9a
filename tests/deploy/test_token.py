"""The one-shot that makes the API's token: a good one, for its owner alone, once."""

import pytest

from service.api.doors import token
from tests.deploy.files import module
from tests.service.cli import ROOT

MAKE = module(ROOT / "deploy" / "compose" / "token.py").main


@pytest.fixture
def file(tmp_path):
    assert MAKE(str(tmp_path / "api.token")) == 0
    return tmp_path / "api.token"


def test_the_service_takes_it(file):
    assert len(token(file)) == 64


def test_it_is_for_its_owner_alone_and_nothing_else_is_left(file):
    assert file.stat().st_mode & 0o777 == 0o400
    assert list(file.parent.iterdir()) == [file]


def test_each_stack_has_another(file, tmp_path):
    MAKE(str(tmp_path / "other.token"))
    assert file.read_text() != (tmp_path / "other.token").read_text()


def test_one_that_is_there_stays(file):
    before = file.read_text()
    assert MAKE(str(file)) == 0
    assert file.read_text() == before


@pytest.mark.parametrize("left", ["api.token", "api.token.part"])
def test_what_a_crash_left_is_made_good(tmp_path, left):
    (tmp_path / left).touch()
    assert MAKE(str(tmp_path / "api.token")) == 0
    assert len(token(tmp_path / "api.token")) == 64
    assert not (tmp_path / "api.token.part").exists()
