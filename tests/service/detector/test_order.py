"""Stream time, waves and digests, against the slow and obvious way of saying the same."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from service.detector.order import StreamTime, digest, waves

SKEW = 300_000


@given(st.lists(st.integers(0, 9), max_size=60))
def test_waves_hold_every_position_once_each_row_once_a_wave_and_a_rows_positions_in_order(rows: list[int]) -> None:
    cut = list(waves(np.array(rows, np.intp), np.empty(10, np.int32)))
    assert sorted(at for wave in cut for at in wave.tolist()) == list(range(len(rows)))
    for wave in cut:
        assert len({rows[at] for at in wave.tolist()}) == len(wave)
    for row in set(rows):
        assert [at for wave in cut for at in wave.tolist() if rows[at] == row] == [
            at for at, other in enumerate(rows) if other == row
        ]


def advanced(arrivals: list[int], devices: list[str | None]) -> list[int]:
    return StreamTime(1_000).advance(np.array(arrivals, np.int64), devices, SKEW)[1].tolist()


def test_stream_time_is_the_running_maximum_of_arrivals() -> None:
    assert advanced([1_500, 1_200, 2_000], ["a", "b", "a"]) == [1_500, 1_500, 2_000]


def test_a_jump_counts_once_a_second_device_has_shown_it() -> None:
    far = 1_000 + SKEW + 1
    assert advanced([far, far + 5, far + 9], ["a", "a", "b"]) == [1_000, 1_000, far + 5]


def test_one_device_is_believed_when_it_has_shown_the_jump_many_times() -> None:
    far = 1_000 + SKEW + 1
    assert advanced([far] * 20, ["a"] * 20)[-2:] == [1_000, far]


def test_a_message_that_is_no_reading_moves_stream_time_but_vouches_for_no_jump() -> None:
    far = 1_100 + SKEW + 1
    assert advanced([1_100, far, far, far], [None, None, "a", None]) == [1_100, 1_100, 1_100, 1_100]


@given(
    st.lists(st.tuples(st.integers(0, 3_000_000), st.sampled_from([None, "a", "b", "c"])), max_size=40),
    st.integers(0, 40),
)
def test_stream_time_is_the_same_however_the_records_are_cut(log: list[tuple[int, str | None]], cut: int) -> None:
    arrivals, devices = np.array([a for a, _ in log], np.int64), [d for _, d in log]
    whole, at = StreamTime().advance(arrivals, devices, SKEW)
    half, first = StreamTime().advance(arrivals[:cut], devices[:cut], SKEW)
    rest, second = half.advance(arrivals[cut:], devices[cut:], SKEW)
    assert at.tolist() == [*first.tolist(), *second.tolist()]
    if log:
        assert whole == rest


@given(hnp.arrays(np.float32, (2, 3), elements=st.sampled_from([0.0, -0.0, 1.5, 2.5, float("nan")])))
def test_digests_are_equal_exactly_when_the_values_are(values: np.ndarray) -> None:
    marks = digest(values)
    assert (marks[0] == marks[1]) == np.array_equal(values[0], values[1], equal_nan=True)
