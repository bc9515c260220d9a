"""Times of any layout people write are read as the same instants, or refused where that would be a guess."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import InputError, UsageError
from service.streams.files.instants import Instants, instants

MOMENT = datetime(2026, 11, 21, 8, 3, 23, tzinfo=UTC)
MS = int(MOMENT.timestamp() * 1000)


def read(*cells: object, zone: str | None = None) -> Instants:
    found = instants(pl.Series("t", list(cells), strict=False), zone)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21T08:03:23Z",
        "2026-11-21t08:03:23z",
        "2026-11-21T09:03:23+01:00",
        "2026-11-21T03:33:23-0430",
        "2026-11-21 08:03:23",
        "2026-11-21 08:03:23 UTC",
        "2026/11/21 08:03:23",
        "2026-11-21 08:03:23.000000",
        "2026-11-21 08:03:23,000",
        "21.11.2026 08:03:23",
        "21/11/2026 08:03:23",
        "11/21/2026 08:03:23",
        "11/21/2026 8:03:23 AM",
        str(MS // 1000),
        str(MS),
        str(MS * 1000),
        str(MS * 1_000_000),
        f"{MS // 1000}.0",
    ],
)
def test_layouts_mean_the_same_instant(text: str) -> None:
    assert read(text).ms.to_list() == [MS]


@pytest.mark.parametrize("unit", [1, 1000, 1_000_000, 1_000_000_000])
def test_epoch_numbers_are_told_apart_by_their_range(unit: int) -> None:
    assert read(MS * unit // 1000).ms.to_list() == [MS]


def test_typed_columns_are_read() -> None:
    assert instants(pl.Series([MOMENT]), None).ms.to_list() == [MS]  # type: ignore[union-attr]
    assert instants(pl.Series([MOMENT.replace(tzinfo=None)]), None).ms.to_list() == [MS]  # type: ignore[union-attr]
    assert instants(pl.Series([MOMENT.date()]), None).ms.to_list() == [MS - MS % 86_400_000]  # type: ignore[union-attr]


@given(st.datetimes(datetime(1990, 1, 2), datetime(2100, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_any_instant_with_any_offset_survives(moment: datetime, minutes: int) -> None:
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    sign, size = ("-", -minutes) if minutes < 0 else ("+", minutes)
    local = moment + timedelta(minutes=minutes)
    text = f"{local.isoformat(timespec='milliseconds')}{sign}{size // 60:02d}:{size % 60:02d}"
    exact = (moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert read(text).ms.to_list() == [exact]


@pytest.mark.parametrize(("zone", "hours"), [("Europe/Berlin", 1), ("+01:00", 1), ("-0430", -4.5), ("UTC", 0)])
def test_a_zone_shifts_times_without_offset_only(zone: str, hours: float) -> None:
    found = read("2026-11-21 08:03:23", "2026-11-21T08:03:23Z", zone=zone)
    assert found.ms.to_list() == [MS - hours * 3_600_000, MS]
    assert found.zoneless == 1


def test_the_hour_that_summer_time_repeats_is_its_first_and_the_one_it_skips_is_none() -> None:
    found = instants(
        pl.Series(["2026-10-25 02:30:00", *["2026-10-26 02:30:00"] * 20, "2026-03-29 02:30:00"]), "Europe/Berlin"
    )
    assert found is not None
    assert found.ms[0] == int(datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp() * 1000)
    assert found.ms[-1] is None


@pytest.mark.parametrize("cells", [["12:00:00"], ["abc"], ["1.5", "2.5"], ["0", "60"], [None], ["3026-01-01 00:00:00"]])
def test_what_is_no_time_is_none(cells: list[object]) -> None:
    assert instants(pl.Series("t", cells, dtype=pl.String), None) is None


def test_single_cells_that_are_no_time_are_null() -> None:
    cells = ["2026-11-21 08:03:23"] * 19 + ["2026-02-30 00:00:00"]
    assert read(*cells).ms.to_list() == [MS] * 19 + [None]


def test_day_and_month_that_cannot_be_told_apart_are_refused() -> None:
    with pytest.raises(InputError, match="write times as YYYY-MM-DD"):
        instants(pl.Series("t", ["01/02/2026 00:00:00", "03/04/2026 00:00:00"]), None)


def test_an_unknown_zone_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="Mars/Olympus"):
        read("2026-11-21 08:03:23", zone="Mars/Olympus")
