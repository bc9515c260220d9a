"""One order over all devices: time decides between them, the file within one; chunks change nothing."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from service.streams.files import Frame, Frames
from service.streams.files.merge import Chunk, chunks

DEVICES = st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=12), min_size=1, max_size=4)


def frames(devices: list[list[int]]) -> Frames:
    made = []
    for number, times in enumerate(devices):
        sensors = ("x",) if number % 2 else ("x", "y")
        values = np.arange(len(times) * len(sensors), dtype=np.float32).reshape(-1, len(sensors)) + 100 * number
        made.append(Frame(f"d{number}", None, np.array(times, np.int64), sensors, values, True))
    return Frames(tuple(made), ("x", "y"), 1.0, ())


def rows(parts: list[Chunk]) -> list[tuple[str, int, float]]:
    return [
        (device, int(time), float(x))
        for part in parts
        for device, time, x in zip(part.devices, part.times, part.values[:, 0], strict=True)
    ]


@given(DEVICES, st.integers(1, 7))
def test_chunks_of_any_size_are_one_order(devices: list[list[int]], size: int) -> None:
    whole, parts = list(chunks(frames(devices), 1000)), list(chunks(frames(devices), size))
    assert rows(whole) == rows(parts)
    assert [part.start for part in parts] == list(range(0, sum(map(len, devices)), size))
    np.testing.assert_array_equal(
        np.concatenate([part.values for part in whole]), np.concatenate([part.values for part in parts])
    )


@given(DEVICES)
def test_each_device_keeps_its_own_order_and_times_advance_between_them(devices: list[list[int]]) -> None:
    merged = rows(list(chunks(frames(devices), 5)))
    for number, times in enumerate(devices):
        assert [time for device, time, _ in merged if device == f"d{number}"] == times
    reached = {f"d{number}": -1 for number in range(len(devices))}
    order = []
    for device, time, _ in merged:
        reached[device] = max(reached[device], time)
        order.append(reached[device])
    assert order == sorted(order)


def test_sensors_that_a_device_lacks_are_missing() -> None:
    (only,) = chunks(frames([[1], [2]]), 10)
    assert np.isnan(only.values[1, 1])
