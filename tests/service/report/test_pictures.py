"""What a picture shows, and that hostile names, empty curves and wild values are drawn without an error."""

import base64
import json

import numpy as np
import pytest

from service.report import pictures
from service.report.axis import Axis
from service.report.curves import Curve
from service.report.story import Life
from tests.service.report.scenes import START, alert

AXIS = Axis(True, 5.0)


def curve(rows: int, sensors: tuple[str, ...] = ("a", "b", "c", "d"), fill: float = 1.0) -> Curve:
    values = np.full((rows, len(sensors)), fill, np.float32)
    times = START + 5000 * np.arange(rows, dtype=np.int64)
    evidence = np.linspace(-20, 9, rows).astype(np.float32)
    return Curve(times, evidence, sensors, values.copy(), values, values - 1, values + 1)


def life(device: str = "x") -> Life:
    return Life([json.loads(alert(device, 1, event).value) for event in ("opened", "resolved")])


def is_png(uri: str) -> bool:
    return base64.b64decode(uri.removeprefix("data:image/png;base64,"))[:8] == b"\x89PNG\r\n\x1a\n"


def test_sensors_that_alerts_point_at_are_drawn_first_then_those_far_from_their_band() -> None:
    shown = curve(50, ("c", "d", "b", "a"))
    shown.values[7, 2] += 9
    assert pictures.leading_sensors(shown, [life()])[:2] == ["a", "b"]
    assert len(pictures.leading_sensors(shown, [])) == pictures.SENSORS_DRAWN


@pytest.mark.parametrize("rows", [1, 2, 400])
@pytest.mark.parametrize("fill", [np.nan, 0.0, 3e38])
def test_any_curve_can_be_drawn(rows: int, fill: float) -> None:
    assert is_png(pictures.history(curve(rows, fill=fill), [life()], AXIS))


def test_names_are_drawn_as_they_are() -> None:
    name = "$\\frac{1}$ {x} ポンプ\n\x00\u202e" + "w" * 300
    assert is_png(pictures.history(curve(30, (name,)), [life(name)], AXIS))
    assert is_png(pictures.timeline({name: [life(name)]}, AXIS, {name: (START, START)}))


def test_a_distribution_without_scores_can_be_drawn() -> None:
    assert is_png(pictures.distribution(np.zeros(102, np.int64)))
