"""Which files are meant: folders, row ranges FILE#A:B, standard input, and the device that a file's path names."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from service.errors import InputError, UsageError

SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".pq", ".json", ".jsonl", ".ndjson")
RANGE = re.compile(r"(?P<path>.+)#(?P<start>\d*):(?P<stop>\d*)")


@dataclass(frozen=True)
class Source:
    path: Path | None  # None: standard input
    name: str  # as people know it, for messages
    device: str  # what the path names when no column does
    start: int = 0  # rows start to stop of the file, counted from 0, `stop` not included
    stop: int | None = None
    data: bytes | None = None  # where it has been read already


def sources(inputs: Sequence[str]) -> list[Source]:
    """The inputs in their order; a folder stands for the files below it in the order of their names."""
    found = [place for text in inputs for place in _places(text)]
    if not found:
        raise UsageError("no input: name files, folders or `-` for standard input")
    above = [place.above.absolute() for place in found if place.path is not None]
    common = Path(os.path.commonpath(above)) if above else Path()
    names = {place.path: _device(place.path, common) for place in found}
    taken = list(names.values())
    return [
        Source(
            place.path,
            str(place.path or "standard input"),
            names[place.path] if taken.count(names[place.path]) == 1 else _below(place.path, common),
            place.start,
            place.stop,
        )
        for place in found
    ]


@dataclass(frozen=True)
class _Place:
    path: Path | None
    above: Path
    start: int = 0
    stop: int | None = None


def _places(text: str) -> list[_Place]:
    if text == "-":
        return [_Place(None, Path())]
    path, start, stop = Path(text), 0, None
    if (match := RANGE.fullmatch(text)) and not path.exists():
        path, start = Path(match["path"]), int(match["start"] or 0)
        stop = int(match["stop"]) if match["stop"] else None
        if stop is not None and stop <= start:
            raise UsageError(f"{text}: rows {start} to {stop} are none, A must be below B")
    if path.is_dir():
        return [_Place(below, path, start, stop) for below in _files(path)]
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    return [_Place(path, path.parent, start, stop)]


def _files(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.rglob("*") if path.is_file() and _suffix(path) in SUFFIXES)
    if not found:
        raise InputError(f"{folder}: no file below it ends in {', '.join(SUFFIXES)} (or the same with .gz)")
    return found


def _suffix(path: Path) -> str:
    return Path(path.stem).suffix.lower() if path.suffix.lower() == ".gz" else path.suffix.lower()


def _device(path: Path | None, common: Path) -> str:
    if path is None:
        return "stdin"
    bare = Path(path.stem) if path.suffix.lower() == ".gz" else Path(path.name)
    return Path(_below(path, common)).with_name(bare.stem).as_posix()


def _below(path: Path | None, common: Path) -> str:
    return "stdin" if path is None else path.absolute().relative_to(common).as_posix()
