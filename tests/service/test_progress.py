"""Progress is for people at a terminal and for nobody else."""

import io

from service.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_one_line_that_is_gone_at_the_end() -> None:
    terminal = Terminal()
    with Progress("feeding", 4000, terminal) as progress:
        progress.add(1000)
    assert "feeding: 1,000 of 4,000" in terminal.getvalue()
    assert "\n" not in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_without_a_terminal_nothing_is_written() -> None:
    pipe = io.StringIO()
    with Progress("feeding", None, pipe) as progress:
        progress.add(1000)
    assert pipe.getvalue() == ""


def test_an_unknown_total_is_counted_up() -> None:
    terminal = Terminal()
    with Progress("recording", None, terminal) as progress:
        progress.add(7)
    assert "recording: 7 (" in terminal.getvalue()
