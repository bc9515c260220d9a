"""Every partition of every input topic has one number, and the numbers have no hole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import MissingError
from service.streams.kafka.layout import Layout
from service.streams.kafka.settings import KafkaSettings

counts = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 9), min_size=1).map(dict)


@given(counts)
def test_numbers_and_places_are_each_others_inverse_without_a_hole(counts: dict[str, int]) -> None:
    layout = Layout.of(KafkaSettings(input_topics=tuple(counts)), counts)
    places = [(topic, partition) for topic in counts for partition in range(counts[topic])]
    assert [layout.number(*place) for place in places] == list(range(layout.count))
    assert [layout.place(number) for number in range(layout.count)] == places


@given(counts, st.integers(1, 9))
def test_a_topic_added_at_the_end_moves_nobody(counts: dict[str, int], more: int) -> None:
    before = Layout.of(KafkaSettings(input_topics=tuple(counts)), counts)
    after = Layout.of(KafkaSettings(input_topics=(*counts, "z")), counts | {"z": more})
    assert all(before.place(number) == after.place(number) for number in range(before.count))


def test_an_input_that_is_not_there_is_named_with_the_way_out() -> None:
    with pytest.raises(MissingError, match=r"telemetry\.readings\.v1.*gruard topics --create"):
        Layout.of(KafkaSettings(), {})
    with pytest.raises(MissingError, match=r"foreign .*whoever writes"):
        Layout.of(KafkaSettings(input_topics=("foreign",)), {"telemetry.readings.v1": 3})
