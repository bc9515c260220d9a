"""Fits a recurrent forecaster on history and writes it as a bundle that the service checks and steps.

One way: datasets -> windows -> network and fit -> calibrate -> export -> a bundle folder; `recipe` tells it as a story.
The service never imports this package, and this package never imports a broker's client.
"""

import importlib
from typing import Any

_ROOMS = {
    "Dataset": "datasets",
    "History": "datasets",
    "dataset": "datasets",
    "Settings": "settings",
    "Spec": "recipe",
    "fit_histories": "recipe",
}
__all__ = list(_ROOMS)


def __getattr__(name: str) -> Any:
    """Rooms are opened when asked for: most need torch, and a usage error should not wait for it."""
    if name not in _ROOMS:
        raise AttributeError(f"module 'training' has no attribute {name!r}")
    return getattr(importlib.import_module(f"training.{_ROOMS[name]}"), name)
