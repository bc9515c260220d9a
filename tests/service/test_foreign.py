"""Messages of other people's making: three layouts that are really met, as samples and through a real broker."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kafka import KafkaAdminClient, KafkaProducer

from service.decoding import parse_time
from service.demo.scoreboard import rfc3339
from service.fleet import CLASSES, Fleet, Sample, readings_per_second
from service.settings import Settings
from service.streams.kafka.log import KafkaLog
from service.streams.kafka.settings import KafkaSettings
from tests.service.cli import command, environment, gruard
from tests.service.test_host import MODEL, Service

READINGS = 2000
DEVICES = 4

Messages = Iterator[tuple[bytes | None, Any]]


def whole(samples: list[Sample]) -> Messages:
    """One message a device and time, as a gateway sends them."""
    for s in samples:
        yield s.device.encode(), {"asset": {"id": s.device}, "ts": s.time_ms, "data": s.values, "fw": "1.2"}


def narrow(samples: list[Sample]) -> Messages:
    """One message a sensor, as an historian does."""
    for s in samples:
        for sensor, value in s.values.items():
            yield s.device.encode(), {"device": s.device, "at": rfc3339(s.time_ms), "tag": sensor, "v": value}


def batched(samples: list[Sample]) -> Messages:
    """Many flat readings a message, the device in the key alone, as a logger with little radio time does."""
    waiting: dict[str, list[dict[str, Any]]] = {}
    for s in samples:
        waiting.setdefault(s.device, []).append({"t": s.time_ms / 1000, **s.values})
        if len(waiting[s.device]) == 20:
            yield s.device.encode(), waiting.pop(s.device)
    yield from ((device.encode(), rest) for device, rest in waiting.items())


LAYOUTS: dict[str, tuple[Callable[[list[Sample]], Messages], dict[str, str]]] = {
    "whole": (whole, {"device": "/asset/id", "time": "/ts", "values": "/data"}),
    "narrow": (narrow, {"time": "/at", "sensor": "/tag", "value": "/v"}),
    "batched": (batched, {"device": "key", "time": "/t", "values": ""}),
}


def samples() -> list[Sample]:
    """A fleet with faults that ended a while ago; a sensor that is missing is not there, in any layout."""
    start_ms = (time.time_ns() // 1_000_000 - 2 * 86_400_000) // 1000 * 1000
    fleet = Fleet(DEVICES, 3, start_ms, 4, duration_s=READINGS / readings_per_second(DEVICES))
    found = []
    for sample in fleet.readings(None):
        if sample.clock is None:
            values = {name: value for name, value in sample.values.items() if value is not None}
            found.append(sample._replace(values=values))
        if len(found) == READINGS:
            break
    return found


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_sample_shows_the_reading_that_a_message_is(layout):
    write, mapping = LAYOUTS[layout]
    sample = samples()[0]
    key, message = next(write([sample]))
    mapped = {"GRUARD_READINGS__MAPPING": json.dumps(mapping)}
    said = gruard("config", "--sample", json.dumps(message), "--key", (key or b"").decode(), env=mapped)
    shown = json.loads(said.out.splitlines()[0])
    assert said.code == 0
    assert (shown["device"], parse_time(shown["time"])) == (sample.device, sample.time_ms)
    assert shown["values"].items() <= {name: pytest.approx(value) for name, value in sample.values.items()}.items()


class Plant:
    """Foreign topics of one layout, and the service that reads them."""

    def __init__(self, folder: Path, bootstrap: str, prefix: str, layout: str) -> None:
        self.write, mapping = LAYOUTS[layout]
        self.inputs = [f"{prefix}.{layout}.a", f"{prefix}.{layout}.b"]
        kafka = {
            "bootstrap_servers": bootstrap,
            "group": f"{prefix}-{layout}",
            "topic_prefix": f"{prefix}.{layout}",
            "input_topics": self.inputs,
        }
        configured = {
            "stream": {"kind": "kafka"},
            "kafka": kafka,
            "readings": {"mapping": mapping},
            "models": {"patterns": {f"{name}-*": name for name in CLASSES}},
            "detector": {"merge_window_s": 600 if layout == "narrow" else 0},
        }
        self.config = folder / f"{layout}.yaml"
        self.config.write_text(yaml.safe_dump(configured))
        self.kafka = KafkaSettings.model_validate(kafka)
        Settings.model_validate(configured)
        admin = KafkaAdminClient(bootstrap_servers=bootstrap)
        counts = zip(self.inputs, (1, 2), strict=True)
        topics = {name: {"num_partitions": count, "replication_factor": 1} for name, count in counts}
        admin.create_topics(topics, wait_for_metadata=True)
        admin.close()

    def fill(self, found: list[Sample]) -> int:
        """Devices lie in one topic or the other; the last message of each is one that nobody can read."""
        producer = KafkaProducer(bootstrap_servers=self.kafka.bootstrap_servers, linger_ms=5)
        sent = [
            producer.send(self.inputs[int(key[-1]) % 2], json.dumps(message).encode(), key=key)
            for key, message in self.write(found)
        ]
        sent += [producer.send(topic, b"\xff not json", partition=0) for topic in self.inputs]
        producer.flush(60)
        assert all(future.succeeded() for future in sent)
        producer.close()
        return len(sent)

    def serve(self, records: int) -> None:
        process = subprocess.Popen(
            command("run", "--port", "0", "--config", self.config), env=environment(MODEL), stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        with process:
            try:
                service = Service(process)
                service.until("gruard_records_total", records)
                service.stop()
            finally:
                process.kill()

    def alerts(self) -> list[dict[str, Any]]:
        log = KafkaLog(self.kafka)
        found = [json.loads(output.value) for _, output in log.written("alerts")]
        log.close()
        return found

    def gruard(self, *arguments: str) -> str:
        said = gruard(*arguments, "--config", self.config)
        assert (said.code, said.error) == (0, "")
        return said.out


def test_three_layouts_of_one_fleet_give_the_same_alerts_each_of_its_own_topics(kafka, prefix, tmp_path):
    found = samples()
    opened = {}
    for layout in LAYOUTS:
        plant = Plant(tmp_path, kafka.bootstrap, prefix, layout)
        assert all(topic in plant.gruard("topics", "--create") for topic in plant.inputs)
        plant.serve(plant.fill(found))
        alerts = plant.alerts()
        opened[layout] = {alert["alert_id"] for alert in alerts if alert["event"] == "opened"}
        for alert in alerts:
            assert alert["source"]["topic"] == plant.inputs[int(alert["device_id"][-1]) % 2]
        told = plant.gruard("deadletters").splitlines()
        assert told[0] == "decode: 2"
        assert told[1].strip().startswith(tuple(f"{topic} partition 0 offset" for topic in plant.inputs))
    assert opened["whole"] == opened["narrow"] == opened["batched"]
    assert len(opened["whole"]) > 1


def test_a_backtest_of_two_recorded_topics_is_the_live_run(kafka, prefix, tmp_path):
    plant = Plant(tmp_path, kafka.bootstrap, prefix, "batched")
    plant.gruard("topics", "--create")
    plant.serve(plant.fill(samples()))
    recorded = tmp_path / "r.parquet"
    assert "3 partitions" in plant.gruard("record", "--output", str(recorded))
    plant.gruard("backtest", str(recorded), "--output", str(tmp_path / "out"))
    again = [json.loads(line) for line in (tmp_path / "out" / "alerts.jsonl").read_text().splitlines()]
    assert _by_device(again) == _by_device(plant.alerts())
    assert again


def _by_device(alerts: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    return {name: [a for a in alerts if a["device_id"] == name] for name in {a["device_id"] for a in alerts}}
