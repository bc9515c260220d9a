"""The book holds the last word on every open alert and on so many resolved ones, whichever way events come."""

from hypothesis import given
from hypothesis import strategies as st

from service.api.alertbook import RANK, AlertBook
from tests.service.api.published import event

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
