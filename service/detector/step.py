"""One table's readings, wave by wave: judged by the order's rules, stepped by the model, scored, and their alerts told.

Everything is done on `Work` rows; nothing here knows of other tables or of what was committed.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.detector.alerts import RISEN
from service.detector.devices import ALERTING, CASE, NEVER, SILENT, Work
from service.detector.limits import BLOCK, close_block, limits
from service.detector.measuring import Meter
from service.detector.model import CHUNK, Bucket
from service.detector.order import digest, waves
from service.detector.resolve import Group
from service.detector.scored import Scored
from service.detector.scoring import NOTHING, judge
from service.detector.tables import TableRules
from service.detector.telling import Teller, Told
from service.records import Readings

GAP_MEMORY = 0.5  # what a gap of `after_periods` leaves of the recurrent memory under the policy `decay`
FLOOR_GAIN = np.float32(1e-4)  # of the running mean of a strength, once the device is old
PERIOD_GAIN = np.float32(0.01)


@dataclass
class Batch:
    """What every table's step of one batch shares."""

    readings: Readings
    times: NDArray[np.int64]  # (n,) event times, a copy: corrected clocks are put right in it
    stream: NDArray[np.int64]  # (records,) stream time at each record
    skew_ms: int
    counts: Counter[str]
    meter: Meter
    collect: Sequence[Callable[[Scored], None]]  # told of each chunk that was scored


def step_group(group: Group, batch: Batch, rules: TableRules, teller: Teller) -> None:
    """Every reading of the group, at most one a device at a time, each device's in order."""
    mark = np.empty(len(group.work), np.int32)
    for wave in waves(group.rows, mark):
        accepted = _admit(group, wave, batch, rules, teller)
        for start in range(0, len(accepted), CHUNK):
            _step_chunk(group, accepted[start : start + CHUNK], batch, rules, teller)
    batch.meter.close(group)


def _admit(group: Group, wave: NDArray[np.intp], batch: Batch, rules: TableRules, teller: Teller) -> NDArray[np.intp]:
    """The positions of the wave that are stepped; the others are counted for what they are."""
    work, rows, at = group.work, group.rows[wave], group.at[wave]
    record = batch.readings.record[at]
    now, times = batch.stream[record], batch.times[at]
    _hear(work, rows, now, record, rules, teller)
    ahead = _set_clocks(group, wave, times, batch, teller)
    columns = work.columns
    empty = ~np.isfinite(group.values[wave]).any(axis=1) & ~ahead
    last = columns["last_time"][rows]
    judged = ~ahead & ~empty & (columns["count"][rows] > 0)
    late = judged & (times < last)
    same = judged & (times == last)
    marks = digest(group.values[wave])
    duplicate = same & (marks == columns["digest"][rows])
    for name, which in (
        ("all_missing", empty),
        ("late", late),
        ("duplicate", duplicate),
        ("conflict", same & ~duplicate),
    ):
        batch.counts[name] += int(which.sum())
    for i in np.flatnonzero(late).tolist():
        teller.late(int(at[i]), int(last[i]))
    good = ~(ahead | empty | late | same)
    columns["digest"][rows[good]] = marks[good]
    batch.times[at] = times
    for i in np.flatnonzero(good & ((columns["flags"][rows] & CASE) > 0)).tolist():
        teller.on_time(work, int(rows[i]), int(at[i]))
    accepted: NDArray[np.intp] = wave[good]
    return accepted


def _hear(
    work: Work,
    rows: NDArray[np.intp],
    now: NDArray[np.int64],
    record: NDArray[np.int32],
    rules: TableRules,
    teller: Teller,
) -> None:
    """A sign of life: ends a silence, tells one that fell between two polls, forgets a device heard of too long ago."""
    heard = work.columns["heard"]
    known = heard[rows] != NEVER
    flags = work.columns["flags"][rows]
    silent = known & (now >= heard[rows] + rules.silence_ms(work.columns, rows))
    for i in np.flatnonzero(silent | ((flags & SILENT) > 0)).tolist():
        row = int(rows[i])
        if known[i] and now[i] >= heard[row] + rules.time_to_live_ms:
            teller.forget(work, row)
            work.rebirth(row)
            continue
        if not flags[i] & SILENT:
            teller.silent(work, row, int(heard[row] + rules.silence_ms(work.columns, rows[i : i + 1])[0]))
        teller.heard_again(work, row, int(record[i]), int(now[i]))
    heard[rows] = now


def _set_clocks(
    group: Group, wave: NDArray[np.intp], times: NDArray[np.int64], batch: Batch, teller: Teller
) -> NDArray[np.bool_]:
    """Which readings are too far ahead of their arrival to be believed; `times` of corrected devices is corrected."""
    work, rows, at = group.work, group.rows[wave], group.at[wave]
    arrivals = batch.readings.arrivals[batch.readings.record[at]]
    for i in np.flatnonzero(work.columns["flags"][rows] & CASE).tolist():
        case = work.peek(int(rows[i]))
        if case is not None and case.correction_ms:
            times[i] -= case.correction_ms
    ahead: NDArray[np.bool_] = times > arrivals + batch.skew_ms
    batch.counts["future"] += int(ahead.sum())
    for i in np.flatnonzero(ahead).tolist():
        teller.ahead(work, int(rows[i]), int(at[i]), int(times[i] - arrivals[i]))
    return ahead


def _step_chunk(group: Group, picked: NDArray[np.intp], batch: Batch, rules: TableRules, teller: Teller) -> None:
    work, rows = group.work, group.rows[picked]
    columns, count = work.columns, len(picked)
    times = batch.times[group.at[picked]]
    values = group.values[picked]
    outside = rules.ranges.outside(values)
    troubled = outside.any(axis=1) | ((columns["flags"][rows] & CASE) > 0)
    if outside.any():
        values = np.where(outside, np.float32(np.nan), values)
    bucket = _fill(group, rows, times, values, batch, rules)
    bucket.run()
    out = bucket.out
    finite = np.isfinite(out.state[:count]).all(axis=1)
    assert finite.all(), "the graph made a state that is not finite"
    columns["state"][rows] = out.state[:count]
    terms = rules.allowed(out.terms[:count], values, out.mean[:count], out.reference[:count])
    if troubled.any():
        terms = teller.without_stuck(work, rows, terms, troubled)
    scored = _score(group, picked, times, values, bucket, terms, rules)
    columns["last_time"][rows] = times
    batch.counts["stepped"] += count
    held = out.held[:count]
    troubled |= rules.held_too_long(held, columns["count"][rows]).any(axis=1)
    _tell(scored, outside, troubled, rules, teller)
    batch.meter.add(scored, rules)
    for collect in batch.collect:
        collect(scored)


def _fill(
    group: Group,
    rows: NDArray[np.intp],
    times: NDArray[np.int64],
    values: NDArray[np.float32],
    batch: Batch,
    rules: TableRules,
) -> Bucket:
    """The model's inputs for these rows; a gap weakens the recurrent memory by the policy."""
    columns, count = group.work.columns, len(rows)
    bucket = group.work.table.layout.model.bucket(count)
    first = columns["count"][rows] == 0
    elapsed = np.where(first, 0, times - columns["last_time"][rows]) / 1000.0
    np.clip(elapsed, 0, 1e7, out=elapsed)
    bucket.values[:count] = values
    bucket.elapsed[:count] = elapsed
    bucket.time[:count] = times
    bucket.learn[:count] = rules.learning(group.work, rows, times)
    bucket.alerting[:count] = (columns["flags"][rows] & ALERTING) > 0
    bucket.state[:count] = columns["state"][rows]
    period = rules.period(columns, rows)
    gap = (period > 0) & (elapsed > rules.gap.after_periods * period)
    if gap.any():
        batch.counts["gap"] += int(gap.sum())
        _weaken(bucket, np.flatnonzero(gap), elapsed[gap] / period[gap], rules)
    if "period" in columns:
        learnt = columns["period"][rows]
        gain = np.maximum(PERIOD_GAIN, 1 / np.maximum(columns["count"][rows].astype(np.float32), 1))
        moved = learnt + gain * (elapsed.astype(np.float32) - learnt)
        columns["period"][rows] = np.where(first | gap, learnt, moved)
    return bucket


def _weaken(bucket: Bucket, at: NDArray[np.intp], periods: NDArray[np.float64], rules: TableRules) -> None:
    begin, end = rules.memory
    if rules.gap.policy == "decay":
        left = GAP_MEMORY ** (periods / rules.gap.after_periods)
        bucket.state[at, begin:end] *= left.astype(np.float32)[:, None]
    elif rules.gap.policy == "reset":
        bucket.state[at, begin:end] = 0


def _score(
    group: Group,
    picked: NDArray[np.intp],
    times: NDArray[np.int64],
    values: NDArray[np.float32],
    bucket: Bucket,
    terms: NDArray[np.float32],
    rules: TableRules,
) -> Scored:
    """Strengths against limits, then the records that the next limits come from."""
    work, rows, sensors = group.work, group.rows[picked], group.sensors[picked]
    columns, plan = work.columns, work.table.layout.plan
    before = columns["count"][rows]
    smooth = columns["smooth"][rows]
    strength = plan.strengths(terms, smooth, before, sensors)
    columns["smooth"][rows] = smooth
    count = before + np.uint32(1)
    if rules.ripening:
        strength *= (count / (count + np.float32(rules.ripening))).astype(np.float32)[:, None]
    blocks = columns["blocks"][rows]
    k = rules.k(columns, rows)
    limit, correction = limits(columns["top"][rows], blocks, columns["floor"][rows], k)
    judged = judge(plan, strength, limit, correction, sensors)
    unripe = (count <= rules.warm_up) | (blocks == 0)
    judged = judged._replace(
        evidence=np.where(unripe, NOTHING, judged.evidence), change=np.where(unripe, NOTHING, judged.change)
    )
    columns["count"][rows] = count
    ends_block = _record(work, rows, strength, limit, count, bucket.learn[: len(rows)] > 0, rules)
    since, loudest = columns["since"][rows], columns["loudest"][rows]
    worse = judged.evidence >= loudest.astype(np.float32) + RISEN
    event = (judged.evidence >= 0) & ((since > rules.hold_off) | worse)
    columns["since"][rows] = np.where(event, 0, np.minimum(since, 65534) + 1)
    columns["loudest"][rows] = np.where(event, judged.evidence, loudest)
    return Scored(
        group, picked, times, values, bucket, judged, strength, limit, terms, event, ends_block, correction > 0, k
    )


def _record(
    work: Work,
    rows: NDArray[np.intp],
    strength: NDArray[np.float32],
    limit: NDArray[np.float32],
    count: NDArray[np.uint32],
    learn: NDArray[np.bool_],
    rules: TableRules,
) -> NDArray[np.bool_]:
    """Bring the block maxima forward; which rows have just ended a block."""
    columns = work.columns
    learn = learn & (count > rules.warm_up)
    gain = np.maximum(1 / count.astype(np.float32), FLOOR_GAIN) * learn
    columns["floor"][rows] += gain[:, None] * (strength - columns["floor"][rows])
    seen = np.where(learn[:, None], strength, 0).astype(np.float16)
    columns["block"][rows] = np.maximum(columns["block"][rows], seen)
    ends: NDArray[np.bool_] = count % BLOCK == 0
    if ends.any():
        ending = rows[ends]
        alerting = (columns["flags"][ending] & ALERTING) > 0
        first = columns["blocks"][ending] == 0  # nothing to creep from yet
        columns["top"][ending], columns["age"][ending] = close_block(
            columns["top"][ending], columns["age"][ending], columns["block"][ending], limit[ends], alerting | first
        )
        columns["blocks"][ending] = np.minimum(columns["blocks"][ending], 166) + 1
        columns["block"][ending] = 0
    return ends


def _tell(
    scored: Scored, outside: NDArray[np.bool_], troubled: NDArray[np.bool_], rules: TableRules, teller: Teller
) -> None:
    """Hand the few rows that have something to say to the teller, one by one."""
    flags = scored.group.work.columns["flags"][scored.rows]
    opening = scored.event & (scored.bucket.learn[: len(flags)] > 0)  # not during maintenance
    changing = (scored.judged.change >= 0) & rules.change_events
    for i in np.flatnonzero(opening | changing | troubled | ((flags & ALERTING) > 0)).tolist():
        teller.tell(scored, i, Told(bool(opening[i]), bool(changing[i]), outside[i]))
