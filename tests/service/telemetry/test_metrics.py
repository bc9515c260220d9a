"""Metrics: names and labels that dashboards may rely on, told in batches, and no device id but for open alerts."""

import json
import re

import numpy as np
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from service.bundle import Bundles
from service.records import SCORE_EDGES, AlertRecord, Measured
from service.telemetry.metrics import Metrics
from service.telemetry.open_alerts import NAME, WORST
from tests.service.real import MODELS

ALLOWED = {
    "class", "outcome", "kind", "event", "severity", "reason", "partition", "sensor", "state", "type", "result",
    "name", "version", "sha256", "le",
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
        "kind": "process",
        "device_id": f"pump-{number}",
        "type": "level",
        "severity": severity,
        "score_max": score,
        "contributions": [{"sensor": "flow", "share": 1.0}],
        "model": {"name": "pump", "version": "1"},
    }
    return AlertRecord(f"pump-{number}", f"id-{number}", event, 1, "process", severity, 0, json.dumps(told).encode())


def shipped():
    return Bundles(MODELS, "universal").all()


def measured() -> Measured:
    scores = np.zeros(len(SCORE_EDGES) + 1, np.int64)
    scores[[0, 5, -1]] = 6, 1, 1
    return Measured(scores, 9.5, 40.0, 0.25, 50, 6)


def played() -> Metrics:
    metrics = Metrics(shipped(), version="1.2.3", clock=lambda: 100.0)
    metrics.rebalanced()
    metrics.restoring(0)
    metrics.restored(0, "exact", 5, 0.1)
    metrics.polled(10)
    metrics.stepped(0.01, 10)
    metrics.readings(0, {"stepped": 8, "late": 2})
    metrics.alerts(0, [alert()])
    metrics.dead_letters({"schema": 3})
    metrics.measured({"pump": measured()})
    metrics.waited(np.array([-3.0, 0.5, 7.0]), np.array([0.2, 0.3]))
    metrics.committed(0.002, 10)
    metrics.finished(0.02, 10)
    metrics.lag(0, 7, 95_000)
    metrics.snapshot(0, 3, 4096)
    metrics.summary(
        0,
        {
            "devices": 4,
            "warming": 1,
            "class/pump": 3,
            "class/other": 1,
            "judged/pump": 2,
            "drift/pump": 2 * np.log(1.5),
        },
    )
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
    assert value(metrics, "gruard_class_devices", **{"class": "pump"}) == 3
    assert value(metrics, "gruard_open_alerts", **{"class": "pump", "kind": "process", "severity": "warning"}) == 1
    assert value(metrics, "gruard_open_alert_types", type="level") == 1
    assert value(metrics, "gruard_opened_alerts_total", **{"class": "pump", "sensor": "flow"}) == 1
    assert value(metrics, "gruard_committed_records_total") == 10
    assert value(metrics, "gruard_rebalances_total") == 1
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
    metrics.alerts(0, [alert(event="resolved")])
    assert value(metrics, "gruard_open_alerts", **{"class": "pump", "kind": "process", "severity": "warning"}) == 0
    assert value(metrics, "gruard_open_alert_types", type="level") == 0


def test_an_alert_that_grows_worse_is_open_once():
    metrics = played()
    metrics.alerts(0, [alert(event="escalated", severity="critical")])
    found = {dict(labels)["severity"]: count for (name, labels), count in scraped(metrics).items()
             if name == "gruard_open_alerts" and count}  # fmt: skip
    assert found == {"critical": 1}
    assert value(metrics, "gruard_opened_alerts_total", **{"class": "pump", "sensor": "flow"}) == 1


def test_what_a_step_showed_is_told_by_class():
    metrics, pump = played(), {"class": "pump"}
    assert value(metrics, "gruard_score_count", **pump) == 8
    assert value(metrics, "gruard_score_sum", **pump) == 9.5
    below = [value(metrics, "gruard_score_bucket", le=str(float(edge)), **pump) for edge in SCORE_EDGES]
    assert below == [6, 6, 6, 6, 6, 7, 7, 7, 7, 7]
    assert value(metrics, "gruard_scored_device_seconds_total", **pump) == 40
    assert value(metrics, "gruard_allowed_false_alarms_total", **pump) == 0.25
    assert value(metrics, "gruard_sensor_values_total", state="missing", **pump) == 6
    assert abs(value(metrics, "gruard_limit_ratio", **pump) - 1.5) < 1e-9
    assert value(metrics, "gruard_score_count", **{"class": "fan"}) == 0


def test_waits_are_told_in_seconds_and_a_clock_that_is_ahead_has_not_waited():
    metrics = played()
    assert value(metrics, "gruard_end_to_end_seconds_count") == 3
    assert value(metrics, "gruard_end_to_end_seconds_sum") == 7.5
    assert value(metrics, "gruard_end_to_end_seconds_bucket", le="0.5") == 2
    assert value(metrics, "gruard_arrival_to_commit_seconds_count") == 2


def test_a_class_or_a_sensor_that_no_bundle_has_is_told_as_other():
    metrics = Metrics(shipped())
    strange = alert()
    told = json.loads(strange.value) | {"model": {"name": "<script>"}, "contributions": [{"sensor": "\x00"}]}
    metrics.alerts(0, [strange._replace(value=json.dumps(told).encode())])
    assert value(metrics, "gruard_opened_alerts_total", **{"class": "other", "sensor": "other"}) == 1
    assert value(metrics, "gruard_open_alerts", **{"class": "other", "kind": "process", "severity": "warning"}) == 1


def test_alerts_that_the_budget_is_not_meant_for_are_not_set_against_it():
    metrics = Metrics(shipped())
    change, silent = alert(severity="info"), alert()
    told = json.loads(silent.value) | {"kind": "data_quality"}
    metrics.alerts(0, [change, silent._replace(kind="data_quality", value=json.dumps(told).encode())])
    opened = {count for (name, _), count in scraped(metrics).items() if name == "gruard_opened_alerts_total"}
    assert opened == {0}


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
