"""A device's picture: what is drawn is what was told, nothing where nothing is known, and no name is markup."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("dash", reason="the extra `console` is not installed: pip install 'gruard[console]'")

from service.console import device as page
from service.console import figure, palette
from service.console.shapes import Alert, Curve, Device, Recent
from tests.service.console import world

DEVICE = msgspec.convert(world.detail(alerts=[world.alert()]), Device)
numbers = st.lists(st.none() | st.floats(-1e6, 1e6, allow_nan=False, allow_subnormal=False), max_size=40)


def drawn(device: Device = DEVICE, scheme: str = "light", **changes) -> dict:
    view = page.View(changes.get("window", "all"), changes.get("every", False), scheme)
    figure: dict = page.redrawn(device, view, None)[0]
    return figure


def named(told: dict, name: str) -> list[dict]:
    return [trace for trace in told["data"] if trace.get("name") == name]


def test_every_sensor_has_its_readings_and_forecast_and_the_evidence_stands_below():
    told = drawn()
    assert [trace["y"] for trace in named(told, "observed")] == [
        figure.rounded(DEVICE.recent.sensors[name].observed) for name in ("flow", "pressure", "vibration")
    ]
    assert len(named(told, "expected")) == 3
    assert named(told, "evidence")[0]["yaxis"] == "y4"
    limit = next(shape for shape in told["layout"]["shapes"] if shape["line"].get("dash"))
    assert (limit["yref"], limit["y0"], limit["y1"]) == ("y4", 0, 0)


def test_evidence_of_a_reading_that_could_not_be_judged_is_not_drawn():
    told = world.detail()
    told["recent"]["evidence"][:10] = [-20.0] * 10
    line = named(drawn(msgspec.convert(told, Device)), "evidence")[0]["y"]
    assert line[:10] == [None] * 10
    assert None not in line[10:]


@given(numbers, numbers)
def test_the_band_is_closed_outlines_over_exactly_the_readings_that_have_one(lower, upper):
    size = min(len(lower), len(upper))
    times = [world.at(second) for second in range(size)]
    x, y = figure._band(times, lower[:size], upper[:size])
    assert len(x) == len(y)
    covered = {time for time in x if time}
    both = {time for time, a, b in zip(times, lower, upper, strict=False) if a is not None and b is not None}
    assert covered == both
    outlines = " ".join(str(each) for each in x).split("None")
    assert all(part.split()[0] == part.split()[-1] for part in outlines if part.split())


def test_an_alert_is_marked_from_its_onset_to_its_end_with_its_number_in_the_list():
    told = drawn()
    span = next(shape for shape in told["layout"]["shapes"] if shape["type"] == "rect")
    assert (span["x0"], span["x1"]) == (world.at(200), world.at(299))
    assert any(note["text"] == "<b>1</b>" for note in told["layout"]["annotations"])


def test_an_alert_that_the_picture_does_not_reach_is_not_marked_and_keeps_its_number():
    old = world.resolved("pump-17", onset_time="2020-01-01T00:00:00.000Z", resolved_time="2020-01-01T01:00:00.000Z")
    alerts = msgspec.convert([old, world.alert()], list[Alert])
    assert [number for number, _ in figure.marks(alerts, DEVICE.recent)] == [2]


@given(st.text(max_size=60), st.text(max_size=20))
def test_no_name_and_no_unit_is_markup_or_a_template(name, unit):
    recent = Recent(
        [world.at(0), world.at(1)], [0.1, 0.2], [-2.0, -1.0], [False, False], {name: Curve(unit, [1.0, 2.0])}
    )
    told = figure.figure(recent, [name], [], palette.LIGHT, None)
    for note in told["layout"]["annotations"]:
        inner = note["text"].removeprefix("<b>").removesuffix("</b>")
        assert "<" not in inner
        assert ">" not in inner
    templates = {trace.get("hovertemplate") for trace in told["data"]}
    assert templates <= {None, "%{y:.5g}<extra>expected</extra>", "%{y:.5g}<extra>observed</extra>",
                         "%{y:.3g}<extra>evidence</extra>"}  # fmt: skip
    json.dumps(told, allow_nan=False)


def test_a_picture_is_as_near_as_it_is_asked_for():
    near = [world.at(10), world.at(20)]
    told = page.redrawn(DEVICE, page.View("all", False, "light", tuple(near)), None)[0]
    assert told["layout"]["xaxis"]["range"] == near
    assert drawn()["layout"]["xaxis"]["autorange"]


def test_the_same_readings_are_not_drawn_twice():
    view = page.View("all", False, "light")
    _, _, now = page.redrawn(DEVICE, view, None)
    again, _, stamp = page.redrawn(DEVICE, view, json.loads(json.dumps(now)))
    assert type(again).__name__ == type(stamp).__name__ == "NoUpdate"
    assert isinstance(page.redrawn(DEVICE, page.View("all", False, "dark"), now)[0], dict)


def many(count: int, **changes) -> Device:
    told = world.detail(**changes)
    told["recent"]["sensors"] = {f"s{number}": world.curve(10) for number in range(count)}
    return msgspec.convert(told, Device)


def test_of_many_sensors_those_that_alerts_name_are_drawn_first_and_none_leaves_while_it_is_looked_at():
    part = world.alert()["contributions"][0]
    calm, ill = many(30), many(30, alerts=[world.alert(contributions=[part | {"sensor": "s20"}])])
    first = page.chosen(calm, [])
    assert first == [f"s{number}" for number in range(page.SENSORS)]
    assert page.chosen(ill, first) == [*first, "s20"]
    assert page.chosen(ill, [])[0] == "s20"
    assert len(named(drawn(calm, every=True), "observed")) == 30
