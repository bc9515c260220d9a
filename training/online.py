"""The universal step: the witnesses over a last-value forecast, every number learnt per sensor while it runs.

A formula in the terms of `symbols`, so it is graph and reference at once. Nothing crosses sensors: a row's bits depend
neither on its neighbours nor on how many sensors its device was padded to. Everything is kept in the sensor's own unit.
"""

from typing import Any, NamedTuple

from training.symbols import (
    absolute,
    concat,
    maximum,
    minimum,
    missing,
    number,
    reshape,
    same,
    split,
    sqrt,
    where,
)

FARTHEST = 1e15  # of a reading: its square still fits float32 with room for sums
LARGEST = 1e3  # of a residual in spreads, and of a term
LOUDEST = 5.0  # of a surprise, as far as its mean square is concerned

# Spread: a prior that it is a third of the range seen, worth so many readings; never below a share of the range.
PRIOR_READINGS, PRIOR_SHARE, LEAST_SHARE = 300.0, 0.3, 0.05
RESOLUTION, NOTHING = 1e-6, 1e-30  # relative and absolute: float32 itself moves by less

GAIN_4, GAIN_10, GAIN_60 = 0.22119922, 0.09516258, 0.01652855  # 1 - exp(-1/tau)
SPREAD_GAIN = 2e-5  # mean and spread: all of the past, for 50,000 readings
REFERENCE_GAIN = 1 / 600  # of the level witness
UNIT_GAIN = 1 / 3000  # how far averages stray on ordinary days
UNIT_FLOOR = 0.01  # variance in spreads: a level within a tenth of a spread is no news

# The 90 % quantile of each residual, by steps; floored because a step is a factor and zero would never grow again.
DEAD_GAIN, DEAD_UP, DEAD_DOWN = 0.003, 0.9, 0.1
DEAD_LEAST = 0.05
LAST_WEIGHT = 0.6  # of the last-value residual beside the deviation from the mean of four
TYPICAL = 0.1  # squared surprise of a sensor whose weight is one half
HEALTHY = 1.3  # times the 90 % quantile: about 95 % of the residuals of healthy readings
REFERENCE_WIDTH = 2.0

# A level beyond so many units is news, not the sensor's nature: it is learnt at a hundredth of the pace.
ODD_LEVEL, ODD_AFTER, ODD_PACE = 3.0, 60.0, 0.01
# A reading so many ranges away is scored as it is, but learnt from as if it were three spreads away.
GROSS_RANGES, GROSS_AFTER, GROSS_SPREADS = 30.0, 20.0, 3.0


class Memory(NamedTuple):
    """A sensor's state, in the order of the row; (rows, sensors) each, all zeros until its first reading."""

    seen: Any  # readings
    held: Any  # > 0 readings with this value, < 0 readings missing
    last: Any
    four: Any  # running averages, by readings
    ten: Any
    sixty: Any
    reference: Any  # slow, of the level witness
    mean: Any  # of all that was seen
    variance: Any  # around it
    low: Any
    high: Any
    dead_last: Any  # zones of the residuals from the last value and from the mean of four
    dead_four: Any
    strayed: Any  # mean square of ten - reference
    turned: Any  # mean square of ten - sixty
    surprised: Any  # mean square of the surprise


PER_SENSOR = len(Memory._fields)


class Inputs(NamedTuple):
    values: Any  # (rows, sensors)
    learn: Any  # (rows,)
    alerting: Any
    state: Any  # (rows, floats x sensors)


class Reading(NamedTuple):
    """A reading as the statistics take it."""

    here: Any  # not missing
    known: Any  # and not the sensor's first
    value: Any
    learnt: Any  # the value, or what is believed of a gross one
    low: Any  # of the range with it
    high: Any
    spread: Any


class Seen(NamedTuple):
    """What the witnesses made of it."""

    from_last: Any  # residuals in spreads
    from_four: Any
    surprise: Any
    four: Any  # averages with the reading
    ten: Any
    sixty: Any
    level: Any  # in units
    turn: Any


def step(given: Inputs) -> dict[str, Any]:
    """Outputs by name; `next_state` is laid out as the state is."""
    was = Memory(*split(given.state, PER_SENSOR))
    before = _spread(was, was.high - was.low)
    reading = _take(was, given.values, before)
    seen = _witness(was, reading)
    now = _learn(was, reading, seen, (_flag(given.learn), _flag(given.alerting)))
    weighted = seen.surprise * (TYPICAL / (was.surprised + TYPICAL))
    scored = number(reading.known)
    terms = [part * scored for part in (seen.surprise, weighted, seen.level, seen.turn)]
    return {
        "mean": was.last,
        "scale": before * _dead(was.dead_last) * HEALTHY,
        "reference": was.reference,
        "reference_scale": _unit(was.strayed, before) * REFERENCE_WIDTH,
        "held": now.held,
        "terms": reshape(concat(terms), 0, len(terms), -1),
        "next_state": concat(now),
    }


def _flag(rows: Any) -> Any:
    return reshape(rows, -1, 1) > 0.0


def _spread(was: Memory, span: Any) -> Any:
    """What a spread is worth: a share of the range at first, the deviation measured later."""
    prior = PRIOR_READINGS / (was.seen + PRIOR_READINGS)
    rough = span * PRIOR_SHARE
    measured = sqrt(rough * rough * prior + was.variance * (1.0 - prior))
    tiny = absolute(was.mean) * RESOLUTION + NOTHING
    return maximum(maximum(measured, span * LEAST_SHARE), tiny)


def _take(was: Memory, values: Any, before: Any) -> Reading:
    here, old = ~missing(values), was.seen > 0.0
    value = minimum(maximum(where(here, values, was.last), -FARTHEST), FARTHEST)
    learnt = _believed(was, value, before)
    low = where(old, minimum(was.low, learnt), learnt)
    high = where(old, maximum(was.high, learnt), learnt)
    return Reading(here, here & old, value, learnt, low, high, _spread(was, high - low))


def _believed(was: Memory, value: Any, spread: Any) -> Any:
    """One absurd reading, or fifty, must not blind a sensor for good."""
    span, apart, most = was.high - was.low, value - was.mean, spread * GROSS_SPREADS
    gross = (absolute(apart) > span * GROSS_RANGES) & (was.seen > GROSS_AFTER) & (span > 0.0)
    return where(gross, was.mean + minimum(maximum(apart, -most), most), value)


def _witness(was: Memory, reading: Reading) -> Seen:
    """Of a sensor's first reading all this is meaningless; the terms are masked by `known`."""
    from_last = minimum(absolute(reading.value - was.last) / reading.spread, LARGEST)
    from_four = minimum(absolute(reading.value - was.four) / reading.spread, LARGEST)
    beyond_last = maximum(from_last - _dead(was.dead_last), 0.0)
    beyond_four = maximum(from_four - _dead(was.dead_four), 0.0)
    young = _young(was)
    four, ten, sixty = (
        average + maximum(young, gain) * (reading.learnt - average)
        for average, gain in ((was.four, GAIN_4), (was.ten, GAIN_10), (was.sixty, GAIN_60))
    )
    level = minimum(absolute(ten - was.reference) / _unit(was.strayed, reading.spread), LARGEST)
    turn = minimum(absolute(ten - sixty) / _unit(was.turned, reading.spread), LARGEST)
    return Seen(from_last, from_four, beyond_last * LAST_WEIGHT + beyond_four, four, ten, sixty, level, turn)


def _young(was: Memory) -> Any:
    """A gain that makes a running average the mean of all readings."""
    return 1.0 / (was.seen + 1.0)


def _unit(square: Any, spread: Any) -> Any:
    return maximum(sqrt(square + spread * spread * UNIT_FLOOR), NOTHING)


def _dead(zone: Any) -> Any:
    return maximum(zone, DEAD_LEAST)


def _learn(was: Memory, reading: Reading, seen: Seen, flags: tuple[Any, Any]) -> Memory:
    """In maintenance the averages go on and the rest stands still; a missing sensor stands still altogether."""
    learn, alerting = flags
    here, learnt, young = reading.here, reading.learnt, _young(was)
    # A sensor's first reading is all that is known of it, so it is learnt even in maintenance.
    begins, learns = here & (learn | ~reading.known), learn & reading.known
    haste = where(alerting & reading.known, 0.0, young)
    pace = where((seen.level > ODD_LEVEL) & (was.seen > ODD_AFTER), ODD_PACE, 1.0)
    usual = maximum(haste, UNIT_GAIN) * pace
    apart, gain = learnt - was.mean, maximum(young, SPREAD_GAIN)
    reference = was.reference + maximum(haste, REFERENCE_GAIN) * pace * (learnt - was.reference)

    def mean_square(square: Any, value: Any) -> Any:
        return where(learns, square + usual * (value * value - square), square)

    def zone(dead: Any, residual: Any) -> Any:
        step = maximum(young, DEAD_GAIN)
        factor = where(residual > _dead(dead), step * DEAD_UP + 1.0, 1.0 - step * DEAD_DOWN)
        return where(learns, _dead(dead) * factor, dead)

    return Memory(
        seen=was.seen + number(here),
        held=_held(was, reading),
        last=where(here, reading.value, was.last),
        four=where(here, seen.four, was.four),
        ten=where(here, seen.ten, was.ten),
        sixty=where(here, seen.sixty, was.sixty),
        reference=where(begins, reference, was.reference),
        mean=where(begins, was.mean + gain * apart, was.mean),
        variance=where(learns, (1.0 - gain) * (was.variance + gain * apart * apart), was.variance),
        low=where(begins, reading.low, was.low),
        high=where(begins, reading.high, was.high),
        dead_last=zone(was.dead_last, seen.from_last),
        dead_four=zone(was.dead_four, seen.from_four),
        strayed=mean_square(was.strayed, seen.ten - was.reference),
        turned=mean_square(was.turned, seen.ten - seen.sixty),
        surprised=mean_square(was.surprised, minimum(seen.surprise, LOUDEST)),
    )


def _held(was: Memory, reading: Reading) -> Any:
    unchanged = same(reading.value, was.last) & (was.held > 0.0)
    absent = where(was.seen > 0.0, minimum(was.held, 0.0) - 1.0, 0.0)
    return where(reading.here, where(unchanged, was.held + 1.0, 1.0), absent)
