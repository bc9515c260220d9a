"""Rings side by side are what a deque a device would be, whatever is written, added and removed, and never larger."""

from collections import deque
from types import SimpleNamespace
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from service.api.shelf import ALERT, EVIDENCE, FEWEST, LEADING, LIMIT, Shelf
from service.detector.seen import Seen

WIDTH, WITNESSES, STRENGTHS = 3, 2, 4
LAYOUT: Any = SimpleNamespace(
    width=WIDTH, plan=SimpleNamespace(witnesses=range(WITNESSES), names=range(STRENGTHS)), bundle=None
)
SIGNATURES = [("pump", ("a", "b", "c")), ("fan", ("a", "b"))]
DEVICES = [f"d{i}" for i in range(40)]


def seen(devices, times, mark):
    """One chunk; every number in it tells which row it is of."""
    n = len(devices)
    rows = mark + np.arange(n, dtype=np.float32)

    def spread(*shape):
        return (rows.reshape(-1, *[1] * len(shape)) * 100 + np.arange(np.prod(shape)).reshape(shape)).astype(np.float32)

    columns = {
        "values": spread(WIDTH), "mean": spread(WIDTH) + 0.5, "scale": spread(WIDTH) + 0.25,
        "terms": spread(WITNESSES, WIDTH), "beyond": spread(STRENGTHS), "evidence": rows, "limit": rows + 0.5,
        "leading": (rows % WIDTH).astype(np.int16), "alert": rows % 2 == 0, "times": np.asarray(times, np.int64),
        "signature": (rows % 2).astype(np.int32),
    }  # fmt: skip
    return Seen("t", LAYOUT, SIGNATURES, devices, labels={}, **columns)


class Oracle(dict[str, deque]):
    """A deque a device."""

    def write(self, parts):
        rows = [(device, int(part.times[i]), part, i) for part in parts for i, device in enumerate(part.devices)]
        firsts = {}
        for device, time, _, _ in rows:
            firsts.setdefault(device, time)
        for device in firsts.keys() & self.keys():  # history is rewritten from the batch's first reading on
            while self[device] and self[device][-1][0] >= firsts[device]:
                self[device].pop()
        for device, *row in rows:
            if device in self:
                self[device].append(row)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from(DEVICES)),
        st.tuples(st.just("remove"), st.sampled_from(DEVICES)),
        # How far time goes on, or back as in a replay, and chunks of devices, each at most once in a chunk.
        st.tuples(
            st.just("write"),
            st.integers(-3, 4),
            st.lists(st.lists(st.sampled_from(DEVICES[:8]), unique=True, min_size=1), min_size=1, max_size=9),
        ),
    ),
    max_size=40,
)


@given(STEPS, st.integers(1, 5))
def test_a_shelf_is_as_many_deques(steps, readings):
    shelf, oracle = Shelf(LAYOUT, readings), Oracle()
    now, mark = 1000, 0
    for step in steps:
        if step[0] == "add" and step[1] not in oracle:
            shelf.add(step[1])
            oracle[step[1]] = deque(maxlen=readings)
        elif step[0] == "remove" and step[1] in oracle:
            shelf.remove(step[1])
            del oracle[step[1]]
        elif step[0] == "write":
            now, parts = now + step[1], []
            for devices in step[2]:
                parts.append(seen(devices, [now] * len(devices), mark))
                now, mark = now + 1, mark + len(devices)
            shelf.write(shelf.find([device for part in parts for device in part.devices]), 7, parts)
            oracle.write(parts)
        same(shelf, oracle)


def same(shelf, oracle):
    assert sorted(shelf.devices) == sorted(oracle)
    assert shelf.slots <= max(FEWEST, 4 * len(shelf))
    for device, ring in oracle.items():
        copied = shelf.copied(device)
        if not ring:
            assert copied is None
            assert np.isnan(shelf.evidence(device))
            continue
        assert copied.times.tolist() == [time for time, _, _ in ring]
        for at, (_, part, i) in enumerate(ring):
            for values, name in zip(copied.values(), ("values", "mean", "scale"), strict=True):
                np.testing.assert_array_equal(values[at], getattr(part, name)[i])
            facts = [copied.cells[at, which] for which in (EVIDENCE, LIMIT, ALERT, LEADING)]
            assert facts == [part.evidence[i], part.limit[i], part.alert[i], part.leading[i]]
        _, part, i = ring[-1]
        np.testing.assert_array_equal(copied.terms, part.terms[i])
        np.testing.assert_array_equal(copied.beyond, part.beyond[i])
        assert copied.signature == SIGNATURES[part.signature[i]]
        assert shelf.evidence(device) == part.evidence[i]
        assert device in shelf.of(7)


def test_a_shelf_that_was_full_gives_back_what_it_does_not_need():
    shelf = Shelf(LAYOUT, 10)
    for i in range(1000):
        shelf.add(f"d{i}")
    full = shelf.nbytes
    assert full <= 2048 * (10 * (8 + 4 * (4 + 3 * WIDTH)) + 4 * (WITNESSES * WIDTH + STRENGTHS + 2))
    for i in range(990):
        shelf.remove(f"d{i}")
    assert shelf.nbytes <= full / 16
    assert sorted(shelf.devices) == [f"d{i}" for i in range(990, 1000)]
