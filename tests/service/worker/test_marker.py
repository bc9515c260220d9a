"""A marker speaks for all pages: whatever is missing, stale or foreign among them shows."""

from hypothesis import given
from hypothesis import strategies as st

from service.worker.marker import Marker, Pages

pages = st.dictionaries(st.text(min_size=1, max_size=3), st.binary(max_size=4), max_size=6)


def test_a_marker_survives_its_way_through_an_offsets_metadata():
    marker = Marker(offset=7, sequence=1, pages=3, checksum=99, fingerprint="f" * 64)
    assert Marker.parse(marker.text()) == marker
    assert len(marker.text()) < 4096  # a broker's limit for the metadata of an offset


def test_words_that_are_not_ours_are_no_marker():
    for text in ("", "{}", "words", '{"offset": 1}', "[1, 2]"):
        assert Marker.parse(text) is None


@given(pages, st.dictionaries(st.text(min_size=1, max_size=3), st.none() | st.binary(max_size=4), max_size=6))
def test_changes_add_up_to_the_same_checksum_as_a_fresh_look(before, changes):
    after = {**before, **changes}
    kept = {key: value for key, value in after.items() if value is not None}
    told, fresh = Pages(before.items()).after(changes.items()), Pages(kept.items())
    assert (len(told), told.checksum) == (len(fresh), fresh.checksum)
    assert set(Pages(before.items()).beside(kept)) == before.keys() - kept.keys()


@given(pages, pages)
def test_other_pages_have_another_checksum(one, other):
    same = (len(Pages(one.items())), Pages(one.items()).checksum) == (
        len(Pages(other.items())),
        Pages(other.items()).checksum,
    )
    assert same == (one == other)


def test_a_byte_that_moves_between_key_and_value_shows():
    assert Pages([("a", b"b")]).checksum != Pages([("ab", b"")]).checksum


@given(pages, pages)
def test_looking_ahead_changes_nothing(before, changes):
    held = Pages(before.items())
    was = len(held), held.checksum
    held.after(changes.items())
    assert (len(held), held.checksum) == was
