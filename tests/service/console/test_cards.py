"""Model cards as components: the forms of a card come out as such, and nothing else than text comes out of the rest."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("dash", reason="the extra `console` is not installed: pip install 'gruard[console]'")

from service.console import cards
from tests.service.console import world
from tests.service.console.tree import kinds, texts, walk

ALLOWED = {
    "H4",
    "H5",
    "H6",
    "P",
    "Ul",
    "Li",
    "Table",
    "Thead",
    "Tbody",
    "Tr",
    "Th",
    "Td",
    "Div",
    "Code",
    "Strong",
    "Em",
}
CARDS = sorted((Path(__file__).parents[3] / "models").glob("*/*/card.md"))
pieces = st.lists(
    st.sampled_from(["# ", "## x", "| a | b |", "| --- | --- |", "* item", "  more", "", "`code`", "**bold**", "---",
                     "[text](javascript:alert(1))", "![p](http://h/p.png)", "<script>x</script>", "plain", "\x00"]),
    max_size=30,
)  # fmt: skip


@given(pieces.map("\n".join) | st.text(max_size=400))
def test_whatever_stands_in_a_card_only_known_forms_without_an_address_come_out(card):
    for component in walk(cards.components(card)):
        assert component._type in ALLOWED
        assert not {"href", "src", "n_clicks", "dangerously_allow_html"} & component.to_plotly_json()["props"].keys()


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.parts[-3])
def test_shipped_cards_come_out_with_their_headings_and_tables(path):
    made = cards.components(path.read_text("utf-8"))
    assert {"H4", "P", "Table", "Ul"} <= kinds(made)
    text = " ".join(texts(made))
    assert "Intended use" in text
    assert not {"**", "| ---", "](", "library: onnx"} & set(text.split(" "))


def test_markup_that_is_no_form_of_a_card_is_shown_as_its_characters():
    made = cards.components(world.CARD)
    assert "<script>window.hit = 1</script>" in " ".join(texts(made))
    assert "click" in texts(made)
