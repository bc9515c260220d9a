"""The input that most rows share: made, produced and judged once a session."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.chaos import verdict
from tests.chaos.oracle import Outcome, expected
from tests.chaos.scene import DETECTION, Scene, make_topic, produce
from tests.chaos.traffic import Traffic, messages

SEED = int(os.environ.get("CHAOS_SEED", "20264"))
TOPIC = f"chaos.input.{SEED}.v1"


@dataclass(frozen=True)
class Input:
    seed: int
    topic: str
    expected: Outcome


@pytest.fixture(scope="session")
def truth() -> Outcome:
    """The oracle, once it is sure that it holds enough to be one."""
    traffic = Traffic(SEED)
    sent = messages(traffic)
    outcome = expected(sent, TOPIC, DETECTION)
    found = verdict.figures(outcome)
    assert len({message.partition for message in sent}) >= 6
    assert found["devices"] >= 200
    assert len(sent) - found["dead letters"] >= 100_000
    assert found["opened"] >= 100
    assert found["resolved"] >= 50
    return outcome


@pytest.fixture(scope="session")
def given(kafka: Any, truth: Outcome) -> Input:
    make_topic(kafka.bootstrap, TOPIC)
    produce(kafka.bootstrap, TOPIC, messages(Traffic(SEED)))
    return Input(SEED, TOPIC, truth)


@pytest.fixture
def scene(kafka: Any, given: Input, tmp_path: Path) -> Iterator[Scene]:
    with Scene(kafka.bootstrap, tmp_path, given.topic) as made:
        yield made


Tell = Callable[..., None]


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Tell:
    """What the published table says of a row: its seed and its figures."""

    def told(row: int, what: str, **figures: object) -> None:
        record_property("row", row)
        record_property("what", what)
        for name, value in figures.items():
            record_property(f"figure:{name.replace('_', ' ')}", value)

    return told
