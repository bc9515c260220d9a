"""Grouping by an injected clock: all that is taken is told or counted exactly once, and never more than the pace."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from service.notify.groups import Groups, Pace
from service.notify.news import Group, News, read
from service.notify.webhook import identity
from tests.service.notify.events import CLASSES, SITES, lives, news

paces = st.builds(
    Pace,
    wait_s=st.sampled_from((0.0, 5.0, 30.0)),
    interval_s=st.sampled_from((60.0, 300.0)),
    per_group=st.integers(1, 4),
    in_all=st.integers(1, 8),
    alerts=st.integers(1, 5),
)
strides = st.lists(st.sampled_from((0.0, 0.5, 20.0)), min_size=1, max_size=5)


def played(pace, seed, count, steps, away=()):
    """Every notification that came out, with its time; the receiver takes nothing while it is away."""
    groups, now, told = Groups(pace), 0.0, []

    def tell():
        while not any(start <= now < end for start, end in away) and (parcel := groups.due(now)) is not None:
            told.append((now, parcel))
            groups.finished(parcel, now)

    for offset, value in enumerate(lives(seed, count)):
        now += steps[offset % len(steps)]
        groups.take(News(0, offset, read(value), value), now)
        tell()
    while (at := groups.next_s()) < float("inf"):
        now = max(at, now + 1.0)
        tell()
    assert groups.waiting() == (0, float("inf"))
    return told


@given(
    paces, st.integers(0, 50), st.integers(0, 60), st.lists(st.sampled_from((0.0, 0.5, 20.0)), min_size=1, max_size=5)
)
def test_everything_taken_is_told_in_full_or_counted_once(pace, seed, count, steps):
    events = [read(value) for value in lives(seed, count)]
    told = played(pace, seed, count, steps)
    in_full = [event.id for _, parcel in told for line in parcel.told.lines.values() for event in line.events]
    counted = sum(parcel.told.counted.events for _, parcel in told)
    assert max(Counter(in_full).values(), default=1) == 1
    assert len(in_full) + counted == len(events)
    by = Counter()
    for _, parcel in told:
        by.update(parcel.told.counted.by["event"])
        by.update(event.event for line in parcel.told.lines.values() for event in line.events)
    assert by == Counter(event.event for event in events)
    offsets = sorted(offset for _, parcel in told for _, found in parcel.offsets for offset in found)
    assert offsets == list(range(len(events)))


@given(paces, st.integers(0, 50), strides)
def test_no_receiver_gets_more_than_the_pace(pace, seed, steps):
    told = played(pace, seed, 60, steps)
    for start, _ in told:
        span = [parcel for at, parcel in told if start <= at < start + pace.interval_s]
        by_group = Counter(parcel.group for parcel in span)
        assert by_group.pop(None, 0) <= 1
        assert all(count <= pace.per_group for count in by_group.values())
        assert by_group.total() <= pace.in_all
    assert all(len(parcel.told.lines) <= pace.alerts for _, parcel in told)


@given(paces, st.integers(0, 50), st.tuples(st.floats(0, 50, allow_subnormal=False), st.floats(50, 2000)))
def test_what_came_while_the_receiver_was_away_is_not_lost(pace, seed, away):
    told = played(pace, seed, 40, [1.0], [away])
    told_events = sum(sum(len(line.events) for line in parcel.told.lines.values()) for _, parcel in told)
    told_events += sum(parcel.told.counted.events for _, parcel in told)
    assert told_events == len(list(lives(seed, 40)))


@given(paces, st.integers(0, 50))
def test_what_is_counted_is_never_worse_than_what_is_told(pace, seed):
    for _, parcel in played(pace, seed, 60, [0.0]):
        if parcel.told.counted.by["severity"]["critical"]:
            assert len(parcel.told.lines) == pace.alerts
            assert parcel.told.worst_first()[0].last.event.severity == "critical"


def test_alerts_of_one_site_and_class_within_the_wait_come_together_and_others_do_not():
    groups = Groups(Pace(wait_s=30))
    groups.take(news(0, "a"), 0.0)
    groups.take(news(1, "b", severity="critical"), 29.0)
    groups.take(news(2, "c", site="south"), 29.0)
    assert groups.due(29.9) is None
    assert groups.next_s() == 30.0
    first = groups.due(30.0)
    assert first.group == Group("north", "pump")
    assert [line.last.event.alert_id for line in first.told.worst_first()] == ["b", "a"]
    groups.finished(first, 30.0)
    assert groups.due(58.0) is None
    assert groups.due(59.0).group == Group("south", "pump")


def test_an_alert_that_came_and_went_within_the_wait_is_one_line_that_says_so():
    groups = Groups(Pace(wait_s=30))
    groups.take(news(0, "a"), 0.0)
    groups.take(news(1, "a", 2, event="resolved"), 10.0)
    (line,) = groups.due(30.0).told.lines.values()
    assert line.came_and_went
    assert [event.id for event in line.events] == ["a-1", "a-2"]
    assert line.last.event.event == "resolved"


def test_an_end_is_not_told_before_a_beginning_that_waits_for_the_digest():
    groups = Groups(Pace(wait_s=10, interval_s=100, per_group=1))
    groups.take(news(0, "a"), 0.0)
    groups.finished(groups.due(10.0), 10.0)
    groups.take(news(1, "b"), 10.0)
    assert groups.due(20.0) is None
    groups.take(news(2, "b", 2, event="resolved"), 25.0)
    digest = groups.due(30.0)
    assert digest.group is None
    assert [event.id for line in digest.told.lines.values() for event in line.events] == ["b-1", "b-2"]


def test_one_digest_tells_of_all_groups_that_were_too_many():
    groups = Groups(Pace(wait_s=10, interval_s=300, per_group=5, in_all=3, alerts=2))
    for number in range(20):
        groups.take(
            news(number, f"{number}", site=f"site-{number}", severity="critical" if number > 17 else "info"), 0.0
        )
    told = []
    for now in (10.0, 20.0, 310.0):
        while parcel := groups.due(now):
            told.append(parcel)
            groups.finished(parcel, now)
    assert [parcel.group is None for parcel in told] == [False] * 3 + [True]
    digest = told[-1].told
    assert {line.last.event.severity for line in digest.lines.values()} == {"critical"}
    assert digest.counted.events == 15
    assert len(digest.counted.by["site"]) == 15


def test_a_notification_is_the_same_one_until_it_was_taken():
    groups = Groups(Pace(wait_s=0))
    groups.take(news(0, "a"), 0.0)
    first = groups.due(0.0)
    groups.take(news(1, "b"), 1.0)
    assert groups.due(500.0) is first
    assert identity(groups.due(600.0)) == "a-1"
    assert groups.waiting() == (2, 0.0)
    groups.finished(first, 600.0)
    assert identity(groups.due(600.0)) == "b-1"


def test_groups_that_have_gone_quiet_are_forgotten():
    groups = Groups(Pace(wait_s=0, interval_s=10, in_all=1000))
    for number in range(100):
        groups.take(news(number, f"{number}", site=f"{number}"), 0.0)
    while parcel := groups.due(0.0):
        groups.finished(parcel, 0.0)
    assert groups.due(100.0) is None
    assert groups._groups == {}
    assert {"north", "pump"} <= {*SITES, *CLASSES}
