"""A small fleet as the HTTP API would tell of it: times a second apart, one device ill if it is wished."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

BEGAN = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
MODEL = {"name": "pump", "version": "1", "sha256": "ab" * 32}
CARD = """---
name: pump
---

# pump 1

## Intended use

Streaming detection in devices of class `pump`. It is **no** safety device.

* One thing
  that goes on
* Another

| sensor | unit |
| --- | --- |
| flow | m3/h |

![a picture](forecast.png)

<script>window.hit = 1</script> [click](javascript:window.hit=1)
"""


def at(second: float) -> str:
    return (BEGAN + timedelta(seconds=second)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def status(**changes: Any) -> dict[str, Any]:
    return {
        "version": "0.1.0", "stream": "file telemetry.db", "started": at(0), "ready": True, "problem": "",
        "partitions": {"running": 4, "restoring": 0}, "devices": 3, "readings": 12_000, "lag_records": 0,
        "lag_seconds": 0.12, "open_alerts": {"info": 0, "warning": 0, "critical": 1}, "budget": 0.5,
    } | changes  # fmt: skip


def alert(device: str = "pump-17", **changes: Any) -> dict[str, Any]:
    return {
        "schema": "gruard.alert.v1", "alert_id": f"id-{device}", "event": "opened", "sequence": 1, "kind": "process",
        "type": "level", "severity": "critical", "device_id": device, "device_class": "pump", "labels": {},
        "onset_time": at(200), "reading_time": at(212), "resolved_time": None, "resolved_reason": None,
        "duration_s": 12.0, "score": 2.4, "score_max": 2.4,
        "budget": {"false_alarms_per_device_day": 0.5, "extrapolated": False},
        "contributions": [
            {"sensor": "flow", "unit": "m3/h", "observed": 61.2, "expected": 80.1, "lower": 76.0, "upper": 84.2,
             "share": 0.71, "direction": "low"},
            {"sensor": "pressure", "unit": "bar", "observed": 3.1, "expected": 3.4, "lower": 3.2, "upper": 3.6,
             "share": 0.29, "direction": "low"},
        ],
        "summary": f"{device}: flow is 61.2 m3/h, expected 76 to 84.2; low for 12 s",
        "model": MODEL, "source": {"topic": "telemetry.readings.v1", "partition": 0, "offset": 900},
        "explanation": None,
    } | changes  # fmt: skip


def resolved(device: str = "pump-3", **changes: Any) -> dict[str, Any]:
    return alert(
        device, event="resolved", sequence=3, severity="warning", kind="data_quality", type="stuck",
        resolved_time=at(150), resolved_reason="recovered", onset_time=at(90), reading_time=at(150), duration_s=60.0,
        summary=f"{device}: back to normal after 60 s", contributions=[],
        explanation={
            "reading_time": at(90), "summary": f"{device}: vibration has not moved for 20 readings",
            "contributions": [{"sensor": "vibration", "unit": "mm/s", "observed": 1.1, "expected": 1.2, "lower": 1.0,
                               "upper": 1.4, "share": 1.0, "direction": "none"}],
        },
    ) | changes  # fmt: skip


def early() -> tuple[int, dict[str, Any]]:
    """Of a service that has no list of its devices yet."""
    return 503, {"title": "Service Unavailable", "status": 503, "detail": "the list of devices is being made"}


def device(identity: str = "pump-17", **changes: Any) -> dict[str, Any]:
    return {
        "id": identity, "class": "pump", "model": {"name": "pump", "version": "1"}, "last_time": at(299),
        "score": 0.21, "warming": False, "severity": None, "open_alerts": 0, "recorded": True,
    } | changes  # fmt: skip


def curve(level: float, fall: float = 0.0) -> dict[str, Any]:
    expected = [level * (1 + 0.03 * math.sin(second / 20)) for second in range(300)]
    observed = [value - (fall if second >= 200 else 0) + level * 0.006 * math.sin(second * 2.3)
                for second, value in enumerate(expected)]  # fmt: skip
    observed[40:44] = [None] * 4  # type: ignore[list-item]
    return {
        "unit": "bar", "observed": observed, "expected": expected, "lower": [value * 0.96 for value in expected],
        "upper": [value * 1.04 for value in expected],
    }  # fmt: skip


def recent() -> dict[str, Any]:
    evidence = [-2 + 0.3 * math.sin(second / 7) + (2.6 if 208 <= second < 260 else 0) for second in range(300)]
    return {
        "time": [at(second) for second in range(300)], "score": [math.exp(value) for value in evidence],
        "evidence": evidence, "limit": [1.0] * 300, "alert": [second >= 212 for second in range(300)],
        "leading_sensor": ["flow"] * 300,
        "sensors": {"flow": curve(80, 18), "pressure": curve(3.4, 0.3), "vibration": curve(1.1)},
    }  # fmt: skip


def detail(identity: str = "pump-17", **changes: Any) -> dict[str, Any]:
    return device(identity) | {
        "labels": {"site": "north"}, "recent": recent(), "alerts": [],
        "contributions": [{"sensor": "flow", "share": 0.6}, {"sensor": "pressure", "share": 0.4}],
    } | changes  # fmt: skip


def model() -> dict[str, Any]:
    return {
        **MODEL, "sample_period_s": 5.0, "cell": "gru", "metrics": {"skill_over_last_value": 0.56}, "card": CARD,
        "sensors": [{"name": "flow", "unit": "m3/h", "low": 0, "high": 200},
                    {"name": "pressure", "unit": "bar", "low": 0, "high": 12}],
    }  # fmt: skip


def fault(identity: str = "pump-17", **changes: Any) -> dict[str, Any]:
    return {
        "device": identity, "kind": "shift", "start": at(195), "end": at(280), "size": 4.1, "detected": True,
        "delay_s": 17.0, "alert_id": f"id-{identity}", "sensor": "flow", "leading_sensor": "flow",
    } | changes  # fmt: skip


def scoreboard(**changes: Any) -> dict[str, Any]:
    return {
        "seconds": 10, "speed": 60, "devices": 3, "device_days": 0.4, "readings": 12_000, "readings_per_second": 3.2,
        "faults": [fault(), fault("pump-3", detected=False, delay_s=None, alert_id=None, leading_sensor=None)],
        "faults_injected": 2, "faults_detected": 1, "faults_undecided": 0, "recall_by_kind": {}, "recall_by_size": {},
        "false_alarms": 0, "false_alarms_per_device_day": 0.0, "false_alarms_allowed": 2, "false_alarm_list": [],
        "budget": 0.5, "dead_letters": 0, "model": [MODEL], "finished": False,
    } | changes  # fmt: skip


def devices(lines: list[dict[str, Any]], query: dict[str, str]) -> dict[str, Any]:
    own = [
        line
        for line in lines
        if query.get("severity", line["severity"]) == line["severity"]
        and query.get("class", line["class"]) == line["class"]
        and query.get("q", "") in line["id"]
        and (query.get("open") != "true" or line["open_alerts"])
    ]
    return {"devices": own, "total": len(own), "next": None}


def alerts(told: list[dict[str, Any]], query: dict[str, str]) -> dict[str, Any]:
    state = query.get("state", "open")
    own = [
        alert
        for alert in told
        if state in ("all", "resolved" if alert["event"] == "resolved" else "open")
        and query.get("severity", alert["severity"]) == alert["severity"]
        and query.get("kind", alert["kind"]) == alert["kind"]
    ]
    return {"alerts": own, "next": None}


def fleet(*ill: str) -> dict[str, Any]:
    """What a service says of pump-17, pump-3 and fan-2, with an open critical alert for each of `ill`."""
    open_alerts = [alert(name) for name in ill]
    names = ["pump-17", "pump-3", "fan-2"]
    lines = [device(name, severity="critical" if name in ill else None, open_alerts=int(name in ill)) for name in names]
    lines.sort(key=lambda line: (line["severity"] is None, line["id"]))
    past = resolved()
    says: dict[str, Any] = {
        "/api/v1/status": status(open_alerts={"info": 0, "warning": 0, "critical": len(ill)}),
        "/api/v1/devices": lambda query: devices(lines, query),
        "/api/v1/alerts": lambda query: alerts([*open_alerts, past], query),
        "/api/v1/models": {"models": [model()]},
    }
    for line in lines:
        own = [each for each in (*open_alerts, past) if each["device_id"] == line["id"]]
        says[f"/api/v1/devices/{line['id']}"] = detail(line["id"], **line, alerts=own)
    return says
