"""The rules of the demo's score, one by one, and what its JSON and its picture say of the same verdict."""

import io
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.chance import poisson_quantile
from service.demo import show
from service.demo.scoreboard import (
    GRACE_READINGS,
    GRACE_READINGS_ELSE,
    RECOVERY_S,
    Opened,
    Play,
    Verdict,
    band,
    judge,
    report,
)
from service.fleet import Fault

START = 1_767_600_000_000
PERIOD_S = 5.0
PERIODS = {"pump-1": PERIOD_S, "pump-2": PERIOD_S}
UNTIL = START + 7_200_000
GRACE_S = GRACE_READINGS_ELSE * PERIOD_S


def fault(start_s: float = 1000, end_s: float = 2000, device: str = "pump-1", kind: str = "shift") -> Fault:
    size = None if kind in ("stuck", "dropout") else 3.0
    return Fault(device, kind, START + int(start_s * 1000), START + int(end_s * 1000), ("flow", "power"), size)


def alert(at_s: float, device: str = "pump-1", severity: str = "warning", sensor: str = "flow") -> Opened:
    at_ms = START + int(at_s * 1000)
    return Opened(
        device, f"id-{device}-{at_s}", "process", "level", severity, at_ms, sensor, f"{device}: {sensor} is odd"
    )


def verdict(faults: list[Fault], alerts: list[Opened], until_ms: int = UNTIL) -> Verdict:
    return judge(faults, alerts, PERIODS, until_ms)


@pytest.mark.parametrize("at_s", [1000, 1500, 2000, 2000 + GRACE_S])
def test_an_alert_from_the_start_of_a_fault_to_the_end_of_its_grace_finds_it(at_s):
    said = verdict([fault()], [alert(at_s)])
    assert said.judged[0].delay_s == at_s - 1000
    assert said.false_alarms == ()


def test_an_alert_before_a_fault_is_false_and_finds_nothing_however_close():
    said = verdict([fault()], [alert(999.999)])
    assert said.missed == (fault(),)
    assert len(said.false_alarms) == 1


def test_an_echo_finds_nothing_and_is_not_false_until_the_device_should_have_recovered():
    said = verdict([fault()], [alert(2000 + GRACE_S + 0.001), alert(2000 + RECOVERY_S)])
    assert said.missed == (fault(),)
    assert said.false_alarms == ()
    assert len(verdict([fault()], [alert(2000 + RECOVERY_S + 0.001)]).false_alarms) == 1


@pytest.mark.parametrize("kind", sorted(GRACE_READINGS))
def test_a_fault_that_readings_are_counted_for_has_a_grace_of_its_own(kind):
    grace_s = GRACE_READINGS[kind] * PERIOD_S
    assert verdict([fault(kind=kind)], [alert(2000 + grace_s)]).found
    assert not verdict([fault(kind=kind)], [alert(2000 + grace_s + 0.001)]).found


def test_an_alert_of_another_device_neither_finds_nor_excuses():
    said = verdict([fault()], [alert(1500, "pump-2")])
    assert not said.found
    assert [each.device for each in said.false_alarms] == ["pump-2"]


def test_information_counts_for_nothing():
    said = verdict([fault()], [alert(1500, severity="info"), alert(3000, severity="info")])
    assert not said.found
    assert said.false_alarms == ()


def test_the_first_of_several_alerts_is_the_find_and_the_others_cost_nothing():
    said = verdict([fault()], [alert(1700), alert(1200), alert(1900)])
    assert said.judged[0].delay_s == 200
    assert said.false_alarms == ()


def test_an_alert_in_the_grace_of_one_fault_and_within_the_next_counts_for_the_next_alone():
    first, second = fault(1000, 2000), fault(2010, 3000)
    said = verdict([first, second], [alert(2020)])
    assert said.missed == (first,)
    assert said.judged[1].delay_s == 10


def test_an_echo_does_not_hide_that_the_next_fault_is_found():
    said = verdict([fault(1000, 2000), fault(2100, 3000)], [alert(2150)])
    assert [each.alert is None for each in said.judged] == [True, False]


def test_a_fault_that_the_play_cut_short_is_undecided_unless_it_was_found():
    until = START + 2_000_000 + int(GRACE_S * 1000) - 1
    assert verdict([fault()], [], until).undecided == (fault(),)
    assert verdict([fault()], [], until).judged == ()
    assert verdict([fault()], [alert(1500)], until).undecided == ()
    assert verdict([fault()], [], until + 1).missed == (fault(),)


def test_a_fault_that_had_not_begun_is_no_part_of_the_play():
    said = verdict([fault()], [], START + 999_999)
    assert (said.judged, said.undecided) == ((), ())


times_s = st.floats(0, 7200, allow_nan=False, allow_subnormal=False)


@given(
    st.lists(st.tuples(times_s, st.sampled_from(["pump-1", "pump-2"])), max_size=8),
    st.lists(
        st.tuples(times_s, st.floats(10, 900, allow_subnormal=False), st.sampled_from(["pump-1", "pump-2"])), max_size=5
    ),
)
def test_no_alert_counts_twice_and_no_order_of_telling_matters(opened, drawn):
    drawn = {(start, device): lasts for start, lasts, device in drawn}  # a device has one fault at a time to begin
    faults = [fault(start, start + lasts, device) for (start, device), lasts in drawn.items()]
    alerts = [alert(at, device) for at, device in opened]
    said = verdict(faults, alerts)
    finds = [each.alert for each in said.found]
    assert len(set(finds)) == len(finds)
    assert not set(finds) & set(said.false_alarms)
    assert len(said.judged) + len(said.undecided) == len([f for f in faults if f.start_ms <= UNTIL])
    assert set(verdict(faults, alerts[::-1]).found) == set(said.found)


@given(st.floats(0, 60, allow_subnormal=False), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_the_quantile_is_the_smallest_count_that_chance_stays_within(mean, level):
    def at_most(count: int) -> float:
        return math.fsum(math.exp(-mean) * mean**k / math.factorial(k) for k in range(count + 1))

    count = poisson_quantile(mean, level)
    assert at_most(count) >= level - 1e-9
    assert count == 0 or at_most(count - 1) < level + 1e-9


@pytest.mark.parametrize(
    ("size", "name"), [(2.0, "2-4"), (3.99, "2-4"), (4.0, "4-6"), (6.0, "6-8"), (8.0, "6-8"), (None, "no size")]
)
def test_bands_of_size_meet_without_overlap(size, name):
    assert band(fault()._replace(size=size)) == name


def play(**changed: object) -> Play:
    facts: dict[str, object] = {
        "seconds": 120.0,
        "speed": 60.0,
        "played_s": 7200.0,
        "clock_s": 121.0,
        "readings": 2880,
        "dead_letters": 2,
        "periods_s": PERIODS,
        "budgets": dict.fromkeys(PERIODS, 0.5),
        "models": [{"name": "pump", "version": "1", "sha256": "ab"}],
    }
    return Play(**(facts | changed))  # type: ignore[arg-type]


def test_the_report_has_the_members_that_scripts_rely_on():
    said = verdict([fault(), fault(3000, 4000, kind="stuck")], [alert(1200), alert(6000)])
    told = json.loads(json.dumps(report(play(), said)))
    assert told["faults"][0] == {
        "device": "pump-1",
        "kind": "shift",
        "start": "2026-01-05T08:16:40.000Z",
        "end": "2026-01-05T08:33:20.000Z",
        "size": 3.0,
        "detected": True,
        "delay_s": 200.0,
        "alert_id": "id-pump-1-1200",
        "sensor": "flow,power",
        "leading_sensor": "flow",
    }
    wanted = {"seconds": 120, "speed": 60, "devices": 2, "readings": 2880, "faults_injected": 2, "faults_detected": 1,
              "false_alarms": 1, "budget": 0.5, "dead_letters": 2}  # fmt: skip
    assert {name: told[name] for name in wanted} == wanted
    assert told["device_days"] == pytest.approx(1 / 6, abs=1e-4)
    assert told["readings_per_second"] == 0.4
    assert told["false_alarms_per_device_day"] == pytest.approx(6.0)
    assert told["recall_by_kind"]["stuck"] == {"injected": 1, "detected": 0}
    assert told["model"][0]["name"] == "pump"


def test_a_budget_a_class_is_told_as_that_of_the_average_device():
    assert play(budgets={"pump-1": 0.5, "pump-2": 1.5}).budget == 1.0


def test_nothing_played_divides_by_nothing():
    empty = play(played_s=0.0, clock_s=0.0, readings=0, periods_s={}, budgets={})
    assert report(empty, verdict([], []))["false_alarms_per_device_day"] == 0
    assert list(show.scoreboard(empty, verdict([], []), show.Screen(io.StringIO())))


def test_the_picture_tells_every_miss_and_every_false_alarm_by_name():
    said = verdict([fault(), fault(3000, 4000, "pump-2", "stuck")], [alert(1200), alert(6000)])
    text = "\n".join(show.scoreboard(play(), said, show.Screen(io.StringIO())))
    assert "1 of 2 found (50%)" in text
    assert "missed   pump-2: stuck of flow, power, 08:50:00 to 09:06:40" in text
    assert "1 false alarm;" in text
    assert "09:40:00  pump-1: flow is odd" in text
    assert "\x1b" not in text


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_colour_and_a_status_line_that_the_next_line_replaces():
    to = Terminal()
    screen = show.Screen(to)
    screen.status("working")
    screen.line("done")
    assert to.getvalue().count("\n") == 1
    assert to.getvalue().endswith("\r\x1b[Kdone\n")
    plain = io.StringIO()
    show.Screen(plain).status("working")
    assert plain.getvalue() == ""


def told(event: str, severity: str = "warning") -> dict[str, object]:
    return {
        "event": event,
        "severity": severity,
        "device_id": "pump-1",
        "reading_time": "2026-01-05T08:16:40.000Z",
        "summary": "pump-1: flow is low",
    }


def test_an_alert_is_one_line_with_time_severity_device_and_sentence():
    screen = show.Screen(io.StringIO())
    assert show.alert_line(told("opened"), screen) == "08:16:40  warning   pump-1      flow is low"
    assert "now critical: flow is low" in str(show.alert_line(told("escalated", "critical"), screen))
    assert "resolved" in str(show.alert_line(told("resolved"), screen))
    assert show.alert_line(told("updated"), screen) is None
