"""What every source of alerts must do; one suite, run against each of them.

A subclass gives a `log` fixture: a `Scene` with an empty stream, whatever it is made of.
"""

import time
from collections.abc import Sequence
from contextlib import contextmanager
from typing import Protocol

from service.notify.places import Mark, Place
from service.notify.port import Round, Row, Source, Start
from tests.service.notify.events import lives, value

PATIENCE_S = 60.0


class Scene(Protocol):
    def publish(self, values: Sequence[bytes]) -> None:
        """In one transaction, as a worker does; an alert's events stay in order."""
        ...

    def source(self) -> Source: ...


@contextmanager
def opened(log: Scene):
    source = log.source()
    try:
        yield source
    finally:
        source.close()


def given(source: Source) -> dict[int, Start]:
    return dict(_until(source, lambda found: found.given is not None).given or {})


def _until(source: Source, holds) -> Round:
    deadline = time.monotonic() + PATIENCE_S
    while not holds(found := source.poll(0.1)):
        assert time.monotonic() < deadline
        assert not found.rows, "nothing is given out before it was sought"
    return found


def drained(source: Source, count: int) -> list[Row]:
    """At least so many rows, and then until it says that it has caught up."""
    deadline, rows, caught_up = time.monotonic() + PATIENCE_S, [], False
    while len(rows) < count or not caught_up:
        found = source.poll(0.1)
        assert found.given is None
        rows += found.rows
        caught_up = caught_up or found.caught_up
        assert time.monotonic() < deadline, (len(rows), caught_up)
    return rows


def begun(source: Source) -> dict[int, Start]:
    starts = given(source)
    source.seek({partition: start.first for partition, start in starts.items()})
    return starts


class SourceContract:
    def test_everything_is_given_out_once_in_order(self, log):
        values = list(lives(1, 60))
        log.publish(values[:70])
        with opened(log) as source:
            begun(source)
            rows = drained(source, 70)
            log.publish(values[70:])
            rows += drained(source, len(values) - 70)
        assert sorted(row.value for row in rows) == sorted(values)
        for partition in {row.partition for row in rows}:
            offsets = [row.offset for row in rows if row.partition == partition]
            assert offsets == sorted(set(offsets))

    def test_of_an_empty_stream_all_has_been_read(self, log):
        with opened(log) as source:
            starts = begun(source)
            assert all(start.found is None and start.first == start.end for start in starts.values())
            assert drained(source, 0) == []

    def test_what_is_committed_is_found_again_and_read_on_from(self, log):
        values = list(lives(2, 40))
        log.publish(values)
        with opened(log) as source:
            begun(source)
            rows = drained(source, len(values))
            told = rows[: len(rows) // 2]
            ends = {p: max([r.offset + 1 for r in told if r.partition == p], default=0) for p in _partitions(rows)}
            marks = {p: Mark({"ops": Place(end, [end + 3, end + 9])}, max(end - 5, 0)) for p, end in ends.items()}
            source.commit(marks)
        with opened(log) as source:
            starts = given(source)
            for partition, mark in marks.items():
                found = starts[partition].found
                assert (found.offset, found.base) == (mark.floor(), mark.base)
                assert found.place("ops") == mark.targets["ops"]
            positions = {partition: ends.get(partition, start.first) for partition, start in starts.items()}
            source.seek(positions)
            left = [row for row in rows if row.offset >= ends[row.partition]]
            assert sorted(drained(source, len(left))) == sorted(left)

    def test_long_words_are_kept(self, log):
        log.publish([value("a")])
        mark = Mark({f"target-{n}": Place(n, list(range(1000, 3000, 2))) for n in range(5)}, 0)
        with opened(log) as source:
            starts = begun(source)
            source.commit(dict.fromkeys(starts, mark))
        with opened(log) as source:
            for start in given(source).values():
                assert start.found.place("target-3").floor == 3
                assert len(start.found.place("target-3").runs) > 10

    def test_the_last_commit_holds(self, log):
        log.publish([value("a")])
        with opened(log) as source:
            starts = begun(source)
            for floor in (0, 1):
                source.commit({partition: Mark({"ops": Place(floor)}, 0) for partition in starts})
        with opened(log) as source:
            assert {start.found.offset for start in given(source).values()} == {1}


def _partitions(rows: Sequence[Row]) -> set[int]:
    return {row.partition for row in rows}
