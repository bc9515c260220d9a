"""Fits a recurrent forecaster on history and writes it as a bundle that the service checks and steps.

One way: datasets -> windows -> network and fit -> calibrate -> export -> a bundle folder; `recipe` tells it as a story.
The service never imports this package, and this package never imports a broker's client.
"""

from training.datasets import Dataset, History, dataset
from training.recipe import Spec, fit_histories
from training.settings import Settings

__all__ = ["Dataset", "History", "Settings", "Spec", "dataset", "fit_histories"]
