"""What feed writes reads back as the very same float32, time and class."""

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from service.streams.files.merge import Chunk
from service.streams.files.messages import messages

FLOATS = st.floats(width=32, allow_infinity=False, allow_subnormal=False)


@given(st.lists(FLOATS, min_size=1, max_size=6), st.integers(631_152_000_000, 4_102_444_799_999))
def test_values_and_times_survive(values: list[float], time: int) -> None:
    row = np.array([values], np.float32)
    sensors = tuple(f"s{n}" for n in range(len(values)))
    ((key, value),) = messages(Chunk(0, ["pümp"], [None], np.array([time]), sensors, row))
    message = json.loads(value)
    assert key.decode() == message["device"] == "pümp"
    assert "class" not in message
    back = np.array([np.nan if v is None else v for v in message["values"].values()], np.float32)
    np.testing.assert_array_equal(back, row[0])
    moment = np.datetime64(message["time"].removesuffix("Z"), "ms")
    assert int(moment.astype(np.int64)) == time


def test_numbers_are_written_as_people_wrote_them() -> None:
    chunk = Chunk(0, ["a"], ["pump"], np.array([1_700_000_000_000]), ("x", "y"), np.array([[0.1, np.nan]], np.float32))
    ((_, value),) = messages(chunk)
    assert value == b'{"device":"a","time":"2023-11-14T22:13:20.000Z","class":"pump","values":{"x":0.1,"y":null}}'
