"""How many time series one worker is: under 500 with 100,000 devices, and never more than 50 that name a device."""

from collections import Counter
from threading import Event

from prometheus_client import generate_latest

from service.bundle import Bundles
from service.fleet import Fleet, message
from service.host import engine
from service.records import AlertRecord
from service.streams.embedded import EmbeddedLog, EmbeddedStream, Message
from service.telemetry.declared import EVENTS, VALUES
from service.telemetry.metrics import Metrics
from service.telemetry.open_alerts import NAME, WORST
from service.telemetry.several import several
from service.worker.loop import Surroundings, Worker
from service.worker.observer import Silent
from service.worker.settings import WorkerSettings
from tests.service.real import settings
from tests.service.rig import START_MS
from tests.service.telemetry.test_metrics import alert, shipped

MOST = 500
DEVICES = 100_000
FALLEN_SILENT = 400
PARTITIONS = 12


def series(metrics):
    """Samples by metric, as a scrape counts them."""
    lines = generate_latest(metrics.registry).decode().splitlines()
    return Counter(line.partition(" ")[0].partition("{")[0] for line in lines if not line.startswith("#"))


class Day(Silent):
    """Time stands still until everything is read; then it moves on until silence is found everywhere."""

    def __init__(self, stop):
        self.stop, self.behind, self.silent = stop, set(range(PARTITIONS)), 0
        self.now_ms = START_MS

    def lag(self, partition, records, arrival_ms):
        if not records:
            self.behind.discard(partition)
        if not self.behind:
            self.now_ms = START_MS + 600_000

    def alerts(self, partition, alerts):
        self.silent += len(alerts)
        if self.silent >= FALLEN_SILENT:
            self.stop.set()


def messages():
    """One reading of each device, of five classes in turn; a second one of those that will be missed."""
    samples = {s.class_name: s for s in Fleet(8, 1, START_MS, 0).readings(30.0)}
    classes = sorted(samples)
    for number in range(DEVICES + FALLEN_SILENT):
        sample = samples[classes[number % len(classes)]]
        device, later = f"device-{number % DEVICES}", 10_000 * (number // DEVICES)
        named = "press" if number % 997 == 0 else sample.class_name
        own = sample._replace(device=device, class_name=named, time_ms=START_MS + later)
        yield Message(*message(own), START_MS + later)


def test_a_worker_with_a_hundred_thousand_devices_exposes_fewer_than_500_series(tmp_path):
    log = EmbeddedLog(tmp_path / "log.db", PARTITIONS)
    log.database.connection.execute("PRAGMA synchronous = OFF")
    log.append(messages())
    own, stop = settings(), Event()
    made = engine(own, Bundles(own.models.path, own.models.default))
    metrics, day = Metrics(shipped(), open_alerts=made.detector.open_alerts), Day(stop)
    around = Surroundings(several(metrics, day), lambda: day.now_ms)
    Worker(EmbeddedStream(log), made, WorkerSettings(poll_s=0.0, max_records=65536), around).run(stop)
    found, read = series(metrics), DEVICES + FALLEN_SILENT
    for name in ("committed_records_total", "end_to_end_seconds_count", "arrival_to_commit_seconds_count"):
        assert metrics.registry.get_sample_value(f"gruard_{name}") == read
    for name in ("batch_seconds_count", "rebalances_total"):
        assert metrics.registry.get_sample_value(f"gruard_{name}") >= 1
    assert metrics.registry.get_sample_value("gruard_transactions_total", {"result": "committed"}) >= 1
    assert metrics.registry.get_sample_value("gruard_class_devices", {"class": "other"}) > 50
    devices = [metrics.registry.get_sample_value("gruard_devices", {"partition": str(p)}) for p in range(PARTITIONS)]
    assert sum(devices) == DEVICES
    assert metrics.registry.get_sample_value("gruard_open_alert_types", {"type": "silent"}) == FALLEN_SILENT
    assert found[NAME] == WORST
    assert sum(found.values()) < MOST
    text = generate_latest(metrics.registry).decode().splitlines()
    assert not [line for line in text if "device-" in line and not line.startswith(NAME)]


def test_nothing_that_may_happen_makes_it_500_series():
    """Every value that a label may have, in a worker of twelve partitions that serves the shipped models."""
    metrics = Metrics(shipped())
    for partition in range(PARTITIONS):
        metrics.restored(partition, "exact", 0, 0.0)
        metrics.lag(partition, 1, 1)
        metrics.summary(partition, {})
    metrics.readings(0, dict.fromkeys(VALUES["outcome"], 1))
    metrics.dead_letters(dict.fromkeys(VALUES["reason"], 1))
    for number, (model, kind, severity) in enumerate(every_kind()):
        metrics.alerts(0, [named(number, model, kind, severity)])
    found = sum(series(metrics).values())
    assert 400 < found < MOST  # fewer would mean that this test has lost sight of some


def every_kind():
    kinds = {(kind, severity) for kind, _, severity in EVENTS} | {("process", "info"), ("data_quality", "info")}
    for model in [*(bundle.manifest.name for bundle in shipped()), "unknown"]:
        for _ in range(20):
            yield from ((model, kind, severity) for kind, severity in sorted(kinds))


def named(number, model, kind, severity):
    record = alert(number, severity=severity)
    value = record.value.replace(b'"pump"', f'"{model}"'.encode()).replace(b'"process"', f'"{kind}"'.encode())
    return AlertRecord(record.device, record.alert_id, "opened", 1, kind, severity, 0, value)
