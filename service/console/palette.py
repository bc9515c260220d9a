"""The colours of a picture, by the browser's scheme; those of the page around it are in assets/console.css."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Palette:
    ink: str
    faint: str  # texts beside the axes
    grid: str
    seen: str
    band: str
    middle: str  # the forecast
    evidence: str
    limit: str
    over: str  # evidence beyond the limit
    paper: str
    alert: dict[str, str]  # by tone


LIGHT = Palette(
    ink="#25313b", faint="#5d6b76", grid="#e9eef1", seen="#17415f", band="rgba(120,182,222,0.45)", middle="#4a93c4",
    evidence="#4d5a64", limit="#c62828", over="rgba(198,40,40,0.45)", paper="#ffffff",
    alert={"critical": "#c62828", "warning": "#e08a00", "info": "#5b7f95", "quality": "#78848e", "calm": "#78848e"},
)  # fmt: skip
DARK = Palette(
    ink="#e3e9ed", faint="#9fb0bb", grid="#26323a", seen="#d3e7f5", band="rgba(84,150,196,0.34)", middle="#5aa5d6",
    evidence="#b4c1ca", limit="#ff8a80", over="rgba(255,138,128,0.45)", paper="#182127",
    alert={"critical": "#ff8a80", "warning": "#ffb74d", "info": "#8fb8d0", "quality": "#9aa8b2", "calm": "#9aa8b2"},
)  # fmt: skip


def of(scheme: str | None) -> Palette:
    return DARK if scheme == "dark" else LIGHT
