"""Names out of data can't bend a page, addresses come back as the name they were made of, and numbers stay readable."""

import unicodedata
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.console import words

names = st.text(max_size=300)


@given(names)
def test_no_name_keeps_a_character_that_controls_or_turns_what_stands_beside_it(name):
    for character in words.plain(name):
        assert unicodedata.category(character) not in ("Cc", "Zl", "Zp")
        assert unicodedata.bidirectional(character) not in (
            "RLO",
            "LRO",
            "RLE",
            "LRE",
            "RLI",
            "LRI",
            "FSI",
            "PDF",
            "PDI",
        )


@given(names, st.integers(1, 200))
def test_no_name_is_longer_than_the_room_for_it(name, longest):
    assert len(words.plain(name, longest)) <= longest + 1


@given(st.text("abcdefghijkl-_0123456789 .°%é", max_size=100))
def test_an_ordinary_name_is_shown_as_it_is(name):
    assert words.plain(name) == name


def test_marks_do_not_climb_over_the_lines_around():
    shown = words.plain("a" + "\u0301" * 50 + "b")
    assert shown.count("\u0301") == words.MARKS
    assert shown.endswith("b")


@given(names)
def test_a_device_s_address_names_that_device_and_leaves_its_folder_by_no_way_up(name):
    device = pytest.importorskip("service.console.device", reason="the extra `console` is not installed")
    name = name.encode("utf-8", "replace").decode()  # an id travels as UTF-8
    parts = urlsplit(words.device_path(name))
    assert device.identity(parts.path, f"?{parts.query}" if parts.query else "") == name
    assert parts.path.startswith("/device/")
    assert parts.path.removeprefix("/device/").replace("%2E", ".").replace("%2e", ".") not in (".", "..")


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "0 s"), (59, "59 s"), (125, "2 min 5 s"), (3600, "1 h"), (90000, "1 d 1 h"), (None, "–")]
)
def test_a_span_has_two_units_at_most(seconds, told):
    assert words.span(seconds) == told


@given(st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False))
def test_a_number_is_short_whatever_it_is(value):
    assert len(words.number(value)) <= 420
    assert len(words.number(max(min(value, 1e9), -1e9))) <= 14


def test_what_is_unknown_is_a_dash():
    assert {words.number(None), words.score(None), words.moment(None), words.span(None), words.brief(None)} == {"–"}
