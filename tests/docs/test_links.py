"""Links between pages lead somewhere: the file is there, and so is the heading."""

from pathlib import Path
from urllib.parse import urlparse

import pytest

from tests.docs.pages import Page, every_page
from tests.service.cli import ROOT


@pytest.mark.parametrize("page", [pytest.param(page, id=page.name) for page in every_page()])
def test_every_link_of_a_page_leads_somewhere(page: Page) -> None:
    for number, target in page.links:
        assert not (wrong := dead(page, target)), f"{page.name}:{number}: {target}: {wrong}"


def dead(page: Page, target: str) -> str:
    """What is wrong with it; empty where nothing is. Other hosts are believed."""
    parsed = urlparse(target)
    if parsed.scheme:
        return "" if parsed.scheme == "https" and parsed.netloc else "not https"
    path = (ROOT / page.name).parent / parsed.path if parsed.path else ROOT / page.name
    if not path.exists():
        return "no such file"
    if parsed.fragment and parsed.fragment not in Page(str(path.resolve().relative_to(ROOT))).anchors:
        return "no such heading"
    return ""


def test_every_page_of_docs_can_be_reached_from_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    reached = {Path(target).name for _, target in Page("docs/README.md").links}
    here = {path.name for path in (ROOT / "docs").glob("*.md") if path != index}
    assert here <= reached


def test_every_picture_is_shown_somewhere() -> None:
    shown = {Path(target).name for page in every_page() for _, target in page.links}
    assert {path.name for path in (ROOT / "docs" / "pictures").iterdir()} <= shown
