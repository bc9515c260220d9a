"""Event times: every form that is read, every unit, and columns that agree with single values."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.decoding import TimeError, parse_time
from service.decoding.times import END, FIRST, UNREADABLE, parse_times
from tests.service.decoding.inputs import TIME, TIME_MS, unhurried

FORMS = [
    (TIME, TIME_MS),
    ("2026-11-21T08:03:23Z", TIME_MS - 123),
    ("2026-11-21t08:03:23.123z", TIME_MS),
    ("2026-11-21 08:03:23.123Z", TIME_MS),
    ("2026-11-21T08:03:23.1Z", TIME_MS - 23),
    ("2026-11-21T08:03:23.1239999999Z", TIME_MS),
    ("2026-11-21T08:03:23.123456789012345678901234567890Z", TIME_MS),
    ("2026-11-21T10:03:23.123+02:00", TIME_MS),
    ("2026-11-21T02:33:23.123-05:30", TIME_MS),
    ("2026-11-21T08:03:23.123-00:00", TIME_MS),
    ("2026-11-22T07:03:23.123+23:00", TIME_MS),
    ("2016-12-31T23:59:60Z", 1483228800_000),  # the leap second that there was, read as the second after it
    ("2017-01-01T00:59:60.5+01:00", 1483228800_500),
    ("2024-02-29T00:00:00Z", 1709164800_000),
    ("1990-01-01T00:00:00Z", FIRST * 1000),
    ("1989-12-31T23:00:00-01:00", FIRST * 1000),
    ("2100-12-31T23:59:59.999Z", END * 1000 - 1),
    (1795248203, TIME_MS - 123),
    (TIME_MS, TIME_MS),
    (1795248203_123456, TIME_MS),
    (1795248203_123456789, TIME_MS),
    (1795248203.123, TIME_MS),
    (1795248203123.9, TIME_MS),
    (1795248203123456.0, TIME_MS),
    (1.795248203123456e18, TIME_MS),
    (FIRST, FIRST * 1000),
    (END * 10**9 - 1, END * 1000 - 1),
]

REFUSED = [
    "",
    "2026-11-21",
    "2026-11-21T08:03:23",
    "2026-11-21T08:03Z",
    "2026-11-21T08:03:23,123Z",
    "2026-11-21T08:03:23.Z",
    "2026-11-21T08:03:23.123+0200",
    "2026-11-21T08:03:23.123+02",
    "2026-11-21T08:03:23.123 +02:00",
    "2026-11-21T08:03:60.123Z",
    "2026-11-21T24:00:00.000Z",
    "2026-11-21T08:60:00.000Z",
    "2026-13-21T08:03:23.123Z",
    "2026-00-21T08:03:23.123Z",
    "2026-02-29T08:03:23.123Z",
    "2026-11-31T08:03:23.123Z",
    "2026-11-21T08:03:23.123+24:00",
    "2026-11-21T08:03:23.123+02:60",
    "2101-01-01T00:00:00.000Z",
    "1989-12-31T23:59:59.999Z",
    "9999-12-31T23:59:59.999Z",
    "0000-01-01T00:00:00.000Z",
    "２０２６-11-21T08:03:23.123Z",
    " 2026-11-21T08:03:23.123Z",
    "2026-11-21T08:03:23.123Z\n",
    "1795248203",
    0,
    -1,
    -TIME_MS,
    FIRST - 1,
    END,
    99_999_999_999,
    END * 10**9,
    10**30,
    10**400,
    1e300,
    float(FIRST) - 0.5,
]


@pytest.mark.parametrize(("value", "expected"), FORMS, ids=str)
def test_a_time_is_read_to_the_millisecond(value: str | int | float, expected: int) -> None:
    assert parse_time(value) == expected
    assert parse_times([value]).tolist() == [expected]


@pytest.mark.parametrize("value", REFUSED, ids=lambda value: str(value)[:40])
def test_what_is_no_time_is_refused_with_its_value(value: str | int | float) -> None:
    with pytest.raises(TimeError, match="is "):
        parse_time(value)
    assert parse_times([value]).tolist() == [UNREADABLE]


@pytest.mark.parametrize("value", [None, True, False, [], {}, b"2026"])
def test_what_json_has_beside_text_and_numbers_is_no_time(value: object) -> None:
    with pytest.raises(TimeError, match="neither text nor a number"):
        parse_time(value)


def test_the_ranges_of_the_units_do_not_touch() -> None:
    for unit in (1, 1000, 1_000_000):
        assert END * unit < FIRST * unit * 1000


moments = st.datetimes(datetime(1990, 1, 2), datetime(2100, 12, 30)).map(lambda moment: moment.replace(tzinfo=UTC))
zones = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
texts = st.builds(
    lambda moment, zone, spec: moment.astimezone(zone).isoformat(timespec=spec),
    moments,
    zones,
    st.sampled_from(["seconds", "milliseconds", "microseconds"]),
)


@unhurried
@given(moments, zones)
def test_any_moment_written_with_any_offset_is_read_as_datetime_reads_it(moment: datetime, zone: timezone) -> None:
    expected = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert parse_time(moment.astimezone(zone).isoformat()) == expected
    assert parse_time(moment.isoformat().replace("+00:00", "Z")) == expected


@unhurried
@given(st.integers(FIRST * 10**9, END * 10**9 - 1))
def test_integers_of_every_unit_agree(nanoseconds: int) -> None:
    for unit in (10**9, 10**6, 10**3):
        assert parse_time(nanoseconds // (10**9 // unit)) == nanoseconds // 10**9 * 1000 + (
            nanoseconds % 10**9 // (10**9 // unit) * 1000 // unit
        )


odd = st.sampled_from([*REFUSED, *(value for value, _ in FORMS)])
anything = st.one_of(
    texts,
    texts.map(lambda text: text.replace("+00:00", "Z")),
    odd,
    st.text(),
    st.integers(),
    st.floats(allow_subnormal=False),
)


@unhurried
@given(
    st.one_of(
        st.lists(anything, max_size=40),
        st.lists(texts, max_size=40),
        st.lists(st.floats(allow_nan=False, allow_subnormal=False)),
    )
)
def test_a_column_reads_what_its_values_read_one_by_one(values: list[str | int | float]) -> None:
    expected = []
    for value in values:
        try:
            expected.append(parse_time(value))
        except TimeError:
            expected.append(UNREADABLE)
    assert parse_times(values).tolist() == expected


def test_a_column_is_not_fooled_by_texts_that_only_together_have_the_right_length() -> None:
    broken = [TIME[:-1], "Z" + TIME]
    assert parse_times(broken).tolist() == [UNREADABLE] * 2
    assert parse_times([f"{TIME}\n{TIME}", ""]).tolist() == [UNREADABLE] * 2


def test_random_times_of_many_lengths_in_one_column() -> None:
    rng = np.random.default_rng(5)
    for value in ("2026-11-21T08:03:23.{}Z", "2026-11-21T08:03:23.{}+01:00"):
        column = [value.format("1" * int(n)) for n in rng.integers(1, 20, 200)]
        assert parse_times(column).tolist() == [parse_time(text) for text in column]
