"""An alert's life on made-up evidence: when it opens, what it says while open, and why it ends."""

import numpy as np
import pytest

from service.detector.alerts import Reading, alert_id, continue_process, open_process, told
from service.detector.rules import AlertsSettings

SETTINGS = AlertsSettings()


def reading(
    evidence: float, at: int = 0, limit: float = 1.0, sensor: str = "flow", ends_block: bool = False
) -> Reading:
    one = np.ones(1, np.float32)
    strength = one * np.float32(np.exp(evidence)) * np.float32(limit)
    return Reading(at * 1000, at, evidence, strength, one * np.float32(limit), 0 * one, sensor, "surprise", ends_block)


def test_the_id_depends_on_the_opening_alone() -> None:
    one = open_process("pump-1", reading(0.1, at=5))
    assert one.alert_id == open_process("pump-1", reading(3.0, at=5)).alert_id
    assert one.alert_id != open_process("pump-1", reading(0.1, at=6)).alert_id
    assert one.alert_id == alert_id("pump-1", "process", "surprise", "flow", 5000)


def test_it_stays_open_a_little_below_the_limit_and_ends_further_down() -> None:
    alert = open_process("pump-1", reading(0.1))
    assert continue_process(alert, reading(-0.2, at=1), SETTINGS) == (None, "")
    assert continue_process(alert, reading(-0.4, at=2), SETTINGS) == ("resolved", "recovered")


def test_twice_the_limit_is_critical_and_a_rise_to_it_escalates_once() -> None:
    alert = open_process("pump-1", reading(0.1))
    assert alert.severity == "warning"
    assert continue_process(alert, reading(0.8, at=1), SETTINGS)[0] == "escalated"
    assert continue_process(alert, reading(0.8, at=2), SETTINGS)[0] is None
    assert open_process("pump-1", reading(0.8)).severity == "critical"


@pytest.mark.parametrize(("apart", "event"), [(59, None), (60, "updated")])
def test_updates_are_sixty_readings_apart(apart: int, event: str | None) -> None:
    alert = open_process("pump-1", reading(0.1))
    assert continue_process(alert, reading(0.1, at=apart, sensor="pressure"), SETTINGS)[0] == event


def test_an_update_is_told_once_until_it_grows_again() -> None:
    alert = open_process("pump-1", reading(0.0))
    grown = reading(0.5, at=60)
    assert continue_process(alert, grown, SETTINGS)[0] == "updated"
    told(alert, grown, "updated")
    assert alert.sequence == 2
    assert continue_process(alert, reading(0.5, at=300), SETTINGS)[0] is None


def test_what_has_become_normal_ends_as_new_normal_once_the_opening_limit_is_relaxed() -> None:
    alert = open_process("pump-1", reading(1.0))
    ends = []
    for at in range(1, 8000):  # the strength stays, today's limit has absorbed it
        settled = reading(-0.5, at=at, limit=np.exp(1.5), ends_block=at % 60 == 0)
        event, reason = continue_process(alert, settled, SETTINGS)
        if event == "resolved":
            ends.append((at, reason))
            break
    assert ends
    assert ends[0][0] > 60
    assert ends[0][1] == "new_normal"


def test_nothing_stays_open_for_longer_than_the_setting() -> None:
    alert = open_process("pump-1", reading(1.0))
    late = reading(1.0, at=int(SETTINGS.max_open_s) + 1)
    assert continue_process(alert, late, SETTINGS) == ("resolved", "open_too_long")
