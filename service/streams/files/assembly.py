"""Tables with parts told -> one frame a device, over all inputs, and the lines that say how all was read."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

import service.streams.files.content as content
from service.errors import InputError, UsageError
from service.streams.files.frames import Frame, Frames, Options
from service.streams.files.roles import Reader, Roles
from service.streams.files.sources import Source, sources

START_MS = 946_684_800_000  # 2000-01-01: where row x period counts from, inside what a message's time may be
PERIOD_S = 60.0  # of rows without times, unless --period says else
ID_BYTES = 256


@dataclass(frozen=True)
class Part:
    """Rows of one device out of one file."""

    class_name: str | None
    times: NDArray[np.int64] | None  # None: rows without times
    first_row: int
    sensors: dict[str, NDArray[np.float32]]
    rows: int


@dataclass(frozen=True)
class Contents:
    """One file."""

    columns: tuple[str, ...]
    chosen: dict[str, str]  # columns by part
    lines: list[str]
    parts: list[tuple[str, Part]]  # by device


def read(inputs: Sequence[str], options: Options) -> Frames:
    _check(options)
    named = sources(inputs)
    return _joined(named, [_file(source, options) for source in named], options)


def read_one(source: Source, options: Options) -> tuple[Frames, Options]:
    """Also the options with which more of the same table is read alike."""
    _check(options)
    contents = _file(source, options)
    time, device = (contents.chosen.get(part) for part in ("time", "device"))
    return _joined([source], [contents], options), replace(
        options, time=time or options.time, device=device or options.device
    )


def _joined(named: list[Source], files: list[Contents], options: Options) -> Frames:
    columns = dict.fromkeys(name for file in files for name in file.columns)
    if absent := [name for name in options.sensors or () if name not in columns]:
        raise InputError(f"--sensors {absent[0]!r} is not a column of any input; there are: {', '.join(columns)}")
    parts: dict[str, list[Part]] = {}
    for device, part in (pair for file in files for pair in file.parts):
        parts.setdefault(device, []).append(part)
    told = [file.lines for file in files]
    frames = tuple(_frame(device, found, options) for device, found in parts.items())
    union = tuple(dict.fromkeys(name for frame in frames for name in frame.sensors))
    period = _period(frames, options)
    return Frames(frames, union, period, tuple(_described(named, told, frames, period, options)))


def _check(options: Options) -> None:
    if options.period_s is not None and not 0 < options.period_s < 1e7:
        raise UsageError(f"--period {options.period_s:g} is no number of seconds above 0")
    if options.sensors is not None and not options.sensors:
        raise UsageError("--sensors names none")


def _file(source: Source, options: Options) -> Contents:
    table, notes = content.table(source)
    roles = Reader(table, options, source.name).read()
    if not roles.sensors:
        there = "; ".join(roles.lines)
        raise InputError(f"{source.name}: no column of numbers is left to be a sensor ({there or 'all empty'})")
    keep, dropped = _kept(roles, table.height)
    lines = [f"read as: {', '.join(notes)}", *roles.lines, *dropped]
    if not keep.any():
        raise InputError(f"{source.name}: no row has both a time and a device")
    parts = _split(source, roles, np.flatnonzero(keep))
    return Contents(tuple(table.columns), roles.chosen, lines, parts)


def _kept(roles: Roles, rows: int) -> tuple[NDArray[np.bool_], list[str]]:
    """Rows that can be readings; each that can't is told with its first row."""
    keep, told = np.ones(rows, np.bool_), []
    wanting = {}
    if roles.ms is not None:
        wanting["readable time"] = roles.ms.is_null().to_numpy()
    if roles.device is not None:
        size = roles.device.str.len_bytes().fill_null(0).to_numpy()
        wanting["device name of 1 to 256 bytes"] = (size == 0) | (size > ID_BYTES)
    for what, bad in wanting.items():
        if bad.any():
            told.append(f"left out: {int(bad.sum())} rows without a {what}, row {int(np.flatnonzero(bad)[0])} first")
            keep &= ~bad
    return keep, told


def _split(source: Source, roles: Roles, rows: NDArray[np.int64]) -> list[tuple[str, Part]]:
    if roles.device is None:
        return [(source.device, _part(source, roles, rows))]
    codes, names = _codes(roles.device.gather(rows))
    order = np.argsort(codes, kind="stable")  # keeps the file's order within a device
    bounds = np.searchsorted(codes[order], np.arange(len(names) + 1))
    groups = (rows[order[start:stop]] for start, stop in pairwise(bounds))
    return [(name, _part(source, roles, group)) for name, group in zip(names, groups, strict=True)]


def _codes(device: pl.Series) -> tuple[NDArray[np.int64], list[str]]:
    """The position of each row's device among the names, which are in order of first sight."""
    names = device.unique(maintain_order=True)
    lookup = pl.DataFrame({"device": names, "code": np.arange(len(names), dtype=np.int64)})
    codes = pl.DataFrame({"device": device}).join(lookup, on="device", how="left", maintain_order="left")["code"]
    return codes.to_numpy(), names.to_list()


def _part(source: Source, roles: Roles, rows: NDArray[np.int64]) -> Part:
    times = None if roles.ms is None else roles.ms.to_numpy()[rows].astype(np.int64)
    classes = None if roles.classes is None else roles.classes[int(rows[0])]
    first = source.start if roles.device is None else 0
    return Part(classes, times, first, {name: column[rows] for name, column in roles.sensors.items()}, len(rows))


def _frame(device: str, parts: list[Part], options: Options) -> Frame:
    if len({part.times is None for part in parts}) > 1:
        raise InputError(f"device {device!r}: one of its files has a time column and another has none")
    names = tuple(dict.fromkeys(options.sensors or [])) or tuple(
        dict.fromkeys(name for part in parts for name in part.sensors)
    )
    values = np.concatenate([_matrix(part, names) for part in parts])
    seen = ~np.isnan(values).all(axis=0)  # in a wide table other devices' sensors are always empty
    if options.sensors is None and not seen.all():
        names, values = tuple(name for name, any_value in zip(names, seen, strict=True) if any_value), values[:, seen]
    class_name = options.class_name or next((part.class_name for part in parts if part.class_name is not None), None)
    return Frame(device, class_name, _times(parts, options), names, values, parts[0].times is not None)


def _matrix(part: Part, names: tuple[str, ...]) -> NDArray[np.float32]:
    missing = np.full(part.rows, np.nan, np.float32)
    return np.stack([part.sensors.get(name, missing) for name in names], axis=1)


def _times(parts: list[Part], options: Options) -> NDArray[np.int64]:
    if parts[0].times is not None:
        return np.concatenate([part.times for part in parts if part.times is not None])
    step = round(1000 * (options.period_s or PERIOD_S))
    rows = sum(part.rows for part in parts)
    return START_MS + step * (parts[0].first_row + np.arange(rows, dtype=np.int64))


def _period(frames: tuple[Frame, ...], options: Options) -> float:
    if options.period_s is not None:
        return options.period_s
    steps = np.concatenate([np.diff(frame.times) for frame in frames])
    forward = steps[steps > 0]
    return float(np.median(forward)) / 1000 if len(forward) else PERIOD_S


def _described(
    named: list[Source], told: list[list[str]], frames: tuple[Frame, ...], period: float, options: Options
) -> list[str]:
    rows = sum(len(frame) for frame in frames)
    files = f"{len(named)} files" if len(named) > 1 else named[0].name
    lines = [f"inputs: {files}, {rows:,} readings of {len(frames)} device{'s' * (len(frames) > 1)}"]
    lines += _each_once(told)
    if not any("device: column" in line for lines_of in told for line in lines_of):
        lines.append(f"device: no column, each file is one: {_listed([frame.device for frame in frames])}")
    if options.class_name is not None:
        lines.append(f"class: {options.class_name} (given)")
    sensors = dict.fromkeys(name for frame in frames for name in frame.sensors)
    lines.append(f"sensors: {len(sensors)}: {', '.join(sensors)}")
    if not all(frame.time_known for frame in frames):
        lines.append(f"time: no column, row x {period:g} s from 2000-01-01 (--period says else), no calendar")
    how = "given" if options.period_s is not None else "median step" if frames[0].time_known else "default"
    return [*lines, f"sample period: {period:g} s ({how})"]


def _each_once(told: list[list[str]]) -> list[str]:
    """Lines that all files share once; others with the number of files they hold for."""
    counts = Counter(line for lines in told for line in dict.fromkeys(lines))
    files = len(told)
    return [line if count == files else f"{line} (in {count} of {files} files)" for line, count in counts.items()]


def _listed(names: list[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
