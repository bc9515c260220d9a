"""Numbers are short and exact: the text of a float32 is that float32 again, and no longer than it has to be."""

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from service.api.plain import rfc3339, shortest

BITS = st.lists(st.integers(0, 2**32 - 1), max_size=20)  # of any float32, NaN and infinity too


@given(BITS)
def test_what_is_written_reads_back_as_the_same_float32(values):
    array = np.array(values, np.uint32).view(np.float32)
    again = json.loads(json.dumps(shortest(array)))
    for value, told in zip(array, again, strict=True):
        assert (told is None) if not np.isfinite(value) else (np.float32(told) == value)


@given(st.lists(st.decimals(-99999, 99999, places=2), min_size=1))
def test_a_number_of_few_digits_is_written_with_few_digits(values):
    array = np.array([float(value) for value in values], np.float32)
    assert shortest(array) == [float(str(value)) for value in array]


def test_times_are_utc_with_milliseconds():
    assert rfc3339([0, 1_700_000_000_007]) == ["1970-01-01T00:00:00.000Z", "2023-11-14T22:13:20.007Z"]
