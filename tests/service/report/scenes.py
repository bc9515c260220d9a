"""Small readings, scores and alerts for report tests."""

import json

import numpy as np

from service.records import AlertRecord, Outcome, Readings, Scores

START = 1_700_000_000_000


def readings(devices: list[str], sensors: tuple[str, ...] = ("a", "b"), start: int = START, seed: int = 0) -> Readings:
    """One reading of each device in turn, five seconds apart."""
    n = len(devices)
    times = start + 5000 * np.arange(n, dtype=np.int64)
    values = np.random.default_rng(seed).normal(20, 1, (n, len(sensors))).astype(np.float32)
    record = np.arange(n, dtype=np.int32)
    return Readings(0, record.astype(np.int64), times, record, list(devices), times, [None] * n, sensors, values)


def scores(of: Readings, evidence: list[float] | None = None) -> Scores:
    n = len(of.devices)
    found = np.full(n, -1, np.float32) if evidence is None else np.array(evidence, np.float32)
    nothing = np.zeros(n, np.float32)
    band = np.full_like(of.values, 20)
    return Scores(
        of, np.arange(n), np.exp(found), found, nothing + 1, found >= 0, nothing, found >= 0, ["a"] * n,
        band, band - 2, band + 2,
    )  # fmt: skip


def outcome(alerts: list[AlertRecord] | None = None, made: Scores | None = None, **counts: int) -> Outcome:
    return Outcome(0, alerts or [], [], counts, made, None)


def alert(device: str, number: int, event: str, severity: str = "warning", kind: str = "process") -> AlertRecord:
    resolved = event == "resolved"
    value = {
        "alert_id": f"{device}/{number}",
        "event": event,
        "kind": kind,
        "type": "surprise",
        "severity": severity,
        "device_id": device,
        "onset_time": "2023-11-14T22:13:20.000Z",
        "reading_time": "2023-11-14T22:14:20.000Z",
        "resolved_time": "2023-11-14T22:15:20.000Z" if resolved else None,
        "resolved_reason": "recovered" if resolved else None,
        "duration_s": 120.0 if resolved else 0.0,
        "score": 0.5 if resolved else 2.0,
        "score_max": 2.0,
        "contributions": [
            {"sensor": "a", "unit": "bar", "observed": None, "expected": 20.0, "lower": 18.0, "upper": 22.0,
             "share": 1.0, "direction": "none"}
        ],
        "summary": f"{device}: a is missing, expected 18 to 22 bar",
    }  # fmt: skip
    text = json.dumps(value, ensure_ascii=False).encode()
    return AlertRecord(device, str(value["alert_id"]), event, 1, kind, severity, 0, text)
