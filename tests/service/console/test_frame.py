"""What stands around every page: how the services are, in words, and what is said aloud."""

import msgspec
import pytest

pytest.importorskip("dash", reason="the extra `console` is not installed: pip install 'gruard[console]'")

from service.console import frame
from service.console.shapes import Alert, Status
from service.console.source import Answer, Trouble
from service.console.together import Gathered, Pulse
from tests.service.console import world
from tests.service.console.tree import texts

AWAY = Trouble(0.0, "Nothing answers.", "Check it.")


def pulse(trouble: Trouble | None = None, rate: float | None = 100.0, **changes) -> Pulse:
    told = msgspec.convert(world.status(**changes), Status)
    return Pulse("one:8080", Answer(told, 1.0, trouble=trouble), rate)


def said(*pulses: Pulse) -> str:
    return " | ".join(texts(frame.pulse(pulses)))


def test_the_state_line_adds_services_up():
    line = said(pulse(), pulse(devices=7, lag_seconds=4.0, budget={"pump": 0.1, "fan": 2.0}))
    assert line == (
        "2 services running | 10 devices | 200 readings a second | lag 4.0 s | "
        "budget 0.1 to 2 false alarms a device-day | open alerts: 2 critical"
    )


@pytest.mark.parametrize(
    ("pulses", "state"),
    [
        ([pulse(AWAY)], "not reachable"),
        ([pulse(), pulse(AWAY)], "1 of 2 services not reachable"),
        ([pulse(ready=False, problem="x", partitions={"running": 1, "restoring": 3})], "restoring"),
        ([pulse(ready=False, problem="x")], "not ready"),
        ([Pulse("one", Answer(), None)], "asking"),
    ],
)
def test_a_service_that_is_not_well_is_not_called_running(pulses, state):
    assert said(*pulses).split(" | ")[0] == state


def test_troubles_say_since_when_what_to_check_and_that_nobody_has_to_act():
    told = " ".join(texts(frame.troubles([pulse(AWAY)])))
    assert "Since 00:00:00 UTC. What is shown of it is from before." in told
    assert "Check it." in told
    assert "recovers by itself" in told
    restoring = pulse(ready=False, partitions={"running": 1, "restoring": 3})
    assert "one:8080 is restoring 3 of 4 partitions." in texts(frame.troubles([restoring]))
    assert frame.troubles([pulse()]) == []


def gathered(*alerts: dict) -> Gathered[Alert]:
    return Gathered(msgspec.convert(list(alerts), list[Alert]))


def test_only_a_critical_alert_that_was_not_open_before_is_said_aloud_and_once():
    first, second = world.alert("a"), world.alert("b")
    said, heard = frame.news(gathered(first, world.alert("w", severity="warning")), None)
    assert (said, heard) == (None, ["id-a"])
    said, heard = frame.news(gathered(first, second), heard)
    assert said == f"New critical alert. {second['summary']}"
    assert frame.news(gathered(first, second), heard) == (None, ["id-a", "id-b"])
    said, heard = frame.news(gathered(*(world.alert(name) for name in "abcd")), heard)
    assert said.endswith("And 1 more.")


def test_the_window_s_title_begins_with_what_needs_somebody():
    assert frame.title("Fleet", [msgspec.convert(world.status(), Status)]) == "(1) Fleet · Gruard"
    assert frame.title("Fleet", []) == "Fleet · Gruard"
