"""Waits double with jitter up to a limit, start over after a success, and end when told to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import UnavailableError
from service.worker.patience import Patience
from service.worker.settings import WorkerSettings

ERROR = UnavailableError("the disk is full")


@given(st.integers(1, 60))
def test_waits_double_up_to_the_longest_and_differ_between_workers(tries):
    patience = Patience(WorkerSettings(retry_s=1, retry_max_s=30, give_up_s=1e9), lambda: 0.0)
    for n in range(tries):
        longest = min(30.0, 2.0**n)
        assert longest / 2 <= patience.next_wait(ERROR) <= longest
    patience.renew()
    assert patience.next_wait(ERROR) <= 1


def test_it_raises_what_it_was_told_once_nothing_worked_for_so_long():
    now = [0.0]
    patience = Patience(WorkerSettings(give_up_s=60), lambda: now[0])
    for now[0] in (0.0, 30.0, 59.0):
        patience.next_wait(ERROR)
    patience.renew()
    for now[0] in (100.0, 159.0):
        patience.next_wait(ERROR)
    now[0] = 160.0
    with pytest.raises(UnavailableError, match="the disk is full"):
        patience.next_wait(ERROR)
