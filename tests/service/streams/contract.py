"""What every stream behind the port must do; one suite, run against each of them.

A subclass gives a `log` fixture: an empty log with PARTITIONS partitions, whatever it is made of.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from service.records import Records
from service.streams.embedded import Message
from service.streams.port import Assigned, Committed, Output, StateRecord, Stream, Transaction

PARTITIONS = 3
PATIENCE_S = 10.0


class Log(Protocol):
    """The outside of a stream: who feeds it and who reads what came of it."""

    def append(self, messages: Sequence[Message]) -> object: ...

    def partition(self, key: bytes | None) -> int: ...

    def stream(self) -> Stream:
        """A worker's side of the log; the one before it must have been closed."""
        ...

    def written(self, table: str) -> list[Output]: ...


def messages(count: int) -> list[Message]:
    return [Message(f"device-{i % 7}".encode(), f"value {i} \0\xff".encode("latin-1"), 1000 + i) for i in range(count)]


def started(stream: Stream, at: int = 0) -> Stream:
    """Polled until all partitions are assigned, then sought."""
    assigned: set[int] = set()
    while len(assigned) < PARTITIONS:
        poll = stream.poll(0.1, 100)
        assert not poll.records, "a partition that nobody sought must be silent"
        assigned |= {event.partition for event in poll.events if isinstance(event, Assigned)}
    for partition in assigned:
        stream.seek(partition, at)
    return stream


def drained(stream: Stream, count: int, max_records: int = 1000, start: int = 0) -> list[Records]:
    """start: offset at which everything was sought."""
    found: list[Records] = []
    polls = 0
    while sum(map(len, found)) < count:
        poll = stream.poll(0.05, max_records)
        for event in poll.events:
            if isinstance(event, Assigned):  # given again: a group may share more than once before it settles
                seen = [records.offsets[-1] + 1 for records in found if records.partition == event.partition]
                stream.seek(event.partition, max(seen, default=start))
        assert sum(map(len, poll.records)) <= max_records
        assert len({records.partition for records in poll.records}) == len(poll.records)
        found += poll.records
        polls += 1
        assert polls * 0.05 < PATIENCE_S + count, (found, poll.ends, poll.caught_up)
    return found


def flat(batches: list[Records]) -> dict[int, list[tuple[object, ...]]]:
    found: dict[int, list[tuple[object, ...]]] = {}
    for r in batches:
        headers = r.headers or [()] * len(r)
        found.setdefault(r.partition, []).extend(zip(r.offsets, r.arrivals, r.keys, r.values, headers, strict=True))
    return found


class StreamContract:
    def test_records_come_whole_and_in_the_order_of_their_partition(self, log):
        sent = [*messages(40), Message(b"device-1", b"", 5, (("trace", b"\xff\x00"), ("trace", b"2")))]
        log.append(sent)
        found = flat(drained(started(log.stream()), len(sent)))
        for partition in range(PARTITIONS):
            expected = [
                (m.arrival, m.key, m.value, m.headers) for m in sent if log.partition(m.key) == partition
            ]  # fmt: skip
            assert [row[1:] for row in found.get(partition, [])] == expected
            offsets = [row[0] for row in found.get(partition, [])]
            assert offsets == sorted(set(offsets))

    def test_polls_of_any_size_give_the_same_records(self, log):
        log.append(messages(60))
        stream = started(log.stream())
        whole = flat(drained(stream, 60))
        for size in (1, 2, 7, 59):
            for partition in range(PARTITIONS):
                stream.seek(partition, 0)
            assert flat(drained(stream, 60, size)) == whole

    def test_a_seek_goes_back_and_forth(self, log):
        log.append(messages(30))
        stream = started(log.stream())
        whole = flat(drained(stream, 30))
        partition, rows = next(iter(whole.items()))
        stream.seek(partition, rows[2][0])
        assert flat(drained(stream, len(rows) - 2))[partition] == rows[2:]

    def test_a_paused_partition_is_silent_until_it_is_sought(self, log):
        log.append(messages(30))
        stream = started(log.stream())
        whole = flat(drained(stream, 30))
        partition, rows = next(iter(whole.items()))
        stream.seek(partition, 0)
        stream.pause(partition)
        log.append(messages(30))
        others = sum(len(found) for p, found in whole.items() if p != partition)
        assert partition not in flat(drained(stream, others))
        poll = stream.poll(0.05, 100)
        assert not poll.records
        assert partition not in poll.caught_up
        stream.seek(partition, 0)
        assert flat(drained(stream, 2 * len(rows)))[partition][: len(rows)] == rows

    def test_every_partition_has_a_place_of_its_own(self, log):
        stream = started(log.stream())
        places = [stream.place(partition) for partition in range(PARTITIONS)]
        assert len(set(places)) == PARTITIONS
        assert places == [stream.place(partition) for partition in range(PARTITIONS)]

    def test_it_says_when_a_partition_has_nothing_more(self, log):
        log.append(messages(10))
        stream = started(log.stream())
        drained(stream, 10)
        poll = stream.poll(0.05, 100)
        assert poll.caught_up == frozenset(range(PARTITIONS))
        log.append(messages(1))
        assert stream.poll(PATIENCE_S, 1).records
        assert sum(poll.ends.values()) >= 10

    def test_a_commit_is_there_for_the_next_worker(self, log):
        log.append(messages(10))
        stream = started(log.stream())
        drained(stream, 10)
        assert stream.committed(1) is None
        stream.commit(Transaction(offsets={1: Committed(2, "words of the worker"), 0: Committed(1, "")}))
        assert stream.committed(1) == Committed(2, "words of the worker")
        stream.close()
        again = started(log.stream())
        assert again.committed(1) == Committed(2, "words of the worker")
        assert again.committed(0) == Committed(1, "")
        assert again.committed(2) is None

    def test_state_is_what_was_written_last(self, log):
        log.append(messages(10))
        stream = started(log.stream())
        first = [StateRecord(p, key, f"{p}{key}".encode()) for p in (0, 1) for key in ("page/1", "page/2", "marker")]
        stream.commit(Transaction(state=first, offsets=_both("")))
        second = [StateRecord(0, "page/1", b"new"), StateRecord(0, "page/2", None), StateRecord(0, "absent", None)]
        stream.commit(Transaction(state=second, offsets=_both("")))
        assert _latest(stream, 0) == {"page/1": b"new", "marker": b"0marker"}
        assert _latest(stream, 1) == {"page/1": b"1page/1", "page/2": b"1page/2", "marker": b"1marker"}
        assert _latest(stream, 2) == {}

    def test_of_two_state_records_with_one_key_the_later_one_counts(self, log):
        log.append(messages(10))
        stream = started(log.stream())
        twice = [StateRecord(0, key, value) for key, value in (("a", b"1"), ("b", None), ("a", None), ("b", b"2"))]
        stream.commit(Transaction(state=twice, offsets=_both("")))
        assert _latest(stream, 0) == {"b": b"2"}

    def test_outputs_keep_key_headers_bytes_and_order(self, log):
        log.append(messages(10))
        stream = started(log.stream())
        key = next(b"device-%d" % i for i in range(99) if log.partition(b"device-%d" % i) == 1)
        alerts = [Output(1, 0, key, f"{i}".encode(), (("ce_id", f"{i}".encode()),)) for i in range(5)]
        dead = [Output(1, 0, None, b"\xff\x00{", (("dlq.reason", b"decode"),))]
        offsets = {1: Committed(1, "")}
        stream.commit(Transaction(alerts=alerts[:3], deadletters=dead, offsets=offsets))
        stream.commit(Transaction(alerts=alerts[3:], control=[Output(1, 1, None, b"tick")], offsets=offsets))
        assert [(o.key, o.value, o.headers) for o in log.written("alerts")] == [
            (o.key, o.value, o.headers) for o in alerts
        ]
        assert [(o.key, o.value, o.headers) for o in log.written("deadletters")] == [
            (None, b"\xff\x00{", dead[0].headers)
        ]
        assert [o.value for o in log.written("control")] == [b"tick"]

    def test_a_replay_gives_exactly_the_span(self, log):
        log.append(messages(60))
        stream = started(log.stream())
        whole = flat(drained(stream, 60))
        for partition, rows in whole.items():
            stop = rows[-2][0]
            for size in (1, 5, 1000):
                replayed = flat(list(stream.replay(partition, rows[1][0], stop, size)))
                assert replayed[partition] == rows[1:-2]
            assert list(stream.replay(partition, stop, stop, 10)) == []

    def test_the_log_starts_at_its_oldest_record(self, log):
        assert started(log.stream()).log_start(0) == 0


def _both(metadata: str) -> dict[int, Committed]:
    return {0: Committed(1, metadata), 1: Committed(1, metadata)}


def _latest(stream: Stream, partition: int) -> dict[str, bytes]:
    """The port gives the compacted state; a stream may repeat a key as long as the last value comes last."""
    found: dict[str, bytes | None] = {}
    for record in stream.state(partition):
        found[record.key] = record.value
    return {key: value for key, value in found.items() if value is not None}


MakeLog = Callable[[], Log]
