"""What the demo puts on the screen: banner, one line an alert, a status line, and the scoreboard at the end.

Text only: nothing here knows a stream or decides anything. On a terminal it uses colour and one redrawn line, elsewhere
plain lines that a file can keep.
"""

import json
import statistics
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

from service.demo.scoreboard import BANDS, Judged, Opened, Play, Verdict, band

COLOURS = {"critical": "1;31", "warning": "33", "info": "36", "resolved": "32", "dim": "2", "bold": "1", "good": "32"}
WIDTH = 88
CLEAR = "\r\x1b[K"


class Screen:
    def __init__(self, to: TextIO) -> None:
        self._to = to
        self.terminal = to.isatty()
        self._status = False  # a status line stands where the next line goes

    def line(self, text: str = "") -> None:
        self._to.write(f"{CLEAR if self._status else ''}{text}\n")
        self._status = False
        self._to.flush()

    def status(self, text: str) -> None:
        if self.terminal:
            self._to.write(f"{CLEAR}{self.paint('dim', text[: WIDTH + 20])}")
            self._status = True
            self._to.flush()

    def paint(self, how: str, text: str) -> str:
        return f"\x1b[{COLOURS[how]}m{text}\x1b[0m" if self.terminal and how in COLOURS else text


def alert_line(alert: dict[str, Any], screen: Screen) -> str | None:
    """Of one published event; None for what only repeats that an alert goes on."""
    event, severity, device = alert["event"], alert["severity"], alert["device_id"]
    if event == "updated":
        return None
    word = "resolved" if event == "resolved" else severity
    sentence = alert["summary"].removeprefix(f"{device}: ")
    if event == "escalated":
        sentence = f"now critical: {sentence}"
    head = f"{alert['reading_time'][11:19]}  {screen.paint(word, f'{word:<8}')}  {device:<10}  "
    return head + (screen.paint("dim", sentence) if event == "resolved" else sentence)


def opened(alert: dict[str, Any], time_ms: int) -> Opened:
    parts = alert["contributions"]
    return Opened(
        alert["device_id"], alert["alert_id"], alert["kind"], alert["type"], alert["severity"], time_ms,
        parts[0]["sensor"] if parts else "", alert["summary"],
    )  # fmt: skip


def scoreboard(play: Play, verdict: Verdict, screen: Screen) -> Iterator[str]:
    """Line by line."""
    yield screen.paint("dim", "─" * WIDTH)
    yield (
        screen.paint("bold", "Scoreboard")
        + f"   {_span(play.played_s)} of {len(play.periods_s)} devices in "
        + (f"{_span(play.clock_s)} ({play.speed:g} times as fast as the clock)")
    )
    yield ""
    theirs, yours = (play.readings / max(seconds, 1e-9) for seconds in (play.played_s, play.clock_s))
    rates = f"{theirs:.1f} a second of theirs, {yours:,.0f} a second of yours"
    yield _row("played", f"{play.device_days:.2f} device-days, {play.readings:,} readings, {rates}")
    if play.dead_letters:
        yield _row("", f"{play.dead_letters:,} messages could not be readings (clocks ahead) and were dead-lettered")
    yield from _faults(verdict, screen)
    yield from _false(play, verdict, screen)
    yield screen.paint("dim", "─" * WIDTH)


def _faults(verdict: Verdict, screen: Screen) -> Iterator[str]:
    count, found = len(verdict.judged), len(verdict.found)
    share = f" ({found / count:.0%})" if count else ""
    yield _row("faults", screen.paint("bold", f"{found} of {count} found{share}") + _first_named(verdict))
    if verdict.undecided:
        yield _row("", f"{len(verdict.undecided)} more had begun when the play ended and are not counted")
    if count:
        yield ""
        yield from _table(verdict.judged, screen)
        yield ""
    for each in verdict.judged:
        if each.alert is None:
            fault = each.fault
            size = f", {fault.size:g} spreads" if fault.size is not None else ""
            times = f"{clock(fault.start_ms)} to {clock(fault.end_ms)}"
            yield _row("missed", f"{fault.device}: {fault.kind} of {', '.join(fault.sensors)}{size}, {times}")


def _first_named(verdict: Verdict) -> str:
    found = len(verdict.found)
    return f"; {verdict.named_first} of {found} alerts name a faulty sensor first" if found else ""


def _table(judged: Sequence[Judged], screen: Screen) -> Iterator[str]:
    """One row a kind, one column a size; a filled dot is a fault that was found."""
    sizes = [*(f"{low:g}-{high:g}" for low, high in BANDS), "no size"]
    head = "".join(f"{size:<10}" for size in sizes)
    yield screen.paint("dim", f"    {'kind':<14}{head}{'found':<9}delay (median)   sizes are in healthy spreads")
    for kind in sorted({each.fault.kind for each in judged}):
        own = [each for each in judged if each.fault.kind == kind]
        cells = "".join(_dots([each for each in own if band(each.fault) == size], screen) for size in sizes)
        delays = [each.delay_s for each in own if each.delay_s is not None]
        delay = _span(statistics.median(delays)) if delays else "never"
        yield f"    {kind:<14}{cells}{f'{len(delays)} of {len(own)}':<9}{delay}"


def _dots(judged: Sequence[Judged], screen: Screen) -> str:
    dots = "".join(screen.paint("good", "●") if each.alert else screen.paint("critical", "○") for each in judged)
    return dots + " " * (10 - len(judged))


def _false(play: Play, verdict: Verdict, screen: Screen) -> Iterator[str]:
    count = len(verdict.false_alarms)
    good = count <= play.allowed
    expected = play.budget * play.device_days
    yield _row("false", screen.paint("good" if good else "critical", f"{count} false alarm{'s' * (count != 1)}") + (
        f"; the budget of {play.budget:g} a device-day makes {expected:.1f}, and up to {play.allowed} is chance"
        f"{'' if good else ' (exceeded)'}"
    ))  # fmt: skip
    for alert in verdict.false_alarms:
        yield _row("", f"{clock(alert.time_ms)}  {alert.summary}")


def _row(name: str, text: str) -> str:
    return f"  {name:<9}{text}"


def clock(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%H:%M:%S")


def _span(seconds: float) -> str:
    """4 s, 2 min 5 s, 2 h 0 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def parsed(value: bytes) -> dict[str, Any]:
    alert: dict[str, Any] = json.loads(value)
    return alert
