"""Where things lie on the time axis, with and without known times."""

import json

import numpy as np

from service.report.axis import START_MS, Axis
from service.report.story import Life
from service.streams.files import assembly
from tests.service.report.scenes import START, alert


def life(*events: str) -> Life:
    return Life([json.loads(alert("d", 1, event).value) for event in events])


def test_rows_without_times_are_counted_from_where_the_reader_counts() -> None:
    assert START_MS == assembly.START_MS
    axis = Axis(False, 60.0)
    assert axis.of(np.array([START_MS, START_MS + 120_000])).tolist() == [0.0, 2.0]
    assert axis.label == "row"


def test_an_alert_ends_with_the_last_reading_at_the_latest() -> None:
    axis = Axis(True, 5.0)

    def ms(days: float) -> int:
        return round(days * 86_400_000)

    start, end = axis.span(life("opened", "resolved"), START + 3_600_000)
    assert (ms(start), ms(end)) == (START, START + 120_000)
    assert ms(axis.span(life("opened", "resolved"), START + 60_000)[1]) == START + 60_000
    assert ms(axis.span(life("opened"), START + 60_000)[1]) == START + 60_000
