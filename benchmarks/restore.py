"""How long a restore of 100,000 devices takes, after an orderly end and after a kill, beside a plain read of the state.

The state comes from a broker on this machine; a worker restores its partitions one after another, so the time is that
of all of them, from the start of the first to the last one restored.
"""

import signal
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.kafka import SERVICE, load, written
from service.progress import Progress
from tests.chaos import reader
from tests.chaos.scene import Scene, make_topic, produce
from tests.chaos.traffic import PARTITIONS
from tests.chaos.worker import Worker
from tests.kafka.broker import start

TOPIC = "bench"
ROUNDS = 5  # readings a device before the snapshot
UNIT = 100_000
LIMITS = {"max_devices": 1_000_000}


def restored(worker: Worker) -> tuple[float, int]:
    """Seconds of restoring, and readings replayed."""
    worker.until(lambda: len(worker.told("restored")) == PARTITIONS, "a restore", patience_s=600)
    entries: list[dict[str, Any]] = worker.told("restored")
    ends = [datetime.fromisoformat(entry["time"]).timestamp() for entry in entries]
    first = ends[0] - entries[0]["seconds"]
    return max(ends) - first, sum(entry["replayed"] for entry in entries)


def measure(devices: int, folder: Path, progress: Progress) -> dict[str, dict[str, object]]:
    with start() as broker:
        make_topic(broker.bootstrap, TOPIC)
        sent = list(load((ROUNDS + 1) * devices, devices))
        produce(broker.bootstrap, TOPIC, sent[: ROUNDS * devices])
        with Scene(broker.bootstrap, folder, TOPIC) as scene:
            changed = {"worker": SERVICE | {"snapshot_s": 1e6, "snapshot_records": 10**8}, "detector": LIMITS}
            scene.finish(**changed)
            progress.add(1)
            loading = scene.worker(**changed)
            load_s, none = restored(loading)
            assert none == 0
            progress.add(1)
            produce(broker.bootstrap, TOPIC, sent[ROUNDS * devices :])
            scene.until_read(loading, patience_s=600)
            loading.kill()
            assert loading.process.returncode == -signal.SIGKILL
            replaying = scene.worker(**changed)
            replay_s, replayed = restored(replaying)
            replaying.kill()
            progress.add(1)
            began = time.perf_counter()
            state = reader.state(broker.bootstrap, scene.prefix)
            read_s = time.perf_counter() - began
    size = sum(len(value) for kept in state.values() for value in kept.values())
    per = UNIT / devices
    return {
        "restore_per_100k_devices": {
            "value": round(load_s * per, 1),
            "unit": "s after SIGTERM, nothing to replay",
            "how": f"{devices:,} devices in {PARTITIONS} partitions, {size / 2**20:.0f} MiB of state; a plain "
            f"consumer reads it in {read_s * per:.1f} s",
        },
        "restore_and_replay_per_100k_devices": {
            "value": round(replay_s * per, 1),
            "unit": "s after kill -9, replay included",
            "how": f"{replayed:,} readings replayed: one of every device since the snapshot",
        },
    }


def run(output: Path, quick: bool) -> int:
    devices = 20_000 if quick else 100_000
    with tempfile.TemporaryDirectory() as folder, Progress("stages", 3) as progress:
        found = measure(devices, Path(folder), progress)
    return written(output, found)
