"""Data-quality verdicts: what begins them, what ends them, and what must not."""

import numpy as np

from service.detector.cases import Case, OpenAlert
from service.detector.quality import INSIDE_AFTER, STEADY, Verdict, note_ahead, note_held, note_range


def quality(type_: str, sensor: str) -> Case:
    alert = OpenAlert("id", "data_quality", type_, sensor, 0, "warning")
    return Case(quality={f"{type_}/{sensor}": alert})


def test_one_reading_outside_the_range_is_a_glitch_and_three_are_a_verdict() -> None:
    case = Case()
    assert [note_range(case, "flow", True) for _ in range(3)] == [None, None, Verdict("out_of_range", "flow", True)]


def test_a_glitch_leaves_nothing_behind() -> None:
    case = Case()
    note_range(case, "flow", True)
    note_range(case, "flow", False)
    assert case.idle()


def test_the_range_verdict_ends_after_a_while_inside_and_a_relapse_starts_the_while_again() -> None:
    case = quality("out_of_range", "flow")
    verdicts = [note_range(case, "flow", at == 5) for at in range(INSIDE_AFTER + 6)]
    assert [at for at, verdict in enumerate(verdicts) if verdict is not None] == [INSIDE_AFTER + 5]


def test_a_sensor_held_too_long_is_stuck() -> None:
    assert note_held(None, "flow", 19, 20, 500) == []
    assert note_held(None, "flow", 20, 20, 500) == [Verdict("stuck", "flow", True)]


def test_a_missing_value_within_a_stuck_run_does_not_end_it_but_moving_for_good_does() -> None:
    case = quality("stuck", "flow")
    held = [25, -1, 1, 2, 3, -1, 1, 2]
    assert [note_held(case, "flow", value, 20, 500) for value in held] == [[]] * len(held)
    assert [note_held(case, "flow", 1, 20, 500) for _ in range(3)] == [[], [], [Verdict("stuck", "flow", False)]]


def test_a_sensor_that_was_never_there_is_not_missed() -> None:
    assert note_held(None, "flow", -30, np.inf, 30) == []
    assert note_held(None, "flow", -30, np.inf, 31) == [Verdict("missing", "flow", True)]
    assert note_held(quality("missing", "flow"), "flow", 1, np.inf, 40) == [Verdict("missing", "flow", False)]


def test_a_clock_ahead_by_a_steady_offset_is_corrected_and_a_wandering_one_is_not() -> None:
    steady, wandering = Case(), Case()
    assert [note_ahead(steady, at + 1, 600_000 + at % 2) for at in range(STEADY)][-1]
    assert 599_000 < steady.correction_ms < 601_000
    assert not any(note_ahead(wandering, at + 1, 600_000 + 5_000 * at) for at in range(100))
