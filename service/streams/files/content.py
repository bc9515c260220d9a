"""Bytes of a file or of standard input -> a table, told by what they are and not by what the file is called."""

import gzip
import io
import sys
import zlib

import polars as pl
import polars.selectors as cs

import service.streams.files.delimited as delimited
import service.streams.files.recording as recording
from service.errors import InputError
from service.streams.files.sources import Source


def table(source: Source) -> tuple[pl.DataFrame, list[str]]:
    """The rows that the source asks for, and the notes to show."""
    data = _bytes(source)
    if not data.strip():
        raise InputError(f"{source.name}: empty")
    frame, notes = _parsed(data, source.name)
    if source.start >= frame.height:
        raise InputError(f"{source.name}: rows from {source.start} on asked for, it has {frame.height}")
    stop = frame.height if source.stop is None else source.stop
    return frame.slice(source.start, stop - source.start), notes


def _bytes(source: Source) -> bytes:
    try:
        data = source.data
        if data is None:
            data = sys.stdin.buffer.read() if source.path is None else source.path.read_bytes()
    except OSError as error:
        raise InputError(f"{source.name}: {error.strerror or error}") from None
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{source.name}: damaged gzip: {error}") from None


def _parsed(data: bytes, name: str) -> tuple[pl.DataFrame, list[str]]:
    if data[:4] == b"PAR1":
        frame = _parquet(data, name)
        return _recorded(frame, name) if recording.is_recording(frame.columns) else (frame, ["Parquet"])
    bare = data.removeprefix(b"\xef\xbb\xbf")
    start = bare[:4096].lstrip()[:1]
    if start in (b"{", b"["):
        return _json(bare, name, start == b"["), ["JSON" if start == b"[" else "JSON lines"]
    return delimited.table(data, name)


def _recorded(frame: pl.DataFrame, name: str) -> tuple[pl.DataFrame, list[str]]:
    import service.streams.files.messages as messages  # the decoder and all: only recordings need it

    return messages.table(frame, name)


def _parquet(data: bytes, name: str) -> pl.DataFrame:
    try:
        return _some_rows(
            _flat(pl.read_parquet(io.BytesIO(data)).cast({cs.categorical() | cs.enum(): pl.String})), name
        )
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(f"{name}: damaged Parquet: {_first_line(error)}") from None


def _json(data: bytes, name: str, array: bool) -> pl.DataFrame:
    try:
        if array:
            return _some_rows(_flat(pl.read_json(io.BytesIO(data), infer_schema_length=None)), name)
        return _some_rows(_flat(pl.read_ndjson(io.BytesIO(data), infer_schema_length=None)), name)
    except pl.exceptions.PolarsError as error:
        raise InputError(f"{name}: not readable as JSON lines: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _some_rows(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    if not frame.height or not frame.width:
        raise InputError(f"{name}: no rows")
    return frame


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Sensors inside `values`, as in Gruard's own messages, become columns; other nested columns stay as they are."""
    if "values" not in frame.columns or not isinstance(frame.schema["values"], pl.Struct):
        return frame
    inner = frame["values"].struct.unnest()
    outer = frame.drop("values")
    clash = {name: f"values.{name}" for name in inner.columns if name in outer.columns}
    return outer.hstack(inner.rename(clash))
