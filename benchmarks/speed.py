"""How much a reading and a device cost, in one process: the live detector beside the one-at-a-time loop.

Both are timed in turn, slice by slice, in the same run; what is reported is the ratio, for wall time is the machine's.
"""

import ctypes
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.single import SingleStepper
from service.bundle import Bundles
from service.detector import Detector
from service.detector.limits import per_ten_thousand
from service.detector.rules import AlertsSettings, DetectorSettings
from service.fleet import START_MS, history
from service.progress import Progress
from service.records import Readings

CLASS = "pump"
PERIOD_MS = 5000
TEMPLATES = 100  # simulated histories that the devices share out, each starting elsewhere in its own
BATCH = 8192  # the worker's largest poll
SLICES = 15  # in which the detector and the baseline take turns
SINGLES = 300  # readings of the baseline a slice


class Feed:
    """Readings of many devices in turn, one partition, healthy, with the simulator's own missing values."""

    def __init__(self, sensors: tuple[str, ...]) -> None:
        self.sensors = sensors
        self._offset = 0
        histories = history(CLASS, TEMPLATES, 4 * 3600, seed=5000)
        rows = min(len(values) for _, _, values in histories)
        self._values = np.stack([values[:rows] for _, _, values in histories])  # (templates, rows, sensors)

    def batches(self, readings: int, first_device: int, devices: int, first_turn: int = 0) -> Iterator[Readings]:
        templates, rows, _ = self._values.shape
        for first in range(0, readings, BATCH):
            n = np.arange(first, min(first + BATCH, readings))
            device, turn = first_device + n % devices, first_turn + n // devices
            times = START_MS + turn * PERIOD_MS + device % PERIOD_MS
            self._offset += len(n)
            yield Readings(
                partition=0,
                offsets=self._offset + n - first,
                arrivals=np.maximum.accumulate(times),
                record=np.arange(len(n), dtype=np.int32),
                devices=[f"{CLASS}-{d:07d}" for d in device.tolist()],  # new strings, as a decoder makes them
                times=times,
                classes=[CLASS] * len(n),
                sensors=self.sensors,
                values=self._values[device % templates, (turn + 37 * (device // templates)) % rows],
            )


def resident_bytes(trimmed: bool = False) -> int:
    """Of this process; `trimmed` = without what the C allocator keeps for the next batch, which no device owns."""
    if trimmed:
        ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def measure(models: Path, readings: int, devices: int, progress: Progress) -> dict[str, dict[str, object]]:
    """Half of the readings from a small fleet again and again, the other half from many more devices."""
    bundles = Bundles(models, CLASS)
    manifest = bundles.default.manifest
    detector = Detector(bundles, DetectorSettings(max_devices=6 * devices), AlertsSettings(), {})
    detector.open(0)
    feed = Feed(tuple(sensor.name for sensor in manifest.sensors))
    k = per_ten_thousand(0.5, np.array([manifest.sample_period_s or 1.0]))[0]
    memory = []
    for batch in feed.batches(readings // 2, 0, devices):
        timed(detector, batch)
        memory.append(resident_bytes())
        progress.add(len(batch.devices))
    few_devices = resident_bytes(trimmed=True)
    for batch in feed.batches(readings // 2, devices, 5 * devices):
        timed(detector, batch)
        progress.add(len(batch.devices))
    untrimmed, many_devices = resident_bytes(), resident_bytes(trimmed=True)
    single, batched, alone = SingleStepper(bundles.default, float(k)), [], []
    for batch in feed.batches(SLICES * BATCH, 0, devices, first_turn=readings // 2 // devices + 1):
        batched.append(timed(detector, batch))
        alone.append(one_at_a_time(single, batch))
    ratios = [one / many for one, many in zip(alone, batched, strict=True)]
    warm = 2 * devices // BATCH + 1  # every device has come by twice
    strengths, row = len(manifest.strengths), manifest.row_size(len(manifest.sensors))
    us = [statistics.median(values) * 1e6 for values in (batched, alone)]
    return {
        "batched_over_single": {
            "value": round(statistics.median(ratios), 1),
            "goal": 15,
            "unit": "times cheaper a reading than the same bundle and evidence one reading a call",
            "how": f"median of {SLICES} slices, quartiles {quartiles(ratios)}; {us[0]:.1f} us against {us[1]:.0f}",
        },
        "bytes_a_device": {
            "value": round((many_devices - few_devices) / (5 * devices)),
            "goal": 4 * row + 60 * strengths + 110,
            "unit": "resident bytes a device, ids included",
            "how": f"growth with {5 * devices} devices more, {row} floats of state and {strengths} strengths each; "
            f"the allocator kept {(untrimmed - many_devices) >> 20} MiB besides",
        },
        "memory_after_warm_up": {
            "value": round((memory[-1] - memory[warm]) / 2**20, 2),
            "goal": 1.0,
            "unit": "MiB",
            "how": f"growth from the second reading of {devices} devices to the last of {readings // 2} readings",
        },
    }


def timed(detector: Detector, batch: Readings) -> float:
    """Seconds a reading of a step and its fold."""
    start = time.perf_counter()
    detector.fold(detector.step(batch))
    return (time.perf_counter() - start) / len(batch.devices)


def one_at_a_time(single: SingleStepper, batch: Readings) -> float:
    start = time.perf_counter()
    for at in range(SINGLES):
        single.step(batch.devices[at], int(batch.times[at]), batch.values[at])
    return (time.perf_counter() - start) / SINGLES


def quartiles(values: list[float]) -> str:
    low, _, high = statistics.quantiles(values, n=4)
    return f"{low:.1f} to {high:.1f}"


def run(models: Path, output: Path, quick: bool) -> int:
    readings, devices = (1_000_000, 20_000) if not quick else (300_000, 10_000)
    with Progress("readings", readings) as progress:
        found = measure(models, readings, devices, progress)
    output.write_text(json.dumps(found, indent=2) + "\n")
    for name, row in found.items():
        print(f"{name:22} {row['value']:>8} (goal {row['goal']}) {row['unit']}\n{'':22} {row['how']}")
    return 0
