"""What a target wants: severity, kind, class and labels, and updates only where it asked for them."""

import msgspec
import pytest

from service.notify.news import read, wants
from service.notify.settings import Wanted
from tests.service.notify.events import value


def wanted(changes, **event):
    return wants(Wanted(**changes), read(value("a", **event)))


@pytest.mark.parametrize(
    ("changes", "event", "holds"),
    [
        ({}, {}, True),
        ({}, {"event": "updated", "sequence": 2}, False),
        ({"updated": True}, {"event": "updated", "sequence": 2}, True),
        ({"min_severity": "critical"}, {"severity": "warning"}, False),
        ({"min_severity": "warning"}, {"severity": "critical"}, True),
        ({"kinds": ("data_quality",)}, {}, False),
        ({"classes": ("fan", "pu*")}, {}, True),
        ({"classes": ()}, {}, False),
        ({"labels": {"site": "nor*"}}, {}, True),
        ({"labels": {"site": "south"}}, {}, False),
        ({"labels": {"line": "*"}}, {}, True),
        ({"labels": {"line": "?*"}}, {}, False),
    ],
)
def test_a_filter_is_all_of_its_conditions(changes, event, holds):
    assert wanted(changes, **event) is holds


def test_an_event_has_the_id_that_it_was_published_with():
    assert read(value("abc", 3, "escalated", "critical")).id == "abc-3"


UNKNOWN = value("a").replace(b"opened", b"closed")
NO_TIME = value("a", onset_time="today")
LONE = value("a").replace(b"pump-17", b"\\ud800")


@pytest.mark.parametrize("bad", [b"", b"{", b"[]", b'{"alert_id": 1}', b"\xff", UNKNOWN, NO_TIME, LONE])
def test_what_is_no_alert_is_not_taken_for_one(bad):
    with pytest.raises(msgspec.MsgspecError):
        read(bad)
