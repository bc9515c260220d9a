"""Alerts are read back from the file as lives, those of the devices asked for."""

from pathlib import Path

from service.report.story import lives
from tests.service.report.scenes import alert


def test_events_of_one_alert_are_one_life_with_its_worst_moment(tmp_path: Path) -> None:
    events = [
        alert("d", 1, "opened"),
        alert("e", 1, "opened"),
        alert("d", 1, "escalated", "critical"),
        alert("d", 2, "opened", "info", "data_quality"),
        alert("d", 1, "resolved"),
    ]
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(b"".join(event.value + b"\n" for event in events))
    found = lives(path, ["d", "nobody"])
    first, second = found["d"]
    assert (first.severity, first.resolved, first.worst["event"]) == ("critical", True, "opened")
    assert (second.kind, second.resolved) == ("data_quality", False)
    assert found["nobody"] == []
