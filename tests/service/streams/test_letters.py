"""Dead letters of the embedded stream keep the contract; a place says what was published again."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import UnavailableError
from service.streams.embedded import EmbeddedLog, EmbeddedStream
from service.streams.letters import EmbeddedBox, Place
from service.streams.port import Committed, Transaction
from tests.service.streams.boxes import BoxContract, output


class File:
    topic = "telemetry.readings.v1"

    def __init__(self, path: Path) -> None:
        self.log = EmbeddedLog(path, 3)

    def write(self, letters):
        stream = EmbeddedStream(EmbeddedLog(self.log.database.path))
        stream.commit(Transaction(deadletters=list(letters), offsets={0: Committed(1, "")}))
        stream.close()

    def box(self, publishes=True):
        return EmbeddedBox(EmbeddedLog(self.log.database.path, busy_s=0.1))

    def readings(self):
        found = [self.log.readings(partition, 0, 1 << 40, 1000) for partition in range(3)]
        return [row for r in found for row in zip(r.keys, r.values, r.headers, strict=True)]


@pytest.fixture
def stream(tmp_path):
    made = File(tmp_path / "gruard.db")
    yield made
    made.log.close()


class TestEmbeddedBox(BoxContract):
    pass


def test_what_could_not_be_published_is_not_remembered(stream):
    stream.write([output(stream.topic, n) for n in range(5)])
    box = stream.box()
    letters = list(box.letters(0, 0))
    with stream.log.database.transaction(), pytest.raises(UnavailableError, match="locked"):
        box.publish(0, letters, Place(99))
    box.close()
    box = stream.box()
    assert box.places() == {0: Place()}
    box.close()
    assert stream.readings() == []


reasons = st.none() | st.lists(st.sampled_from("abc"), min_size=1, unique=True)


@given(st.lists(st.tuples(st.integers(0, 50), reasons), max_size=12))
def test_a_place_is_as_far_as_each_reason_ever_got(steps):
    place, oracle = Place(), dict.fromkeys("abcd", 0)
    for position, chosen in steps:
        place = Place.parse(place.after(position, chosen).text())
        for reason in chosen or oracle:
            oracle[reason] = max(oracle[reason], position)
    assert {reason: place.of(reason) for reason in oracle} == oracle
    assert place.first(["a", "b"]) == min(oracle["a"], oracle["b"])
    assert place.first(None) == place.floor <= min(oracle.values())
