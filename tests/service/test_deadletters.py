"""Whatever is asked for in whichever order, and whenever it is cut off: a message is published again once."""

from collections import Counter
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import deadletters
from service.deadletters import replay, tally
from service.streams.letters import Letter, Place

REASONS = ("decode", "time", "late")


class CutError(Exception):
    pass


class MemoryBox:
    """Letters by partition; `cut` transactions from now on nothing gets through any more."""

    where = "memory"

    def __init__(self, letters: dict[int, list[Letter]]) -> None:
        self._letters = letters
        self._places: dict[int, Place] = {}
        self.published: list[Letter] = []
        self.cut: int | None = None

    def places(self) -> dict[int, Place]:
        return {partition: self._places.get(partition, Place()) for partition in self._letters}

    def letters(self, partition: int, start: int) -> Iterator[Letter]:
        return (letter for letter in self._letters[partition] if letter.position >= start)

    def takes(self, letter: Letter) -> bool:
        return not letter.truncated

    def publish(self, partition: int, letters: Sequence[Letter], place: Place) -> None:
        if self.cut is not None:
            self.cut -= 1
            if self.cut < 0:
                raise CutError
        self.published += letters
        self._places[partition] = Place.parse(place.text())

    def close(self) -> None:
        pass


def letter(position: int, reason: str, offset: int | None = None, truncated: bool = False, gap: int = 3) -> Letter:
    """Positions have gaps, as Kafka's offsets have."""
    at = position if offset is None else offset
    return Letter(position * gap, reason, f"error {at}", "in", 0, at, truncated, None, b"%d" % at, ())


boxes = st.lists(st.lists(st.sampled_from(REASONS), max_size=30), min_size=1, max_size=3).map(
    lambda rows: {
        partition: [letter(n, reason)._replace(partition=partition) for n, reason in enumerate(reasons)]
        for partition, reasons in enumerate(rows)
    }
)
wishes = st.lists(
    st.tuples(st.sets(st.sampled_from(REASONS)).map(sorted), st.none() | st.integers(0, 4)), max_size=6
)  # reasons (none = all), and how many transactions get through


@given(boxes, wishes, st.integers(1, 7))
def test_each_letter_is_published_once_whatever_was_asked_before_and_cut_off(letters, wishes, batch):
    box = MemoryBox(letters)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deadletters, "BATCH", batch)
        for reasons, box.cut in wishes:
            before = Counter(box.published)
            try:
                done = replay(box, reasons)
                assert done.published == Counter(each.reason for each in (Counter(box.published) - before).elements())
                due = [each for own in letters.values() for each in own if not reasons or each.reason in reasons]
                assert set(due) <= set(box.published)
            except CutError:
                pass
            new = Counter(box.published) - before
            assert all(not reasons or each.reason in reasons for each in new)
        box.cut = None
        replay(box)
        assert not replay(box).published
    assert Counter(box.published) == Counter(each for own in letters.values() for each in own)
    found = tally(box)
    assert {reason: told.letters for reason, told in found.items()} == Counter(e.reason for e in box.published)
    assert all(told.letters == told.again for told in found.values())


def test_of_one_partition_they_keep_their_order():
    box = MemoryBox({0: [letter(n, REASONS[n % 3]) for n in range(1000)]})
    replay(box)
    assert [each.offset for each in box.published] == list(range(1000))


def test_elements_of_one_message_are_one_message():
    rows = [(0, "time"), (1, "time"), (1, "late"), (1, "time"), (2, "late")]
    box = MemoryBox({0: [letter(n, reason, offset) for n, (offset, reason) in enumerate(rows)]})
    assert replay(box, ["late"]).published == {"late": 2}
    assert [each.offset for each in box.published] == [1, 2]
    assert {reason: (told.letters, told.again) for reason, told in tally(box).items()} == {
        "time": (3, 0),
        "late": (2, 2),
    }
    box = MemoryBox({0: [letter(n, reason, offset) for n, (offset, reason) in enumerate(rows)]})
    assert replay(box).published.total() == 3


def test_what_was_cut_is_told_and_left():
    box = MemoryBox({0: [letter(0, "time"), letter(1, "oversize", truncated=True), letter(2, "time")]})
    done = replay(box)
    assert (done.published, done.left) == ({"time": 2}, {"oversize": 1})
    assert tally(box)["oversize"].again == 0


def test_the_example_is_the_oldest():
    box = MemoryBox({0: [letter(4, "time"), letter(5, "time")]})
    assert tally(box)["time"].example.offset == 4
