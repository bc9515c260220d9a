"""The list of devices against one that sorts and filters everything anew."""

from types import SimpleNamespace
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from service.api.alertbook import CALM, Trouble
from service.api.asked import DevicesAsked
from service.api.fleet import SEVERITY, Fleet
from service.detector.devices import NEVER
from service.detector.partition import Signature
from service.detector.roster import Roster

CLASSES = ("pump", "fan")
BUNDLE: Any = SimpleNamespace(manifest=SimpleNamespace(name="m", version="1"))
IDS = st.text("aB~/é<", min_size=1, max_size=3)
ROWS = st.lists(st.tuples(st.one_of(st.none(), IDS), st.sampled_from([0, 1]), st.integers(0, 9)), max_size=12)


def roster(number, rows):
    ids = [id_ for id_, _, _ in rows]
    kept = [i for i, id_ in enumerate(ids) if id_ is None or id_ not in ids[:i]]  # a table has a device once
    return Roster(
        number, BUNDLE, 5, [Signature(name, ()) for name in CLASSES], [ids[i] for i in kept],
        np.array([rows[i][1] for i in kept], np.int32), np.array([rows[i][2] or NEVER for i in kept], np.int64),
        np.array([rows[i][2] for i in kept], np.uint32),
    )  # fmt: skip


@st.composite
def scenes(draw):
    rosters = [roster(number, draw(ROWS)) for number in range(draw(st.integers(0, 3)))]
    devices = sorted({id_ for each in rosters for id_ in each.ids if id_ is not None})
    odd = draw(st.lists(st.sampled_from([*devices, "gone"]), unique=True))
    troubled = {device: Trouble(draw(st.integers(0, 2)), 1) for device in odd}
    asked = {
        "open": draw(st.sampled_from(["", "", "true", "false"])),
        "severity": draw(st.sampled_from(["", "", *SEVERITY])),
        "class": draw(st.sampled_from(["", *CLASSES])),
        "q": draw(st.sampled_from(["", "A", "~", "É"])),
        "limit": draw(st.integers(1, 5)),
    }
    return rosters, devices, troubled, asked


@given(scenes())
def test_all_pages_together_are_the_sorted_list_of_those_that_fit(scene):
    rosters, devices, troubled, asked = scene
    fleet = Fleet(rosters)
    assert len(fleet) == len(devices)
    fitting = []
    for device in devices:
        known, trouble = fleet.known(fleet.find(device)), troubled.get(device, Trouble())
        fits = asked["open"] in ("", "true" if trouble.alerts else "false")
        fits &= asked["severity"] == "" or (trouble.alerts > 0 and SEVERITY[trouble.rank] == asked["severity"])
        fits &= asked["class"] in ("", known.device_class) and asked["q"].casefold() in device.casefold()
        if fits:
            fitting.append((trouble.rank, device))
    found, after = [], ""
    while after is not None:
        page = fleet.page(DevicesAsked(**asked, after=after), troubled)
        assert page.total == len(fitting)
        assert len(page.devices) == asked["limit"] or page.next is None
        found += [(each.rank, each.id) for each in page.devices]
        after = page.next
    assert found == sorted(fitting)


@given(st.lists(ROWS, max_size=3))
def test_a_device_is_told_as_where_it_was_heard_last(all_rows):
    rosters = [roster(number, rows) for number, rows in enumerate(all_rows)]
    fleet = Fleet(rosters)
    places = {}
    for each in rosters:
        for slot, id_ in enumerate(each.ids):
            if id_ is not None:
                places.setdefault(id_, []).append((int(each.last_time[slot]), int(each.count[slot])))
    for id_, times in places.items():
        known = fleet.known(fleet.find(id_))
        last = max(time for time, _ in times)
        assert known.last_time == (None if last == NEVER else last)
        assert known.warming == (next(count for time, count in times if time == last) < 5)
    assert fleet.find("no such device") is None


@given(ROWS, ROWS)
def test_an_order_is_taken_over_only_from_the_same_devices(one, other):
    before = Fleet([roster(0, one)])
    for rows in (one, other):
        after, fresh = Fleet([roster(0, rows)], before), Fleet([roster(0, rows)])
        asked = DevicesAsked(limit=500)
        assert after.page(asked, {}) == fresh.page(asked, {})
        assert all(each.rank == CALM for each in after.page(asked, {}).devices)
