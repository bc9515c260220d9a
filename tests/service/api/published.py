"""Alert events as they are published, for those who only hear of them."""

import msgspec

TIMES = [f"2026-11-21T08:{minute:02}:00.000Z" for minute in range(60)]


def event(alert_id, device, event="opened", severity="warning", minute=0, kind="process"):
    return msgspec.json.encode(
        {
            "alert_id": alert_id, "device_id": device, "event": event, "severity": severity, "kind": kind,
            "reading_time": TIMES[minute], "labels": {"site": "north"}, "summary": f"{device}: {event} at {minute}",
            "contributions": [{"sensor": "flow", "share": 0.5}],
        }
    )  # fmt: skip
