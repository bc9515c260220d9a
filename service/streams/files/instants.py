"""Times of any layout people write -> Unix milliseconds UTC, or nothing where that would be a guess."""

import re
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from service.errors import InputError, UsageError

FIRST_MS = 631_152_000_000  # 1990-01-01
LAST_MS = 4_133_980_800_000  # 2101-01-01; the units of epoch numbers can be told apart between the two
UNITS = {"s": 1e-3, "ms": 1.0, "µs": 1e3, "ns": 1e6}
CLOCK = r"(?:[Tt ]\s*(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(?:\s*([AaPp])[Mm])?)?"
OFFSET = r"\s*(Z|z|UTC|[+-]\d{2}:?\d{2})?"
YEAR_FIRST = rf"^(\d{{4}})[-/.](\d{{1,2}})[-/.](\d{{1,2}}){CLOCK}{OFFSET}$"
YEAR_LAST = rf"^(\d{{1,2}})[-/.](\d{{1,2}})[-/.](\d{{4}}){CLOCK}{OFFSET}$"
PARTS = ("first", "second", "third", "hour", "minute", "sec", "fraction", "half", "offset")


@dataclass(frozen=True)
class Instants:
    ms: pl.Series  # Int64, null where a cell is no time
    layout: str  # as shown
    zoneless: int  # how many carried no offset


def instants(column: pl.Series, zone: str | None) -> Instants | None:
    """None when most of the cells are no times. Raises InputError when day and month cannot be told apart."""
    given = column.len() - column.null_count()
    found = _typed(column, zone) if column.dtype != pl.String else _written(column, zone)
    if found is None or not given:
        return None
    ms = found.ms.set((found.ms < FIRST_MS) | (found.ms >= LAST_MS), None)
    return Instants(ms, found.layout, found.zoneless) if ms.len() - ms.null_count() >= 0.9 * given else None


def _typed(column: pl.Series, zone: str | None) -> Instants | None:
    dtype = column.dtype
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        return Instants(column.dt.timestamp("ms"), "times with a zone", 0)
    if dtype == pl.Date or isinstance(dtype, pl.Datetime):
        naive = column.cast(pl.Datetime("ms"))
        return Instants(_at(naive, zone), "times without a zone", column.len())
    return epochs(column) if dtype.is_numeric() else None


def epochs(column: pl.Series) -> Instants:
    """Numbers of seconds, ms, µs or ns since 1970, each told by the range it falls in for 1990 to 2100."""
    number = pl.col("n")
    whole = column.dtype.is_integer()
    ranges = {unit: number.is_between(FIRST_MS * size, LAST_MS * size, closed="left") for unit, size in UNITS.items()}
    to_ms = {
        "s": number * 1000,
        "ms": number,
        "µs": number // 1000,
        "ns": number // 1_000_000,
    }
    chosen = pl.coalesce([pl.when(ranges[unit]).then(to_ms[unit]) for unit in UNITS])
    frame = column.cast(pl.Int64 if whole else pl.Float64).alias("n").to_frame()
    ms = frame.select(ms=chosen if whole else chosen.round()).to_series().cast(pl.Int64)
    seen = frame.select(**{unit: inside.any() for unit, inside in ranges.items()}).row(0, named=True)
    return Instants(ms, "Unix " + " and ".join(unit for unit in UNITS if seen[unit]), 0)


def _written(column: pl.Series, zone: str | None) -> Instants | None:
    number = column.cast(pl.Int64, strict=False)
    if number.null_count() > column.null_count():
        number = column.cast(pl.Float64, strict=False).fill_nan(None)
    if 10 * (number.len() - number.null_count()) >= 9 * (column.len() - column.null_count()):
        return epochs(number)
    first = column.drop_nulls().head(1).item() if column.null_count() < column.len() else ""
    if re.match(YEAR_FIRST, first):
        return _calendar(column, YEAR_FIRST, ("first", "second", "third"), "YYYY-MM-DD", zone)
    if re.match(YEAR_LAST, first):
        return _year_last(column, zone)
    return None


def _year_last(column: pl.Series, zone: str | None) -> Instants:
    days = column.str.extract_groups(YEAR_LAST).struct.unnest()
    highest = [int(days[:, at].cast(pl.Int32, strict=False).fill_null(0).to_numpy().max()) for at in (0, 1)]
    dotted = bool(column.str.contains(r"^\d{1,2}\.").any())  # with dots the day comes first wherever it is written so
    if highest[1] > 12 and not dotted:
        return _calendar(column, YEAR_LAST, ("third", "first", "second"), "MM/DD/YYYY", zone)
    if highest[0] > 12 or dotted:
        return _calendar(column, YEAR_LAST, ("third", "second", "first"), "DD/MM/YYYY", zone)
    raise InputError(
        f"column {column.name!r}: {column.drop_nulls()[0]!r} may be day or month first, write times as YYYY-MM-DD"
    )


def _calendar(column: pl.Series, pattern: str, order: tuple[str, str, str], layout: str, zone: str | None) -> Instants:
    parts = column.str.extract_groups(pattern).struct.rename_fields(list(PARTS)).struct.unnest()
    year, month, day = (pl.col(name).cast(pl.Int32) for name in order)
    twelve = pl.col("hour").cast(pl.Int32).fill_null(0)
    hour = (
        pl.when(pl.col("half").is_null())
        .then(twelve)
        .otherwise(twelve % 12 + pl.when(pl.col("half").str.to_lowercase() == "p").then(12).otherwise(0))
    )
    text = pl.format(
        "{}-{}-{} {}:{}:{}", year, month, day, hour, pl.col("minute").fill_null("00"), pl.col("sec").fill_null("00")
    )
    fraction = pl.col("fraction").fill_null("0").str.pad_end(3, "0").str.head(3).cast(pl.Int64)
    naive = text.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="ms", strict=False) + pl.duration(milliseconds=fraction)
    read = parts.select(naive=naive, offset=pl.col("offset"))
    bare = read["offset"].is_null() & read["naive"].is_not_null()
    told = read["naive"].dt.timestamp("ms") - _offset_ms(read["offset"])
    ms = pl.select(pl.when(bare).then(_at(read["naive"], zone)).otherwise(told)).to_series()
    zoneless = int(bare.sum())
    return Instants(ms, layout + (" without offset" if zoneless else " with offset"), zoneless)


def _offset_ms(offset: pl.Series) -> pl.Series:
    """+02:00 -> 7,200,000; Z, UTC and none -> 0."""
    sign = pl.when(offset.str.starts_with("-")).then(-60_000).otherwise(60_000)
    hours = offset.str.extract(r"^[+-](\d{2})").cast(pl.Int64)
    minutes = offset.str.extract(r"(\d{2})$").cast(pl.Int64)
    return pl.select((sign * (hours * 60 + minutes)).fill_null(0)).to_series()


def _at(naive: pl.Series, zone: str | None) -> pl.Series:
    """Times on a wall clock in `zone` -> Unix ms. Twice-occurring hours are the first, never-occurring ones null."""
    if zone is None or zone.upper() in ("UTC", "Z"):
        return naive.dt.timestamp("ms")
    if match := re.fullmatch(r"([+-])(\d{2}):?(\d{2})", zone):
        ahead = timedelta(hours=int(match[2]), minutes=int(match[3])) * (1 if match[1] == "+" else -1)
        return (naive - ahead).dt.timestamp("ms")
    try:
        return naive.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null").dt.timestamp("ms")
    except pl.exceptions.PolarsError:
        raise UsageError(f"zone {zone!r} is unknown: give a name such as Europe/Berlin or an offset +01:00") from None
