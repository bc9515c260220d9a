"""What is kept of how far targets are, and where a restart begins to read; a log that lost records says so."""

import pytest

from service.notify.backoff import Backoff
from service.notify.desk import Desk
from service.notify.groups import Groups, Pace
from service.notify.metrics import NotifyMetrics
from service.notify.places import Found, Mark, Place
from service.notify.port import Row, Start
from service.notify.settings import NotifySettings, WebhookSettings
from service.notify.target import Target
from service.notify.webhook import Webhook
from tests.service.notify.events import value


@pytest.fixture
def metrics():
    return NotifyMetrics(["ops", "night"], "0")


def desk(metrics, *names, keeps_open=False):
    """Nothing is told by it: what is taken waits for an hour."""
    receivers = [
        Webhook(WebhookSettings(name=name, url="http://127.0.0.1:1/"), NotifySettings()) for name in names or ("ops",)
    ]
    targets = [Target(each, Groups(Pace(wait_s=3600)), Backoff(1, 1), metrics) for each in receivers]
    return Desk(targets, metrics, keeps_open)


def found(offset, targets, base=0):
    return Found.parse(offset, Mark(targets, base).text())


def lived(made, starts, rows):
    """Hold, read, and be caught up; the marks that follow."""
    positions = made.hold(starts)
    for row in rows:
        made.take(row)
    made.caught_up(starts)
    marks = made.marks()
    made.stop()
    return positions, marks


def rows(*values, first=0):
    return [Row(0, first + offset, each) for offset, each in enumerate(values)]


def test_at_first_it_reads_from_the_beginning_and_waits_with_what_is_open(metrics):
    start = {0: Start(None, 3, 7)}
    published = rows(value("over"), value("open"), value("over", 2, "resolved"), first=3)
    positions, marks = lived(desk(metrics), start, published)
    assert positions == {0: 3}
    place = marks[0].targets["ops"]
    assert [offset for offset in range(10) if not place.has(offset)] == [4, 7, 8, 9]


def test_before_the_past_was_read_there_is_no_mark(metrics):
    made = desk(metrics)
    made.hold({0: Start(None, 0, 7)})
    assert made.marks() == {}


def test_a_known_target_goes_on_where_it_was_and_is_not_told_what_it_was_told(metrics):
    start = {0: Start(found(5, {"ops": Place(5, [6, 7])}), 0, 8)}
    positions, marks = lived(desk(metrics), start, rows(value("a"), value("b"), value("c"), first=5))
    assert positions == {0: 5}
    assert marks[0].targets["ops"] == Place(5, [6, 7])


def test_a_new_target_beside_a_known_one_makes_it_read_everything(metrics):
    start = {0: Start(found(5, {"ops": Place(5)}), 0, 7)}
    published = rows(value("a"), value("b"), value("b", 2, "resolved"), value("c"), value("c", 2, "resolved"),
                     value("d"), value("d", 2, "resolved"))  # fmt: skip
    positions, marks = lived(desk(metrics, "ops", "night"), start, published)
    assert positions == {0: 0}
    assert marks[0].targets == {"ops": Place(5), "night": Place(0, [1, 7])}
    assert marks[0].floor() == 0


def test_who_has_to_know_what_is_open_reads_on_from_the_oldest_that_is(metrics):
    start = {0: Start(None, 0, 4)}
    published = rows(value("a"), value("b"), value("b", 2, "escalated", "critical"), value("a", 2, "resolved"))
    _, marks = lived(desk(metrics, keeps_open=True), start, published)
    assert marks[0].base == 2
    again = {0: Start(found(4, {"ops": Place(4)}, base=2), 0, 4)}
    assert desk(metrics, keeps_open=True).hold(again) == {0: 2}
    assert desk(metrics).hold(again) == {0: 4}


def test_what_retention_took_before_it_was_told_is_counted(metrics):
    positions, _ = lived(desk(metrics), {0: Start(found(5, {"ops": Place(5)}), 12, 20)}, [])
    assert positions == {0: 12}
    assert metrics.registry.get_sample_value("gruard_notify_lost_records_total") == 7


def test_a_log_that_was_made_anew_is_read_from_its_beginning(metrics):
    positions, marks = lived(desk(metrics), {0: Start(found(50, {"ops": Place(50)}), 0, 2)}, rows(value("a")))
    assert positions == {0: 0}
    assert not marks[0].targets["ops"].has(0)


def test_an_event_that_was_told_in_an_earlier_life_is_a_duplicate_where_it_comes_again(metrics):
    start = {0: Start(found(1, {"ops": Place(1)}), 0, 3)}
    made = desk(metrics, keeps_open=True)
    _, marks = lived(made, start, rows(value("a"), value("a"), value("a", 2, "resolved")))
    assert marks[0].targets["ops"] == Place(2)
    assert metrics.registry.get_sample_value(
        "gruard_notify_events_total", {"target": "ops", "outcome": "duplicate"}
    ) == 1  # fmt: skip


def test_a_desk_that_never_began_can_be_stopped(metrics):
    made = desk(metrics)
    made.hold({0: Start(None, 0, 0)})
    made.stop()
