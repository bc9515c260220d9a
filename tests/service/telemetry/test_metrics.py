"""Metrics: names and labels that dashboards may rely on, told in batches, and no device id but for open alerts."""

import json
import re

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from service.records import AlertRecord
from service.telemetry.metrics import Metrics
from service.telemetry.open_alerts import NAME, WORST

ALLOWED = {
    "outcome", "kind", "event", "severity", "reason", "partition", "state", "result", "name", "version", "sha256", "le",
}  # fmt: skip


def scraped(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text = generate_latest(metrics.registry).decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return scraped(metrics).get((name, frozenset(labels.items())))


def alert(number: int = 1, event: str = "opened", severity: str = "warning", score: float = 1.0) -> AlertRecord:
    told = {
        "alert_id": f"id-{number}",
        "event": event,
        "device_id": f"pump-{number}",
        "type": "level",
        "severity": severity,
        "score_max": score,
    }
    return AlertRecord(f"pump-{number}", f"id-{number}", event, 1, "process", severity, 0, json.dumps(told).encode())


def played() -> Metrics:
    metrics = Metrics(version="1.2.3", clock=lambda: 100.0)
    metrics.restoring(0)
    metrics.restored(0, "exact", 5, 0.1)
    metrics.polled(10)
    metrics.stepped(0.01, 10)
    metrics.readings(0, {"stepped": 8, "late": 2})
    metrics.alerts(0, [alert()])
    metrics.dead_letters({"schema": 3})
    metrics.committed(0.002, 10)
    metrics.lag(0, 7, 95_000)
    metrics.snapshot(0, 3, 4096)
    metrics.summary(0, {"devices": 4, "warming": 1, "open/process/warning": 1})
    metrics.ticked(0)
    metrics.unavailable("locked", 1.0)
    metrics.superseded("late")
    metrics.uncertain("no answer", 1.0)
    metrics.fenced("two of a name")
    metrics.stalled("nothing moves")
    metrics.resumed(0, 7)
    metrics.lost_records(0, 2)
    metrics.turned()
    return metrics


def test_every_name_has_the_prefix_a_unit_or_a_count_and_a_closed_set_of_labels():
    for family in played().registry.collect():
        if family.name.startswith("process_"):
            continue  # the client library's own, named as everywhere
        assert re.fullmatch(r"gruard(_[a-z]+)+", family.name)
        assert family.documentation
        for sample in family.samples:
            if family.name != NAME:
                assert set(sample.labels) <= ALLOWED, sample


def test_counters_end_in_total_and_times_are_in_seconds():
    for family in played().registry.collect():
        assert not family.name.endswith(("_ms", "_milliseconds", "_kb"))
        if family.type == "counter" and family.name.startswith("gruard_"):
            assert all(sample.name.endswith("_total") for sample in family.samples)


def test_what_the_worker_tells_is_what_a_scrape_sees():
    metrics = played()
    assert value(metrics, "gruard_records_total") == 10
    assert value(metrics, "gruard_readings_total", outcome="stepped") == 8
    assert value(metrics, "gruard_alert_events_total", kind="process", event="opened", severity="warning") == 1
    assert value(metrics, "gruard_dead_letters_total", reason="schema") == 3
    assert value(metrics, "gruard_lag_records", partition="0") == 7
    assert value(metrics, "gruard_lag_seconds", partition="0") == 5
    assert value(metrics, "gruard_devices", partition="0") == 4
    assert value(metrics, "gruard_open_alerts", kind="process", severity="warning") == 1
    assert value(metrics, "gruard_partitions", state="running") == 1
    assert value(metrics, "gruard_restores_total", result="exact") == 1
    assert value(metrics, "gruard_build_info", version="1.2.3") == 1
    assert value(metrics, "gruard_snapshot_bytes_total") == 4096
    for name in ("commits_superseded", "commits_uncertain", "fenced", "stalled", "breaker_resumed"):
        assert value(metrics, f"gruard_{name}_total") == 1


def test_a_partition_is_in_one_state_and_its_breaker_is_closed_till_it_trips():
    metrics = played()
    assert value(metrics, "gruard_breaker_open", partition="0") == 0
    metrics.tripped(0, "too many")
    assert value(metrics, "gruard_breaker_open", partition="0") == 1
    metrics.parked(0)
    states = {state: value(metrics, "gruard_partitions", state=state) for state in ("restoring", "running", "parked")}
    assert states == {"restoring": 0, "running": 0, "parked": 1}
    metrics.restored(0, "exact", 0, 0.0)
    assert value(metrics, "gruard_breaker_open", partition="0") == 0
    assert value(metrics, "gruard_partitions", state="parked") == 0


def test_a_partition_that_is_caught_up_has_no_lag_however_old_its_last_record_is():
    metrics = played()
    metrics.lag(0, 0, None)
    assert value(metrics, "gruard_lag_seconds", partition="0") == 0


def test_an_empty_poll_is_no_batch():
    metrics = played()
    before = value(metrics, "gruard_batch_records_count")
    metrics.polled(0)
    assert value(metrics, "gruard_batch_records_count") == before


def test_alerts_that_are_over_are_told_as_none_open():
    metrics = played()
    metrics.summary(0, {"devices": 4})
    assert value(metrics, "gruard_open_alerts", kind="process", severity="warning") == 0


def test_a_partition_that_left_is_gone_from_every_metric():
    metrics = played()
    metrics.dropped(0)
    metrics.dropped(1)
    left = [name for name, labels in scraped(metrics) if ("partition", "0") in labels]
    assert left == []
    assert value(metrics, "gruard_partitions", state="running") == 0


def test_only_the_worst_open_alerts_name_their_devices():
    metrics = Metrics()
    metrics.alerts(0, [alert(n, score=float(n)) for n in range(100)] + [alert(200, severity="critical", score=0.1)])
    named = {dict(labels)["device"] for name, labels in scraped(metrics) if name == NAME}
    assert named == {"pump-200"} | {f"pump-{n}" for n in range(100 - WORST + 1, 100)}


def test_a_resolved_alert_is_named_no_more():
    metrics = Metrics()
    metrics.alerts(0, [alert(1), alert(2)])
    metrics.alerts(0, [alert(1, event="resolved")])
    assert {dict(labels)["device"] for name, labels in scraped(metrics) if name == NAME} == {"pump-2"}


def test_alerts_that_were_open_before_a_restart_are_named_after_it():
    metrics = Metrics(open_alerts=lambda partition: {"alert/pump-3/id-3": alert(3).value})
    metrics.restored(1, "exact", 0, 0.0)
    assert value(metrics, NAME, device="pump-3", type="level", severity="warning") == 1
    metrics.dropped(1)
    assert value(metrics, NAME, device="pump-3", type="level", severity="warning") is None
