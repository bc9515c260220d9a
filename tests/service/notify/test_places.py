"""How far a target is: nothing that is not done with is ever behind a committed place, and little is told again."""

from hypothesis import given
from hypothesis import strategies as st

from service.notify.places import WORDS, Found, Mark, Place, Tracker


@st.composite
def histories(draw):
    """Offsets with gaps, and the order in which some of them are done with."""
    offsets = sorted(draw(st.sets(st.integers(0, 200), max_size=40)))
    done = draw(st.permutations(offsets))[: draw(st.integers(0, len(offsets)))]
    return offsets, done


@given(histories(), st.integers(0, 3))
def test_a_place_knows_exactly_what_is_done_with(history, together):
    offsets, done = history
    tracker = Tracker(Place(0))
    for offset in offsets:
        tracker.begin(offset)
    for first in range(0, len(done), together + 1):
        tracker.finish(done[first : first + together + 1])
    place = tracker.place()
    for offset in offsets:
        assert place.has(offset) == (offset in done)


@given(histories())
def test_a_life_after_a_restart_goes_on_with_what_is_left(history):
    offsets, done = history
    first = Tracker(Place(0))
    for offset in offsets:
        first.begin(offset)
    first.finish(done)
    mark = Mark({"ops": first.place()}, 0)
    found = Found.parse(mark.floor(), mark.text()).place("ops")
    assert found == first.place()
    second = Tracker(found)
    left = []
    for offset in offsets:
        if offset >= found.floor:
            second.begin(offset, done=second.handled(offset))
            left += [] if second.handled(offset) else [offset]
    assert set(left) == set(offsets) - set(done)
    assert all(second.place().has(offset) == (offset in done) for offset in offsets)
    second.finish(left)
    assert second.place() == Place(max([*offsets, found.floor - 1]) + 1)


@given(st.lists(st.integers(1, 60), unique=True).map(sorted))
def test_what_was_passed_by_is_done_with(open_):
    tracker = Tracker(Place(0))
    for offset in open_:
        tracker.pass_by(offset)
        tracker.begin(offset)
    tracker.pass_by(100)
    place = tracker.place()
    assert [offset for offset in range(100) if not place.has(offset)] == open_
    assert not place.has(100)
    tracker.finish(open_)
    assert tracker.place() == Place(100)


def test_words_too_long_for_a_broker_forget_runs_and_never_a_floor():
    runs = list(range(10, 20_000, 2))
    mark = Mark({"ops": Place(5, runs), "night": Place(3)}, 1)
    text = mark.text()
    assert len(text) <= WORDS
    found = Found.parse(mark.floor(), text)
    assert (found.offset, found.base) == (3, 1)
    kept = found.place("ops")
    assert kept.floor == 5
    assert kept.runs == runs[: len(kept.runs)]
    assert len(kept.runs) > 100


def test_too_many_targets_for_words_share_the_slowest_place():
    mark = Mark({f"target-{n:034d}": Place(1000 + n) for n in range(200)}, 7)
    assert mark.text() == ""
    found = Found.parse(mark.floor(), mark.text())
    assert found.place("target-0") == Place(1000)


def test_an_offset_that_a_tool_has_set_is_for_all_targets():
    for words in (None, "", "0:xyz:", "{}", '{"base": 1}'):
        assert Found.parse(42, words).place("ops") == Place(42)
        assert Found.parse(42, words).base == 42


def test_a_new_target_is_known_to_be_new():
    mark = Mark({"ops": Place(5)}, 0)
    assert Found.parse(5, mark.text()).place("night") is None


@given(st.integers(0, 100), st.lists(st.integers(0, 5000), unique=True, min_size=2).map(sorted))
def test_what_was_done_before_is_not_begun_anew(floor, runs):
    place = Place(floor, [floor + 1 + each for each in runs[: len(runs) // 2 * 2]])
    tracker = Tracker(place)
    for offset in range(floor, floor + 5200):
        tracker.begin(offset, done=tracker.handled(offset))
    assert all(tracker.place().has(offset) == place.has(offset) for offset in range(floor + 5200))
