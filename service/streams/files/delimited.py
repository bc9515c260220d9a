"""CSV of any dialect -> text columns: encoding, delimiter, header and the same number of fields in every line.

Cells stay text here, so that a number means the same in every file; what they are is for `inference` to say.
"""

import io
import re

import numpy as np
import polars as pl
from numpy.typing import NDArray

from service.errors import InputError

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", " ": "space"}
SNIFFED = 1 << 16  # bytes that decide the delimiter


def table(data: bytes, name: str) -> tuple[pl.DataFrame, list[str]]:
    """All cells as text, empty ones null; and the notes to show."""
    text, notes = _utf8(data, name)
    text = _lines(text)
    delimiter = sniff(text)
    first = text[: _rectangular(text, delimiter, name) + 1]
    header = _header(first, delimiter, name)
    try:
        frame = pl.read_csv(
            io.BytesIO(text),
            separator=delimiter,
            has_header=False,
            skip_lines=1,
            infer_schema=False,
            new_columns=header,
        )
    except pl.exceptions.NoDataError:
        raise InputError(f"{name}: it has a header line and no rows") from None
    except pl.exceptions.PolarsError as error:
        raise InputError(f"{name}: not a readable CSV: {str(error).splitlines()[0]}") from None
    if _padded(text, delimiter):
        frame = frame.with_columns(pl.all().str.strip_chars())
    return frame, [*notes, f"CSV with {DELIMITERS[delimiter]}s"]


def _padded(text: bytes, delimiter: str) -> bool:
    marks = (delimiter, "\n", '"')
    return any(pad + mark in text for mark in map(str.encode, marks) for pad in (b" ", b"\t")) or any(
        mark + pad in text for mark in map(str.encode, marks) for pad in (b" ", b"\t")
    )


def _utf8(data: bytes, name: str) -> tuple[bytes, list[str]]:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            return data.decode("utf-16").encode(), ["UTF-16"]
        except UnicodeDecodeError:
            raise InputError(f"{name}: it starts like UTF-16 and is not") from None
    if b"\0" in data[:SNIFFED]:
        raise InputError(f"{name}: a binary file, not CSV, Parquet or JSON lines")
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        data.decode()
    except UnicodeDecodeError as error:
        if re.search(rb"[\x01-\x08\x0e-\x1f]", data[:SNIFFED]):
            raise InputError(f"{name}: a binary file, not CSV, Parquet or JSON lines") from None
        return data.decode("latin-1").encode(), [f"not UTF-8 at byte {error.start}: read as Latin-1"]
    return data, []


def _lines(text: bytes) -> bytes:
    """One newline after each line, none blank."""
    text = text.replace(b"\r\n", b"\n") if b"\n" in text else text.replace(b"\r", b"\n")
    text = text.strip(b"\n") + b"\n"
    return re.sub(rb"\n(?:[ \t]*\n)+", b"\n", text) if re.search(rb"\n[ \t]*\n", text) else text


def sniff(text: bytes) -> str:
    """The delimiter that cuts the first lines into the same number of fields, the most of them."""
    head = text[:SNIFFED]
    lines = head[: head.rindex(b"\n") + 1 if b"\n" in head else None]
    best, fields = ",", (0, 0.0)
    for delimiter in DELIMITERS:
        counts = _counts(lines, delimiter)[1][:100]
        if not len(counts) or counts[0] == 0:
            continue
        agreement = float(np.mean(counts == counts[0]))
        # Agreement first: a comma may also stand inside a semicolon file's cells. Spaces only when nothing else fits.
        rank = (round(10 * agreement), float(counts[0]))
        if rank > fields and (delimiter != " " or (agreement == 1 and fields == (0, 0.0))):
            best, fields = delimiter, rank
    return best


def _counts(text: bytes, delimiter: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Line ends, and the delimiters before each, both outside quotes."""
    raw = np.frombuffer(text, np.uint8)
    ends, marks = raw == 10, raw == ord(delimiter)
    if b'"' in text:
        outside = ~np.logical_xor.accumulate(raw == 34)
        ends, marks = ends & outside, marks & outside
    at = np.flatnonzero(ends)
    return at, np.diff(np.searchsorted(np.flatnonzero(marks), at), prepend=0)


def _rectangular(text: bytes, delimiter: str, name: str) -> int:
    """Where the first line ends. Raises InputError unless all have as many fields as it."""
    ends, counts = _counts(text, delimiter)
    if not len(ends) or ends[-1] != len(text) - 1:
        raise InputError(f"{name}: a quote is opened and never closed")
    odd = np.flatnonzero(counts != counts[0])
    if len(odd):
        line, fields = int(odd[0]) + 1, int(counts[odd[0]]) + 1
        raise InputError(f"{name}: line {line} has {fields} fields where the first line has {int(counts[0]) + 1}")
    if len(ends) == 1:
        raise InputError(f"{name}: it has one line, a header line and rows are needed")
    return int(ends[0])


def _header(first: bytes, delimiter: str, name: str) -> list[str]:
    row = pl.read_csv(io.BytesIO(first), separator=delimiter, has_header=False, infer_schema=False).row(0)
    names = [(cell or "").strip() for cell in row]
    if _is_data(names):
        shown = delimiter.join(names)[:60]
        raise InputError(f"{name}: no header line, its first line is {shown!r}: put column names in a line before it")
    seen: set[str] = set()
    for at, title in enumerate(names):
        if title in seen:
            raise InputError(f"{name}: two columns are called {title!r}")
        names[at] = title or f"(column {at + 1})"
        seen.add(names[at])
    return names


def _is_data(names: list[str]) -> bool:
    filled = [title for title in names if title]
    numbers = [title for title in filled if re.fullmatch(r"[-+]?\d*[.]?\d+(?:[eE][-+]?\d+)?|nan|NaN", title)]
    if numbers in ([str(n) for n in range(len(numbers))], [str(n + 1) for n in range(len(numbers))]):
        return False  # numbered columns are names
    dated = any(re.match(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\b", title) for title in filled)
    return dated or 2 * len(numbers) > len(filled)
