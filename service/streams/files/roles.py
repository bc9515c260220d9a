"""Which column of a table is the time, the device, the class, a sensor or nothing: as asked, else by name and content.

A guess is always told (`Roles.lines`), and one that could silently be wrong (day or month first, decimal commas) is
refused instead.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from service.errors import InputError
from service.streams.files.frames import Options
from service.streams.files.instants import Instants, instants
from service.streams.files.numbers import numbers


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Lower case, letters and digits only; earlier ones win.
TIMES = _words(
    "timestamp datetime time ts eventtime timestamputc datetimeutc timeutc utc utctime timestampms timems "
    "epoch epochms unixtime recordedat measuredat createdat readingtime sampletime logtime localtime date "
    "dt t zeitstempel zeit datum "
)
DEVICES = _words(
    "device deviceid devicename machineid machine machinename assetid asset equipmentid equipment unitid "
    "unitnumber engineid nodeid moteid hostname host turbineid turbine pumpid stationid vehicleid meterid "
    "entityid entity serialnumber "
)
CLASSES = _words("class deviceclass devicetype machineclass machinetype assetclass assettype equipmenttype ")
CLOCK = r"^\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?$"
LABEL = re.compile(
    r"(is)?(anomal\w*|labels?|faults?|failures?|changepoints?|outliers?|attacks?|groundtruth|target|class)"
)


@dataclass
class Roles:
    """One table, every column with its part."""

    ms: pl.Series | None = None  # Int64, null = unreadable
    device: pl.Series | None = None
    classes: pl.Series | None = None
    sensors: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    chosen: dict[str, str] = field(default_factory=dict)  # columns by part, to read more of the same table alike
    lines: list[str] = field(default_factory=list)


class Reader:
    """Gives the columns of one table their parts, one part after the other; what is left at the end is no sensor."""

    def __init__(self, table: pl.DataFrame, options: Options, name: str) -> None:
        self.name, self.options, self.table = name, options, table
        asked = {title: "asked" for title in options.ignore if title in table.columns}
        self.ignored: dict[str, str] = asked
        self.left = [title for title in table.columns if title not in asked]
        self.roles = Roles()

    def read(self) -> Roles:
        self._time()
        self._device()
        self._class()
        self._sensors()
        if self.ignored:
            listed = ", ".join(f"{title} ({why})" for title, why in self.ignored.items())
            self.roles.lines.append(f"ignored: {listed}")
        return self.roles

    def _take(self, title: str) -> pl.Series:
        if title in self.left:
            self.left.remove(title)
        return self.table[title]

    def _require(self, title: str, option: str) -> None:
        if title not in self.table.columns:
            there = ", ".join(self.table.columns)
            raise InputError(f"{self.name}: --{option} {title!r} is not a column; there are: {there}")

    def _named(self, names: Iterable[str]) -> list[str]:
        return [title for name in names for title in self.left if re.sub(r"[\W_]", "", title.lower()) == name]

    def _time(self) -> None:
        if (title := self.options.time) is not None:
            self._require(title, "time")
            if (found := self._instants(self.table[title])) is None:
                raise InputError(f"{self.name}: --time {title!r} holds no times, but {_sample(self.table[title])}")
            self._keep_time(title, found)
        elif not self._date_and_clock(named := self._named(TIMES)):
            self._first_time(named)

    def _first_time(self, named: list[str]) -> None:
        texts = [title for title in self.left if self.table.schema[title] in (pl.String, pl.Datetime, pl.Date)]
        unnamed = [title for title in texts if title not in named and numbers(self.table[title]).column is None]
        for title in [*named, *unnamed]:
            if (found := self._instants(self.table[title])) is not None:
                self._keep_time(title, found)
                return

    def _instants(self, column: pl.Series) -> Instants | None:
        try:
            return instants(column, self.options.zone)
        except InputError as error:
            raise InputError(f"{self.name}: {error}") from None

    def _keep_time(self, title: str, found: Instants) -> None:
        self._take(title)
        self.roles.ms, self.roles.chosen["time"] = found.ms, title
        zone = f", read as {self.options.zone or 'UTC'} (--zone says else)" if found.zoneless else ""
        self.roles.lines.append(f"time: column {title!r}, {found.layout}{zone}")

    def _date_and_clock(self, named: list[str]) -> bool:
        """A date column and a time-of-day column are one time."""
        texts = [title for title in named if self.table.schema[title] == pl.String]
        clocks = [title for title in texts if self.table[title].drop_nulls().str.contains(CLOCK).all()]
        dates = [title for title in texts if title not in clocks]
        if not clocks or not dates or not self.table[clocks[0]].count():
            return False
        both = pl.select(pl.concat_str(self.table[dates[0]], self.table[clocks[0]], separator=" ")).to_series()
        if (found := self._instants(both)) is None:
            return False
        self._keep_time(dates[0], found)
        self._take(clocks[0])
        del self.roles.chosen["time"]  # two columns: found again each time
        self.roles.lines[-1] = self.roles.lines[-1].replace(", ", f" with {clocks[0]!r}, ", 1)
        return True

    def _device(self) -> None:
        title = self.options.device
        if title is not None:
            self._require(title, "device")
        else:
            title = next((name for name in self._named(DEVICES) if self._names_devices(name)), None)
        if title is not None:
            self.roles.device, self.roles.chosen["device"] = _identity(self._take(title)), title
            self.roles.lines.append(f"device: column {title!r}")

    def _names_devices(self, title: str) -> bool:
        """`device` does; `pump` may be a switch, and an `asset_id` that never repeats is a row's, not a device's."""
        column = self.table[title]
        if "device" in title.lower():
            return True
        if column.len() >= 20 and column.n_unique() == column.len():
            return False
        identity = re.search(r"id$|name$|number$", title.lower()) is not None
        return identity or (column.dtype == pl.String and numbers(column).column is None)

    def _class(self) -> None:
        for title in self._named(CLASSES):
            column = self.table[title]
            if column.dtype != pl.String or numbers(column).column is not None:
                continue
            if self.options.class_name is not None:
                self.ignored[title] = "the class is given"
                self._take(title)
            elif _one_each(column, self.roles.device):
                self.roles.classes = self._take(title)
                self.roles.lines.append(f"class: column {title!r}")
                return

    def _sensors(self) -> None:
        asked = self.options.sensors
        for title in list(self.left) if asked is None else asked:
            if title not in self.table.columns:
                continue
            if asked is None and (why := self._no_sensor(title)):
                self.ignored[title] = why
                continue
            self._keep_sensor(title, asked is not None)
        if asked is not None:
            rest = [title for title in self.left if title not in asked]
            self.ignored |= dict.fromkeys(rest, "not among --sensors")

    def _no_sensor(self, title: str) -> str | None:
        column = self.table[title]
        if title.startswith("(column ") and column.dtype == pl.String:
            return "no name"
        if column.null_count() == column.len():
            return "empty"
        if _counts_rows(column, self.roles.device):
            return "counts rows"
        if title in self._named(TIMES) and self._instants(column) is not None:
            return "another time"
        return None

    def _keep_sensor(self, title: str, asked: bool) -> None:
        found = numbers(self.table[title])
        if found.decimal_comma:
            raise InputError(
                f"{self.name}: column {title!r} has commas in its numbers ({found.odd!r}): write a decimal point"
            )
        if found.column is None and asked and found.odd is not None:
            raise InputError(f"{self.name}: --sensors {title!r} holds no numbers, but {found.odd!r}")
        if found.column is None:
            self.ignored[title] = "not numbers" if found.odd is None else f"not numbers, {found.odd[:40]!r}"
            return
        self.roles.sensors[title] = found.column
        if found.refused:
            self.roles.lines.append(
                f"{found.refused} cells of {title!r} are no finite numbers ({found.odd!r} first): read as missing"
            )
        if not asked and LABEL.fullmatch(re.sub(r"[\W_]", "", title.lower())):
            self.roles.lines.append(
                f"column {title!r} looks like a label and is read as a sensor: --ignore {title} leaves it out"
            )


def _sample(column: pl.Series) -> str:
    filled = column.drop_nulls()
    return repr(filled[0]) if len(filled) else "nothing"


def _identity(column: pl.Series) -> pl.Series:
    """Names as text; 17.0 in a table of floats is device 17."""
    if column.dtype.is_float() and bool((column.drop_nulls() % 1 == 0).all()):
        column = column.cast(pl.Int64)
    return column.cast(pl.String)


def _one_each(column: pl.Series, device: pl.Series | None) -> bool:
    if device is None:
        return column.drop_nulls().n_unique() == 1
    pairs = pl.DataFrame({"device": device, "class": column}).drop_nulls().unique()
    return pairs.height == pairs["device"].n_unique()


def _counts_rows(column: pl.Series, device: pl.Series | None) -> bool:
    """One more in every row of a device: a row number or a cycle, never a measurement."""
    if column.len() < 3 or not (column.dtype == pl.String or column.dtype.is_numeric()):
        return False
    whole = column.cast(pl.Int64, strict=False) if column.dtype == pl.String else column
    if whole.null_count():
        return False
    step = pl.col("n").diff() if device is None else pl.col("n").diff().over("device")
    frame = pl.DataFrame({"n": whole, "device": device if device is not None else [""] * whole.len()})
    steps = frame.select(step).to_series().drop_nulls()
    return steps.len() >= 2 and bool((steps == 1).all())
