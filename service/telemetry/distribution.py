"""A Prometheus histogram that is fed a whole batch at once: one call into numpy, however many readings there were."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

Counts = NDArray[np.int64]


class Distribution(Collector):
    def __init__(self, name: str, told: str, labels: Sequence[str], edges: Sequence[float]) -> None:
        self._name, self._told, self._labels = name, told, labels
        self._edges = np.array(edges)
        self._bounds = [*map(floatToGoString, edges), "+Inf"]
        # What a scrape reads, on a thread of its own: replaced as a whole, so it never sees half of a batch.
        self._held: dict[tuple[str, ...], tuple[Counts, float]] = {}

    def observe(self, values: NDArray[np.float64], *labels: str) -> None:
        if len(values):
            places = np.searchsorted(self._edges, values)  # an edge belongs to the bucket below it, as `le` says
            self.add(np.bincount(places, minlength=len(self._bounds)), float(values.sum()), *labels)

    def add(self, counts: Counts, total: float, *labels: str) -> None:
        """counts: by bucket, not cumulated; the last is beyond every edge."""
        before, sum_ = self._held.get(labels, (0, 0.0))
        self._held[labels] = before + counts, sum_ + total

    def collect(self) -> Iterator[Metric]:
        family = HistogramMetricFamily(self._name, self._told, labels=self._labels)
        for labels, (counts, total) in list(self._held.items()):
            cumulated = counts.cumsum().tolist()
            family.add_metric(labels, list(zip(self._bounds, cumulated, strict=True)), total)
        yield family
