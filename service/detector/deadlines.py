"""What happens because nothing happens: silence and the end of a device's time to live, by stream time alone.

A deadline fires at the first record whose stream time has reached it, so how the input was cut changes nothing.
"""

import numpy as np
from numpy.typing import NDArray

from service.detector.devices import NEVER, SILENT, Columns
from service.detector.partition import Overlay
from service.detector.tables import FOREVER, TableRules
from service.detector.telling import Teller


def fire(overlay: Overlay, stream: NDArray[np.int64], rules: dict[str, TableRules], teller: Teller) -> None:
    """Tell every device whose deadline the batch's stream time has reached and that did not speak since."""
    if len(stream) == 0:
        return
    now = int(stream[-1])
    for work in overlay.works.values():  # a second reading, or a shorter period, can bring a deadline forward
        due = _deadline(work.columns, np.arange(len(work)), rules[work.table.key])
        overlay.deadline = min(overlay.deadline, int(due.min(initial=FOREVER)))
    if now < overlay.deadline:
        return
    overlay.deadline = min(
        (_fire_table(overlay, number, now, rules, teller) for number in _tables(overlay)), default=now
    )


def _tables(overlay: Overlay) -> range:
    return range(len(overlay.partition.tables))


def _fire_table(overlay: Overlay, number: int, now: int, rules: dict[str, TableRules], teller: Teller) -> int:
    """Fire what is due in one table; the earliest deadline that is left."""
    table = overlay.partition.tables[number]
    own = rules[table.key]
    suspects = [slots[_deadline(table.columns, slots, own) <= now] for slots in table.alive()]
    overlay.rows(number, np.concatenate([np.empty(0, np.intp), *suspects]))
    work = overlay.works[number]
    rows = np.array([row for row in range(len(work)) if row not in work.dead], np.intp)
    for row in rows[_deadline(work.columns, rows, own) <= now].tolist():
        at = np.array([row], np.intp)
        silent_at = int(work.columns["heard"][row] + own.silence_ms(work.columns, at)[0])
        if not work.columns["flags"][row] & SILENT and silent_at <= now:
            teller.silent(work, row, silent_at)
        if work.columns["heard"][row] + own.time_to_live_ms <= now:
            teller.forget(work, row)
            overlay.forget(number, row)
    copied = np.zeros(len(table.ids), bool)
    copied[work.slots[work.slots < len(table.ids)]] = True
    rows = np.array([row for row in rows.tolist() if row not in work.dead], np.intp)
    left = [_deadline(table.columns, slots[~copied[slots]], own).min(initial=FOREVER) for slots in table.alive()]
    return int(min(_deadline(work.columns, rows, own).min(initial=FOREVER), *left, FOREVER))


def _deadline(columns: Columns, rows: NDArray[np.intp], rules: TableRules) -> NDArray[np.int64]:
    """(rows,) when a device is next due if it is not heard again."""
    heard = columns["heard"][rows]
    speaking = (columns["flags"][rows] & SILENT) == 0
    silent_at = np.where(speaking, heard + rules.silence_ms(columns, rows), FOREVER)
    return np.where(heard == NEVER, FOREVER, np.minimum(silent_at, heard + rules.time_to_live_ms))
