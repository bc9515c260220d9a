"""Several services as one: the worst first, each thing once, and what is wrong with one hides nothing of another."""

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.console import source as module
from service.console.source import Source
from service.console.together import Together, rate
from tests.service.console import world
from tests.service.console.speaker import Speaker


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REST_S", 0.0)


def together(*speakers: Speaker) -> Together:
    return Together([Source(speaker.url) for speaker in speakers])


def other() -> dict:
    says = world.fleet()
    line = world.device("meter-9", severity="warning", open_alerts=1)
    told = [world.alert("meter-9", severity="warning", reading_time=world.at(400))]
    says |= {
        "/api/v1/devices": {"devices": [line, world.device("a-1")], "total": 5000, "next": "x"},
        "/api/v1/alerts": {"alerts": told, "next": None},
    }
    return says


def test_devices_of_all_services_are_sorted_by_severity_then_name():
    with Speaker(world.fleet("pump-17")) as one, Speaker(other()) as two:
        found = together(one, two).devices({}, 500)
    assert [device.id for device in found.items] == ["pump-17", "meter-9", "a-1", "fan-2", "pump-3"]
    assert found.total == 5003
    assert found.troubles == []


def test_alerts_of_all_services_are_told_newest_first_and_each_once():
    with Speaker(world.fleet("pump-17")) as one, Speaker(other()) as two:
        twice = [Source(one.url), Source(two.url), Source(one.url.replace("127.0.0.1", "localhost"))]
        found = Together(twice).alerts({"state": "all"}, 100)
    assert [alert.alert_id for alert in found.items] == ["id-meter-9", "id-pump-17", "id-pump-3"]


def test_of_one_alert_told_by_two_workers_the_later_event_counts():
    later = world.fleet()
    later["/api/v1/alerts"] = {
        "alerts": [world.alert(sequence=2, event="escalated", severity="critical")],
        "next": None,
    }
    with Speaker(world.fleet("pump-17")) as one, Speaker(later) as two:
        found = together(one, two).alerts({"state": "open"}, 100)
    assert [(alert.sequence, alert.event) for alert in found.items] == [(2, "escalated")]


def test_a_device_is_told_by_the_worker_that_read_it_last():
    old, new = world.fleet(), world.fleet()
    old["/api/v1/devices/pump-17"] = world.detail(last_time=world.at(10), score=0.1)
    new["/api/v1/devices/pump-17"] = world.detail(last_time=world.at(20), score=0.2)
    with Speaker(old) as one, Speaker(new) as two:
        assert [together(*order).device("pump-17").items[0].score for order in ((one, two), (two, one))] == [0.2, 0.2]
        assert together(one, two).device("nobody").items == []


def test_one_service_away_hides_nothing_of_the_other():
    with Speaker(world.fleet("pump-17")) as one:
        with Speaker(other()) as two:
            port = two.port
        found = Together([Source(one.url), Source(f"http://127.0.0.1:{port}")]).devices({}, 500)
    assert [device.id for device in found.items] == ["pump-17", "fan-2", "pump-3"]
    assert [name for name, _ in found.troubles] == [f"127.0.0.1:{port}"]


def test_a_service_without_a_list_yet_hides_nothing_of_the_other_and_is_said_to_be_early():
    with Speaker(world.fleet()) as one, Speaker({"/api/v1/devices": world.early()}) as two:
        found = together(one, two).devices({}, 500)
        assert not together(one).devices({}, 500).early
    assert (len(found.items), found.troubles, found.early) == (3, [], True)


def test_a_device_of_any_name_is_asked_for_by_that_name():
    for name in ("a/b", "..", "ü ?#&", "%2F", "a//b"):
        with Speaker({f"/api/v1/devices/{name}": world.detail(name)}) as speaker:
            assert [each.id for each in together(speaker).device(name).items] == [name]


@given(st.lists(st.tuples(st.floats(0.5, 5), st.integers(0, 1000)), min_size=3, max_size=40))
def test_the_rate_is_that_of_the_last_seconds_and_never_below_zero(steps):
    seen: deque = deque()
    at, readings, told = 0.0, 0, None
    for wait, more in steps:
        at, readings = at + wait, readings + more
        told = rate(seen, at, readings)
    rates = [more / wait for wait, more in steps]
    assert told is None or 0 <= told <= max(rates) * (1 + 1e-9)
    assert len(seen) < 30


def test_a_service_that_was_started_again_is_counted_anew():
    seen: deque = deque()
    assert rate(seen, 0, 1000) is None
    assert rate(seen, 10, 2000) == 100
    assert rate(seen, 11, 5) is None
    assert rate(seen, 13, 25) == 10
