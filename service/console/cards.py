"""A model card's markdown as components. Only text and known forms come out of it: no HTML, no picture, no script.

The forms that cards are written in: headings, paragraphs, lists, tables, `code`, **strong**, *emphasis*, links by their
text. Whatever else stands in a card is shown as the characters it is.
"""

import re
from collections.abc import Iterator

from dash import html
from dash.development.base_component import Component

from service.console import parts, words

INLINE = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*|!\[[^\]]*\]\([^)]*\)|\[([^\]]+)\]\([^)]*\)")
HEADING = re.compile(r"(#{1,6})\s+(.*)")
BULLET = re.compile(r"\s*[*-]\s+(.*)")
RULE = re.compile(r"\|?\s*:?-{3,}:?\s*(\|\s*:?-{3,}:?\s*)*\|?\s*")
MOST = 200_000  # characters of a card


def components(card: str) -> list[Component]:
    """The headings become h3 and below: the card stands under a heading of the page."""
    return list(_blocks(_body(card[:MOST]).splitlines()))


def _body(card: str) -> str:
    """Without the front matter, which the page shows as facts."""
    if not card.startswith("---\n"):
        return card
    _, _, rest = card[4:].partition("\n---\n")
    return rest or card


def _blocks(lines: list[str]) -> Iterator[Component]:
    at = 0
    while at < len(lines):
        end = _end(lines, at)
        if component := _block(lines[at:end]):
            yield component
        at = end


def _end(lines: list[str], at: int) -> int:
    """Of the block that begins here: a heading or an empty line is one by itself."""
    if not lines[at].strip() or HEADING.fullmatch(lines[at]):
        return at + 1
    end = at + 1
    while end < len(lines) and lines[end].strip() and not HEADING.fullmatch(lines[end]):
        end += 1
    return end


def _block(lines: list[str]) -> Component | None:
    text = " ".join(lines).strip()
    if not text:
        return None
    if heading := HEADING.fullmatch(lines[0]):
        level = min(len(heading[1]) + 2, 6)
        return getattr(html, f"H{level}")(_inline(heading[2])) if level > 3 else None  # the title is the page's own
    if len(lines) > 1 and RULE.fullmatch(lines[1]):
        return _table(lines)
    if BULLET.fullmatch(lines[0]):
        return html.Ul([html.Li(_inline(item)) for item in _items(lines)])
    inline = _inline(text)
    return html.P(inline) if inline else None


def _items(lines: list[str]) -> Iterator[str]:
    held = ""
    for line in lines:
        if bullet := BULLET.fullmatch(line):
            if held:
                yield held
            held = bullet[1]
        else:
            held += " " + line.strip()
    yield held


def _table(lines: list[str]) -> Component:
    head, *rows = [_cells(line) for at, line in enumerate(lines) if at != 1]
    return html.Div(
        html.Table(
            [
                html.Thead(html.Tr([html.Th(_inline(cell), scope="col") for cell in head])),
                html.Tbody([html.Tr([html.Td(_inline(cell)) for cell in row]) for row in rows]),
            ]
        ),
        className="scroll",
        tabIndex="0",
        role="region",
        **parts.also(aria_label="table of the card"),
    )


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _inline(text: str) -> list[Component | str]:
    out: list[Component | str] = []
    at = 0
    for match in INLINE.finditer(text):
        out.append(words.plain(text[at : match.start()], MOST))
        at = match.end()
        code, strong, emphasis, link = match.groups()
        if code:
            out.append(html.Code(words.plain(code)))
        elif strong:
            out.append(html.Strong(words.plain(strong)))
        elif emphasis:
            out.append(html.Em(words.plain(emphasis)))
        elif link:
            out.append(words.plain(link))
    out.append(words.plain(text[at:], MOST))
    return [each for each in out if each]
