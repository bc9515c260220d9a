"""The page shows every device's alerts with their sentence, and nothing that came from outside is markup."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from service.bundle import Bundles
from service.report import DEVICES, Story, write
from service.report.curves import Curves
from service.report.tally import Tally
from service.settings import Settings
from tests.service.bundles import Draft
from tests.service.report.scenes import alert, outcome, readings, scores

HOSTILE = "</h2><script>alert('x')</script>\"'&\u202e\x00$\\frac{1}$ ポンプ"


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.text: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        if tag not in ("meta", "img"):
            self.open.append(tag)
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def page(folder: Path, devices: list[str], known: bool = True) -> str:
    Draft("toy").write(folder / "models")
    tally, curves = Tally(5.0), Curves(None)
    seen = readings(devices * 60)
    found = scores(seen, ([-20.0] * 100 + [0.5] * 1000)[: len(seen.devices)])
    alerts = [alert(device, 1, event) for device in devices for event in ("opened", "resolved")]
    tally.add(seen, outcome(alerts, found, stepped=len(seen.devices)))
    curves.add(seen, found)
    (folder / "alerts.jsonl").write_bytes(b"".join(event.value + b"\n" for event in alerts))
    bundles = Bundles(folder / "models", "toy")
    chosen = tally.worth_showing(DEVICES)
    described = (f"inputs: {HOSTILE}", "sample period: 5 s")
    story = Story(tally, curves, chosen, folder / "alerts.jsonl", bundles, Settings(), described, known)
    write(story, folder / "report.html")
    return (folder / "report.html").read_text()


def test_nothing_from_outside_is_markup(tmp_path: Path) -> None:
    text = page(tmp_path, [HOSTILE])
    tags = Tags()
    tags.feed(text)
    assert not tags.open, "every tag is closed"
    assert "script" not in tags.seen
    shown = "".join(tags.text)
    assert "<script>alert('x')</script>" in shown
    assert "a is missing, expected 18 to 22 bar" in shown
    assert "default-src 'none'" in text


def test_the_page_needs_nothing_beside_it(tmp_path: Path) -> None:
    text = page(tmp_path, ["pump-1"])
    assert not re.search(r"(?:src|href)=\"(?!data:)", text)
    assert "url(" not in text


def test_many_devices_are_bounded_and_the_rest_is_mentioned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.report.pictures.history", lambda curve, alerts, axis: "data:image/png;base64,")
    text = page(tmp_path, [f"d{n}" for n in range(DEVICES + 3)])
    assert text.count("<section id=") == DEVICES
    assert "3 more devices" in text


def test_without_known_times_the_page_is_drawn_over_rows(tmp_path: Path) -> None:
    assert "data:image/png" in page(tmp_path, ["x"], known=False)
