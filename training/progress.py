"""A bar of epochs on a terminal; on anything else, silence."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from training.fit import Epoch


@contextmanager
def epochs(title: str, total: int) -> Iterator[Callable[[Epoch], None]]:
    """Gives the function that hears of each epoch."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[loss]}"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as progress:
        task = progress.add_task(title, total=total, loss="")

        def tell(epoch: Epoch) -> None:
            progress.update(task, completed=epoch.number, loss=f"held-out loss {epoch.held_out:.4f}")

        yield tell
