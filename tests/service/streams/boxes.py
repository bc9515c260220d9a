"""What every box of dead letters must do; one suite, run against each of them.

A subclass gives a `stream` fixture: a `Scene` with an empty stream, whatever it is made of.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import pytest

from service.deadletters import replay, tally
from service.errors import FencedError
from service.records import Headers
from service.streams.letters import Box, Place
from service.streams.port import Output

Found = list[tuple[bytes | None, bytes, Headers]]


class Scene(Protocol):
    topic: str

    def write(self, letters: Sequence[Output]) -> None:
        """Commit them as a worker does."""
        ...

    def box(self, publishes: bool = True) -> Box: ...

    def readings(self) -> Found:
        """Everything in the input."""
        ...


def output(topic: str, offset: int, reason: str = "time", key: bytes | None = b"device", **more: str) -> Output:
    told = {"dlq.reason": reason, "dlq.error": "broken", "dlq.topic": topic, "dlq.partition": "0"}
    told |= {"dlq.offset": str(offset)} | {f"dlq.{name}": value for name, value in more.items()}
    own = (("own", b"\xff%d" % offset), ("own", b"twice"))
    return Output(0, offset, key, b"\xff\0%d" % offset, own + tuple((n, v.encode()) for n, v in told.items()))


def replayed(stream: Scene, reasons: Sequence[str] | None = None) -> Counter[str]:
    box = stream.box()
    try:
        return replay(box, reasons).published
    finally:
        box.close()


class BoxContract:
    def test_a_letter_comes_back_as_the_message_it_was(self, stream):
        stream.write([output(stream.topic, 0), output(stream.topic, 1, key=None), output(stream.topic, 2, key=b"\xff")])
        assert replayed(stream) == {"time": 3}
        own = [(("own", b"\xff%d" % n), ("own", b"twice")) for n in range(3)]
        expected = [(b"device", b"\xff\x000", own[0]), (None, b"\xff\x001", own[1]), (b"\xff", b"\xff\x002", own[2])]
        assert sorted(stream.readings(), key=lambda row: row[1]) == expected

    def test_each_once_over_any_number_of_runs(self, stream):
        stream.write([output(stream.topic, n, ("time", "decode")[n % 2]) for n in range(20)])
        assert replayed(stream, ["decode"]) == {"decode": 10}
        assert replayed(stream, ["decode"]) == {}
        stream.write([output(stream.topic, n, ("time", "decode")[n % 2]) for n in range(20, 30)])
        assert replayed(stream) == {"time": 15, "decode": 5}
        assert replayed(stream) == {}
        values = Counter(value for _, value, _ in stream.readings())
        assert values == {b"\xff\0%d" % n: 1 for n in range(30)}

    def test_it_tells_what_lies_there_by_reason(self, stream):
        stream.write([output(stream.topic, n + 7, ("time", "decode", "time")[n % 3]) for n in range(9)])
        replayed(stream, ["decode"])
        box = stream.box(publishes=False)
        found = {reason: (told.letters, told.again, told.example.offset) for reason, told in tally(box).items()}
        box.close()
        assert found == {"time": (6, 0, 7), "decode": (3, 3, 8)}

    def test_what_is_no_letter_and_what_was_cut_stays(self, stream):
        strange = Output(0, 0, b"k", b"v", (("dlq.reason", b"time"),))
        stream.write([strange, output(stream.topic, 1, truncated="99999"), output(stream.topic, 2)])
        assert replayed(stream) == {"time": 1}
        assert len(stream.readings()) == 1

    def test_a_letter_that_comes_while_it_is_open_is_for_the_next_time(self, stream):
        stream.write([output(stream.topic, 0)])
        box = stream.box()
        stream.write([output(stream.topic, 1)])
        assert replay(box).published == {"time": 1}
        box.close()
        assert replayed(stream) == {"time": 1}

    def test_of_two_that_publish_one_is_fenced_and_nothing_is_there_twice(self, stream):
        stream.write([output(stream.topic, n) for n in range(5)])
        first, second = stream.box(), stream.box()
        assert replay(second).published == {"time": 5}
        with pytest.raises(FencedError, match="deadletters --replay"):
            replay(first)
        first.close()
        second.close()
        assert len(stream.readings()) == 5

    def test_its_memory_survives(self, stream):
        stream.write([output(stream.topic, 0)])
        replayed(stream, ["time", "decode"])
        box = stream.box()
        (place,) = [place for place in box.places().values() if place != Place()]
        box.close()
        assert place.floor == 0
        assert set(place.ahead) == {"time", "decode"}
