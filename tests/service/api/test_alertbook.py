"""The book holds the last word on every open alert and on so many resolved ones, whichever way events come."""

import json

from hypothesis import given
from hypothesis import strategies as st

from service.api.alertbook import RANK, AlertBook
from tests.service.api.published import TIMES, event

IDS = {f"a{i}": (f"d{i % 4}", i % 2) for i in range(8)}  # an alert is of one device, a device in one partition
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(sorted(IDS)), st.sampled_from(["opened", "updated", "resolved"]), st.sampled_from(sorted(RANK))
    ),
    max_size=40,
)


@given(EVENTS, st.integers(0, 4), st.booleans())
def test_the_book_is_the_last_event_of_each_alert(events, most, leaves):
    book, last = AlertBook(most), {}
    for minute, (alert_id, what, severity) in enumerate(events):
        device, partition = IDS[alert_id]
        value = event(alert_id, device, what, severity, minute)
        assert book.hear(partition, value) == device
        last.pop(alert_id, None)
        last[alert_id] = (partition, what, severity, device, value)
        past = [key for key, each in last.items() if each[1] == "resolved"]
        for key in past[: max(len(past) - most, 0)]:
            del last[key]
    if leaves:
        gone = book.forget(1)
        assert sorted(gone) == sorted(d for p, what, _, d, _ in last.values() if p == 1 and what != "resolved")
    open_ = [each for each in last.values() if each[1] != "resolved" and not (leaves and each[0] == 1)]
    assert sorted(entry.value for entry in book.open()) == sorted(each[-1] for each in open_)
    assert [entry.value for entry in book.past()] == [each[-1] for each in last.values() if each[1] == "resolved"]
    for device in {device for device, _ in IDS.values()}:
        ranks = [RANK[severity] for _, _, severity, of, _ in open_ if of == device]
        assert book.is_troubled(device) == bool(ranks)
        assert book.troubled().get(device) == ((min(ranks), len(ranks)) if ranks else None)
        kept = {entry.value for entry in book.of(device)}
        assert kept == {e.value for e in [*book.open(), *book.past()] if e.device_id == device}
    assert sum(book.tally().values()) == len(open_)


def told(entry):
    return json.loads(entry.told)


def test_a_resolved_alert_keeps_why_it_was_open_beside_how_it_ended():
    book = AlertBook(10)
    book.hear(0, event("a", "d0", "opened", minute=1))
    book.hear(0, event("a", "d0", "escalated", "critical", minute=2))
    book.hear(0, event("a", "d0", "resolved", "critical", minute=3))
    [past] = book.past()
    assert past.told.startswith(past.value[:-1])  # byte for byte what was published
    assert told(past) == json.loads(past.value) | {
        "explanation": {
            "reading_time": TIMES[2],
            "summary": "d0: escalated at 2",
            "contributions": [{"sensor": "flow", "share": 0.5}],
        }
    }


def test_an_open_alert_says_why_by_itself():
    book = AlertBook(10)
    book.hear(0, event("a", "d0"))
    [entry] = book.open()
    assert told(entry) == json.loads(entry.value) | {"explanation": None}


def test_an_alert_known_from_the_ledger_is_explained_and_one_that_was_never_heard_of_is_not():
    book = AlertBook(10)
    book.hear(0, event("here", "d0", "updated", minute=1))
    book.hear(0, event("left", "d1", "updated", minute=1))
    book.forget(0)  # a restore: what the ledger holds is heard again
    book.hear(0, event("here", "d0", "updated", minute=1))
    for alert_id, device in (("here", "d0"), ("left", "d1")):
        book.hear(0, event(alert_id, device, "resolved", minute=5))
    here, left = map(told, book.past())
    assert here["explanation"]["summary"] == "d0: updated at 1"
    assert left["explanation"] is None
