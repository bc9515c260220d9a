"""The configured stream is opened, and who uses the embedded one does not pay for Kafka."""

import subprocess
import sys

import pytest

from service.errors import FencedError, UnavailableError
from service.settings import Settings
from service.streams.opening import open_box, open_log, open_stream, where
from tests.service.cli import environment


def test_who_uses_the_embedded_stream_does_not_import_a_kafka_client(tmp_path):
    script = """
import sys
from service.settings import Settings
from service.streams.opening import open_box, open_log, open_stream
import service.host, service.feed, service.record, service.deadletters
open_log(Settings(), create=True).close()
open_stream(Settings()).close()
open_box(Settings()).close()
sys.exit("kafka" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment(), check=False, timeout=60)
    assert done.returncode == 0


def test_only_who_may_create_makes_the_file(tmp_path):
    settings = Settings.model_validate({"embedded": {"path": tmp_path / "g.db", "partitions": 2}})
    for opened in (open_log, open_box):
        with pytest.raises(UnavailableError, match=r"g\.db"):
            opened(settings)
    log = open_log(settings, create=True)
    assert (log.partitions, log.where, log.place(1)) == (2, where(settings), ("telemetry.readings.v1", 1))
    log.close()


def test_a_stream_that_is_refused_leaves_nothing_open(tmp_path):
    settings = Settings.model_validate({"embedded": {"path": tmp_path / "g.db"}})
    first = open_stream(settings)
    for _ in range(3):
        with pytest.raises(FencedError, match=r"g\.db"):
            open_stream(settings)
    first.close()
    open_stream(settings).close()


def test_a_kafka_stream_is_called_by_its_topics_and_its_brokers():
    kafka = {"bootstrap_servers": "b:9092", "input_topics": ["plant", "line"]}
    assert where(Settings.model_validate({"stream": {"kind": "kafka"}, "kafka": kafka})) == "plant, line on b:9092"
