"""A crash point kills this very process, exactly where and when it was told to."""

import multiprocessing
import signal

import pytest

from service.errors import ConfigurationError
from service.worker.crashpoints import POINTS, CrashPoints


def _walk(crash_at: str, reached: multiprocessing.SimpleQueue) -> None:
    points = CrashPoints(crash_at)
    for _ in range(5):
        points.records += 100
        for point in ("polled", "committed"):
            points.reach(point)
            reached.put(point)


def walked(crash_at: str) -> tuple[int | None, int]:
    """The exit code, and how many points were passed."""
    context = multiprocessing.get_context("forkserver")
    reached = context.SimpleQueue()
    process = context.Process(target=_walk, args=(crash_at, reached))
    process.start()
    process.join(30)
    passed = 0
    while not reached.empty():
        reached.get()
        passed += 1
    return process.exitcode, passed


@pytest.mark.parametrize(
    ("crash_at", "passed"), [("polled", 0), ("committed", 1), ("committed:3", 5), ("polled@300", 4), ("polled@0", 0)]
)
def test_it_kills_where_it_was_told_to(crash_at, passed):
    assert walked(crash_at) == (-signal.SIGKILL, passed)


@pytest.mark.parametrize("crash_at", ["stepped", "polled:6", "committed@501"])
def test_a_point_that_is_never_reached_kills_nobody(crash_at):
    assert walked(crash_at) == (0, 10)


def test_a_name_that_is_no_point_is_refused_with_all_names():
    with pytest.raises(ConfigurationError, match="'nowhere' is no point") as caught:
        CrashPoints("nowhere:2")
    assert all(point in str(caught.value) for point in POINTS)
