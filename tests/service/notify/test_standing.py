"""What stands at an Alertmanager is what is open, whatever it missed, and what is not told one by one is counted."""

from hypothesis import given
from hypothesis import strategies as st

from service.notify.news import News, read
from service.notify.standing import Standing
from tests.service.notify.events import lives, news


class Manager:
    """What an Alertmanager makes of requests: by id the severities that fire, and the count that stands there."""

    def __init__(self):
        self.firing: dict[str, set[str]] = {}
        self.counted = 0
        self.offsets: list[int] = []

    def take(self, telling):
        for event in telling.firing:
            self.firing.setdefault(event.alert_id, set()).add(event.severity)
        for event in telling.ended:
            self.firing.get(event.alert_id, set()).discard(event.severity)
        for event, severity in telling.outgrown:
            self.firing.get(event.alert_id, set()).discard(severity)
        if telling.more is not None:
            self.counted = telling.more.events
        self.offsets += [offset for _, found in telling.offsets for offset in found]

    def open(self):
        return {alert_id: found for alert_id, found in self.firing.items() if found}


def told(standing, manager, now):
    while (telling := standing.due(now)) is not None:
        manager.take(telling)
        standing.finished(telling, now)


@given(st.integers(0, 100), st.integers(0, 80), st.integers(1, 30), st.integers(1, 40))
def test_in_the_end_it_holds_what_is_open_and_counts_the_rest(seed, count, max_open, stride):
    standing, manager = Standing(60, max_open, "site"), Manager()
    now, open_ = 0.0, {}
    for offset, value in enumerate(lives(seed, count)):
        event = read(value)
        standing.take(News(0, offset, event, value), now)
        open_[event.alert_id] = event
        if event.event == "resolved":
            del open_[event.alert_id]
        now += 7.0
        if offset % stride == 0:
            told(standing, manager, now)
    told(standing, manager, now)
    told(standing, manager, now + 60)
    held = manager.open()
    assert held.keys() <= open_.keys()
    assert all(found == {open_[alert_id].severity} for alert_id, found in held.items())
    assert len(held) == min(max_open, len(open_))
    assert len(held) + manager.counted == len(open_)
    assert sorted(manager.offsets) == list(range(len(list(lives(seed, count)))))
    assert standing.waiting() == (0, float("inf"))


@given(st.integers(0, 100), st.integers(1, 20))
def test_a_refused_request_changes_nothing(seed, refused):
    standing, manager = Standing(60, 10, "site"), Manager()
    for offset, value in enumerate(lives(seed, 30)):
        standing.take(News(0, offset, read(value), value), 0.0)
    before = standing.waiting()
    for _ in range(refused):
        assert standing.due(1.0) is not None
    assert standing.waiting() == before
    told(standing, manager, 1.0)
    assert len(manager.offsets) == before[0]


def test_open_alerts_are_told_again_before_they_would_end_by_themselves():
    standing, manager = Standing(60, 10, "site"), Manager()
    standing.take(news(0, "a"), 0.0)
    told(standing, manager, 0.0)
    for now in (59.0, 119.0, 130.0):
        assert now < standing.next_s() or standing.due(now) is not None
        told(standing, manager, now)
    assert standing.due(130.0) is None
    assert [event.id for event in standing.due(190.0).firing] == ["a-1"]


def test_after_a_restart_what_stood_there_is_told_again_at_once():
    standing = Standing(60, 10, "site")
    standing.seed(news(0, "a", severity="critical"))
    telling = standing.due(1000.0)
    assert [event.id for event in telling.firing] == ["a-1"]
    assert len(telling.offsets) == 0


def test_a_severity_that_was_outgrown_ends():
    standing, manager = Standing(60, 10, "site"), Manager()
    standing.take(news(0, "a"), 0.0)
    told(standing, manager, 0.0)
    standing.take(news(1, "a", 2, event="escalated", severity="critical"), 1.0)
    told(standing, manager, 1.0)
    assert manager.open() == {"a": {"critical"}}


def test_a_long_list_goes_in_several_requests():
    standing, manager = Standing(60, 10_000, "site"), Manager()
    for number in range(1203):
        standing.take(news(number, f"{number}"), 0.0)
    sizes = []
    while telling := standing.due(0.0):
        sizes.append(len(telling.firing))
        standing.finished(telling, 0.0)
        if len(sizes) == 6:
            break
    assert sizes == [500, 500, 203, 500, 500, 203]
    assert manager.open() == {}
