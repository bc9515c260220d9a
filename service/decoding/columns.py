"""Decoded messages turned into the columns of `Readings`; what a column shows to be no reading is taken out again.

Ids, times and ranges are checked a column at a time here, because a check a message costs as much as its decoding.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain, compress, groupby
from math import nan
from operator import attrgetter
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from service.decoding.content import Ignored
from service.decoding.faults import MAX_NAME_BYTES, MAX_SENSORS, RejectError, is_name
from service.decoding.shapes import Message, Shapes
from service.decoding.times import MANY, UNREADABLE, parse_times
from service.decoding.wording import MAX_ERROR, line
from service.records import Readings, Records, Reject

MAX_REJECTS = 64  # of one message: each may become a dead letter of its own with all the message's bytes

Explain = Callable[[dict[str, Any], str], RejectError]


@dataclass
class Decoded:
    """Messages in the order of the records, before anything was checked that is checked in columns."""

    messages: list[Message] = field(default_factory=list)
    mixed: bool = False  # whether the values of some may be a dict in place of a row of the table
    sizes: dict[int, int] = field(default_factory=dict)  # record -> how many messages it gave, where not one
    elements: dict[int, int] = field(default_factory=dict)  # position -> index in its array
    rejects: list[Reject] = field(default_factory=list)
    ignored: Ignored = field(default_factory=Ignored)
    strange: int = 0  # values of built-in sensors that no column takes


def assemble(decoded: Decoded, records: Records, shapes: Shapes, explain: Explain) -> Readings:
    messages = decoded.messages
    values, named = _values(decoded, shapes)
    readings = Readings(
        partition=records.partition,
        offsets=np.array(records.offsets, dtype=np.int64),
        arrivals=np.array(records.arrivals, dtype=np.int64),
        record=_record(decoded.sizes, len(records)),
        devices=[message.device for message in messages],
        times=parse_times([message.time for message in messages]),
        classes=[message.class_ or None for message in messages],
        sensors=shapes.sensors,
        values=values,
        named=named,
        labels={i: message.labels for i, message in enumerate(messages) if message.labels},
        elements=decoded.elements,
        rejects=decoded.rejects,
    )
    bad = _bad(readings, shapes)
    if bad.any():
        readings.rejects += _rejects(readings, bad, decoded, shapes, explain)
        readings = _without(readings, bad)
    readings.rejects = _listed(readings.rejects)
    counts = {
        "unknown_member": len(decoded.ignored.members) + shapes.count_members(messages),
        "unknown_sensor": len(decoded.ignored.sensors) + decoded.strange,
        "label_ignored": len(decoded.ignored.labels),
        "key_mismatch": _key_mismatches(readings, records.keys),
    }
    readings.counts = {name: count for name, count in counts.items() if count}
    return readings


def _record(sizes: dict[int, int], records: int) -> NDArray[np.int32]:
    """(n,) position of each message's record."""
    every = np.ones(records, dtype=np.intp)
    every[list(sizes)] = list(sizes.values())
    return np.repeat(np.arange(records, dtype=np.int32), every)


def _values(decoded: Decoded, shapes: Shapes) -> tuple[NDArray[np.float32], dict[int, dict[str, float]]]:
    """Columns of the messages of known classes, NaN all over for the others, whose sensors are given as they came."""
    messages = decoded.messages
    rows = [message.values for message in messages]
    loose = [i for i, row in enumerate(rows) if type(row) is dict] if decoded.mixed else []
    if not loose:
        values, decoded.strange = shapes.values(rows)
        return values, {}
    values = np.full((len(rows), len(shapes.sensors)), nan, dtype=np.float32)
    tight = np.ones(len(rows), dtype=np.bool_)
    tight[loose] = False
    values[tight], decoded.strange = shapes.values(list(compress(rows, tight)))
    known = [i for i in loose if messages[i].class_ in shapes.classes]
    values[known], unknown = shapes.loose_values([rows[i] for i in known])
    decoded.ignored.sensors += unknown
    return values, _named({i: rows[i] for i in loose if messages[i].class_ not in shapes.classes})


def _named(loose: dict[int, dict[str, float | None]]) -> dict[int, dict[str, float]]:
    """Without nulls: they say what absence says."""
    for i, values in loose.items():
        if None in values.values():
            loose[i] = {name: value for name, value in values.items() if value is not None}
    return cast(dict[int, dict[str, float]], loose)


def _bad(readings: Readings, shapes: Shapes) -> NDArray[np.bool_]:
    bad: NDArray[np.bool_] = readings.times == UNREADABLE
    beyond = np.isinf(readings.values)
    if beyond.any():
        bad |= beyond.any(axis=1)
    bad[_not_names(readings.devices)] = True
    strange = {name for name in set(readings.classes) - shapes.classes if name is not None and not is_name(name)}
    if strange:
        bad |= np.array([name in strange for name in readings.classes])
    bad[_bad_named(readings.named)] = True
    return bad


def _not_names(names: Sequence[str]) -> list[int]:
    if len(names) >= MANY and _plain_lines("\n".join(names), len(names)):
        return []
    return [i for i, name in enumerate(names) if not is_name(name)]


def _plain_lines(text: str, lines: int) -> bool:
    """Whether that many lines of printable ASCII, none too short or too long for a name, are all there is."""
    characters = np.frombuffer(f"{text}\n".encode(), dtype=np.uint8)
    ends = np.flatnonzero(characters == ord("\n"))
    lengths = np.diff(ends, prepend=-1) - 1
    if len(ends) != lines or lengths.min() < 1 or lengths.max() > MAX_NAME_BYTES:
        return False
    return bool(characters.max() < 127) and np.count_nonzero(characters < 32) == lines


def _bad_named(named: dict[int, dict[str, float]]) -> list[int]:
    if not named:
        return []
    strange = {name for name in set[str]().union(*named.values()) if not is_name(name)}
    numbers = np.fromiter(chain.from_iterable(values.values() for values in named.values()), dtype=np.float64)
    with np.errstate(over="ignore"):
        finite = np.isfinite(numbers.astype(np.float32))
    most = max(map(len, named.values()), default=0)
    if finite.all() and most <= MAX_SENSORS and not strange:
        return []
    ends = np.cumsum([len(values) for values in named.values()])
    beyond = set(np.searchsorted(ends, np.flatnonzero(~finite), side="right").tolist())
    return [
        i
        for place, (i, values) in enumerate(named.items())
        if place in beyond or len(values) > MAX_SENSORS or not strange.isdisjoint(values)
    ]


def _rejects(
    readings: Readings, bad: NDArray[np.bool_], decoded: Decoded, shapes: Shapes, explain: Explain
) -> Iterable[Reject]:
    for i in np.flatnonzero(bad).tolist():
        fault = explain(shapes.content(decoded.messages[i]), "message is no reading")
        yield Reject(int(readings.record[i]), readings.elements.get(i), fault.reason, fault.error)


def _listed(rejects: list[Reject]) -> list[Reject]:
    """In the order of the input; the last one of a message stands for all that are too many."""
    ordered = sorted(rejects, key=lambda reject: (reject.record, -1 if reject.element is None else reject.element))
    listed: list[Reject] = []
    for _, one_message in groupby(ordered, key=attrgetter("record")):
        own = list(one_message)
        listed += [reject if reject.element is None else _of_element(reject) for reject in own[:MAX_REJECTS]]
        more = own[MAX_REJECTS:]
        if more:
            rest = f"; {len(more)} more elements up to [{more[-1].element}] are bad as well"
            listed[-1] = listed[-1]._replace(error=listed[-1].error[: MAX_ERROR - len(rest)] + rest)
    return listed


def _of_element(reject: Reject) -> Reject:
    return reject._replace(error=line(f"[{reject.element}] {reject.error}"))


def _without(readings: Readings, bad: NDArray[np.bool_]) -> Readings:
    good = ~bad
    moved = (np.cumsum(good) - 1).tolist()
    return replace(
        readings,
        record=readings.record[good],
        devices=list(compress(readings.devices, good)),
        times=readings.times[good],
        classes=list(compress(readings.classes, good)),
        values=readings.values[good],
        named={moved[i]: values for i, values in readings.named.items() if good[i]},
        labels={moved[i]: labels for i, labels in readings.labels.items() if good[i]},
        elements={moved[i]: element for i, element in readings.elements.items() if good[i]},
    )


def _key_mismatches(readings: Readings, keys: Sequence[bytes | None]) -> int:
    one_each = np.array_equal(readings.record, np.arange(len(keys)))
    own = keys if one_each else [keys[i] for i in readings.record.tolist()]
    with suppress(TypeError):  # a record without a key
        # Ids have no line breaks, so the lists are equal if the lines are.
        if b"\n".join(own) == "\n".join(readings.devices).encode():  # type: ignore[arg-type]
            return 0
    pairs = zip(own, map(str.encode, readings.devices), strict=True)
    return sum(key is not None and key != device for key, device in pairs)
