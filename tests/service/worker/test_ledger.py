"""The ledger follows the published alerts, and says how what was lost is told."""

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import GruardError
from service.records import AlertRecord
from service.worker import ledger

names = st.text(string.ascii_lowercase, min_size=1, max_size=2)
values = st.binary(max_size=3)
ledgers = st.dictionaries(names, values, max_size=6)


def alert(event: str, sequence: int, device: str = "plant/pump-1") -> AlertRecord:
    value = {
        "alert_id": "abc", "event": event, "sequence": sequence, "kind": "process", "severity": "warning",
        "device_id": device, "reading_time": "2026-11-21T08:00:00.000Z", "resolved_time": None, "resolved_reason": None,
        "summary": "The pressure – 3 bar – is high.", "score": 1.25, "labels": {},
    }  # fmt: skip
    return AlertRecord(device, "abc", event, sequence, "process", "warning", 4, json.dumps(value).encode())


def test_of_several_events_the_last_one_counts():
    opened, updated, resolved = alert("opened", 1), alert("updated", 2), alert("resolved", 3)
    assert ledger.changes([opened, updated]) == {"alert/plant/pump-1/abc": updated.value}
    assert ledger.changes([opened, updated, resolved]) == {"alert/plant/pump-1/abc": None}


def test_a_lost_alert_is_resolved_once_more_and_nothing_else_of_it_changes():
    value = alert("updated", 2).value
    ended = ledger.lost(99, value)
    assert (ended.event, ended.sequence, ended.offset, ended.device) == ("resolved", 3, 99, "plant/pump-1")
    before, after = json.loads(value), json.loads(ended.value)
    assert after["resolved_reason"] == "state_lost"
    assert after["resolved_time"] == before["reading_time"]
    assert after["summary"].startswith(before["summary"])
    changed = {"event", "sequence", "resolved_time", "resolved_reason", "summary"}
    assert {k: v for k, v in before.items() if k not in changed} == {k: v for k, v in after.items() if k not in changed}
    assert ledger.lost(99, value) == ended


@given(ledgers, ledgers)
def test_reconciling_makes_the_ledger_what_the_detector_holds(published, recomputed):
    after = dict(published)
    for name, value in ledger.reconciled(published, recomputed).items():
        if value is None:
            del after[name]
        else:
            assert after.get(name) != value, "only what differs is written"
            after[name] = value
    assert after == recomputed


@given(ledgers, ledgers)
def test_a_check_passes_only_equal_ledgers(published, recomputed):
    ledger.check(0, published, dict(published))
    if published != recomputed:
        with pytest.raises(GruardError) as caught:
            ledger.check(3, published, recomputed)
        assert caught.value.exit_code == 70
        assert str(caught.value).startswith("partition 3: after replay ")
