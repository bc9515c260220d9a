"""report.html: what a backtest found, with pictures, in one file that needs nothing beside it.

Devices with alerts come first, a bounded number of them. Everything that came from outside is escaped. The pictures
are matplotlib's, from the extra `reports`; without it there is no report.
"""

import importlib.util
from pathlib import Path

from service.report.story import DEVICES, Story

__all__ = ["DEVICES", "Story", "available", "write"]


def available() -> bool:
    return importlib.util.find_spec("matplotlib") is not None


def write(story: Story, path: Path) -> None:
    from service.report.page import page

    path.write_text(page(story), encoding="utf-8")
