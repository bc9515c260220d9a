"""Readings per second of a worker through a real broker, beside a plain consumer of the same topic in the same run.

The consumer does nothing with what it reads: no worker in Python can be faster. Both have the machine to themselves, in
turn; what is reported is the ratio, for the rates are the machine's.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from kafka import KafkaConsumer, TopicPartition

from service.fleet import START_MS, Sample, history, message
from service.fleet.classes import CLASSES
from service.progress import Progress
from tests.chaos.scene import Scene, make_topic, produce
from tests.chaos.traffic import PARTITIONS, Message
from tests.kafka.broker import start

PERIOD_MS = 10_000
TEMPLATES = 50  # simulated histories that the devices of a class share out, each starting elsewhere in its own
ROUNDS = 3
SERVICE = {"max_records": 8192, "snapshot_records": 250_000, "snapshot_s": 30.0, "idle_tick_s": 1e9}  # as shipped
SILENT_S = 2.0


def load(readings: int, devices: int, classes: tuple[str, ...] = tuple(CLASSES)) -> Iterator[Message]:
    """Readings of many devices in turn, healthy, in the order of arrival."""
    histories = {name: history(name, TEMPLATES, 3600, seed=5000) for name in classes}
    sensors = {name: [sensor.name for sensor in CLASSES[name].sensors] for name in classes}
    for number in range(readings):
        turn, device = divmod(number, devices)
        name = classes[device % len(classes)]
        _, _, values = histories[name][device % TEMPLATES]
        row = values[(turn + 37 * (device // TEMPLATES)) % len(values)].tolist()
        known = {sensor: value for sensor, value in zip(sensors[name], row, strict=True) if value == value}
        at = START_MS + turn * PERIOD_MS + device * PERIOD_MS // devices
        key, text = message(Sample(f"{name}-{device:07d}", name, at, at, known, {}, None))
        yield Message(device % PARTITIONS, key, text, at)


def consumed(bootstrap: str, topic: str) -> float:
    """Records a second of a consumer that only counts them."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed", group_id=None)
    places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    ends = consumer.end_offsets(places)
    consumer.assign(places)
    consumer.seek_to_beginning()
    began, count = time.perf_counter(), 0
    while count < sum(ends.values()):
        count += sum(map(len, consumer.poll(timeout_ms=200, max_records=8192).values()))
    taken = time.perf_counter() - began
    consumer.close()
    return count / taken


def worked(bootstrap: str, topic: str, folder: Path, readings: int) -> float:
    """Readings a second of `gruard run` with shipped models and settings, from the first record to the last commit."""
    with Scene(bootstrap, folder, topic) as scene:
        worker = scene.worker(worker=SERVICE)
        worker.until(lambda: len(worker.told("restored")) == PARTITIONS, "assignment")
        began, before = time.perf_counter(), scene.lag()
        scene.until_read(worker, patience_s=600)
        return before / (time.perf_counter() - began)


def measure(readings: int, devices: int, folder: Path) -> dict[str, dict[str, object]]:
    plain, service = [], []
    with start() as broker, Progress("rounds", ROUNDS) as progress:
        make_topic(broker.bootstrap, "bench")
        produce(broker.bootstrap, "bench", list(load(readings, devices)))
        for _ in range(ROUNDS):
            plain.append(consumed(broker.bootstrap, "bench"))
            service.append(worked(broker.bootstrap, "bench", folder, readings))
            progress.add(1)
    ratios = [one / other for one, other in zip(service, plain, strict=True)]
    return {
        "worker_over_plain_consumer": {
            "value": round(statistics.median(ratios), 2),
            "unit": "of the rate at which a plain consumer reads the same topic",
            "how": f"median of {ROUNDS} rounds, {readings:,} readings of {devices:,} devices in four classes: "
            f"{statistics.median(service):,.0f} readings a second through transactions and shipped models, "
            f"{statistics.median(plain):,.0f} records a second that are only counted",
        }
    }


def run(output: Path, quick: bool) -> int:
    readings, devices = (200_000, 10_000) if quick else (1_000_000, 20_000)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(readings, devices, Path(folder))
    return written(output, found)


def written(output: Path, found: dict[str, dict[str, object]]) -> int:
    output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for name, result in found.items():
        print(f"{name}: {result['value']} {result['unit']} ({result['how']})")
    return 0
