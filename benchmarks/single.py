"""The baseline: the same bundle and the same evidence, one reading a call, as a straightforward loop would do it."""

import numpy as np
from numpy.typing import NDArray

from service.bundle import Bundle, session
from service.detector.limits import BLOCK, close_block, limits, seeded
from service.detector.scoring import Plan, judge


class SingleStepper:
    """A dict of device states and one model call a reading; no batches, no journal, no alerts."""

    def __init__(self, bundle: Bundle, k: float) -> None:
        manifest = bundle.manifest
        self._session = session(bundle.graph)
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._plan = Plan(manifest)
        self._seeds = seeded([manifest.limit_seeds[name] for name in self._plan.names])
        self._row_size = manifest.row_size(len(manifest.sensors))
        self._sensors = np.array([sum(sensor.scored for sensor in manifest.sensors)])
        self._k = np.array([k])
        self._devices: dict[str, dict[str, NDArray]] = {}  # type: ignore[type-arg]

    def step(self, device: str, time_ms: int, values: NDArray[np.float32]) -> float:
        """The evidence of this reading; the device's state is brought forward."""
        own = self._devices.get(device) or self._born(device, time_ms)
        feed = {
            "values": values[None],
            "elapsed": np.array([(time_ms - own["time"][0]) / 1000], np.float32),
            "time": np.array([time_ms], np.int64),
            "learn": np.ones(1, np.float32),
            "alerting": np.zeros(1, np.float32),
            "state": own["state"],
        }
        out = dict(zip(self._outputs, self._session.run(None, feed), strict=True))
        own["state"], own["time"] = out["next_state"], feed["time"]
        strength = self._plan.strengths(out["terms"], own["smooth"], own["count"], self._sensors)
        own["count"] += 1
        limit, correction = limits(own["top"], own["blocks"], own["floor"], self._k)
        own["floor"] += (strength - own["floor"]) / np.float32(own["count"][0])
        own["block"] = np.maximum(own["block"], strength.astype(np.float16))
        if own["count"][0] % BLOCK == 0:
            own["top"], own["age"] = close_block(own["top"], own["age"], own["block"], limit, np.zeros(1, bool))
            own["block"] = np.zeros_like(own["block"])
        return float(judge(self._plan, strength, limit, correction, self._sensors).evidence[0])

    def _born(self, device: str, time_ms: int) -> dict[str, NDArray]:  # type: ignore[type-arg]
        count, (top, age, blocks) = len(self._plan.names), self._seeds
        own = {
            "state": np.zeros((1, self._row_size), np.float32),
            "time": np.array([time_ms], np.int64),
            "smooth": np.zeros((1, len(self._plan.smoothed)), np.float32),
            "count": np.zeros(1, np.uint32),
            "blocks": np.array([blocks], np.uint8),
            "floor": np.zeros((1, count), np.float32),
            "block": np.zeros((1, count), np.float16),
            "top": top[None],
            "age": age[None],
        }
        self._devices[device] = own
        return own
