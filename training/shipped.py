"""The models of the repository: one a device class of the simulated fleet, and the universal one.

History seeds begin at 1000, far from the demo's: a shipped model never saw the devices that it is shown with.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from service.errors import UsageError
from service.fleet import CLASSES
from training import datasets
from training.datasets import Dataset
from training.recipe import Spec
from training.settings import Settings

UNIVERSAL = "universal"
VERSION = "1"
DEVICES = 20
DURATION_S = 86_400.0
FIRST_SEED = 1000
# A long history of many devices: wider batches, fewer passes. Everything else is what a stranger's fit uses.
SETTINGS = Settings(streams=160, epochs=16)


def chosen(only: str | None) -> Sequence[str]:
    names = [*CLASSES, UNIVERSAL]
    if only is not None and only not in names:
        raise UsageError(f"--only {only}: there is no such shipped model, there are {', '.join(names)}")
    return [only] if only else names


def history(name: str, seed: int | None = None, devices: int = DEVICES, duration_s: float = DURATION_S) -> Dataset:
    return datasets.from_fleet(
        name, devices, duration_s, FIRST_SEED + list(CLASSES).index(name) if seed is None else seed
    )


def make(name: str, output: Path, fit: Callable[[Dataset, Spec], Path]) -> Path:
    """The bundle's folder. Blocks for a minute or two a class."""
    if name == UNIVERSAL:
        from training import universal

        return universal.build(output)
    return fit(history(name), Spec(name, output, VERSION, SETTINGS, runs=None))
