"""Standard input that may never end, as frames of what has come so far: what `feed -` reads.

Lines (CSV, JSON lines) are handed on after a second at most; what can't be cut (gzip, Parquet, a JSON array) is read to
its end. What the first lines are read as, all later ones are.
"""

import os
import select
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import service.streams.files.assembly as assembly
from service.streams.files.frames import Frame, Frames, Options
from service.streams.files.sources import Source

GATHERED = 1 << 20  # bytes that are handed on at once
GATHER_S = 1.0  # how long lines wait for more of them
UNCUT = (b"\x1f\x8b", b"PAR1", b"[", b"\xff\xfe", b"\xfe\xff")  # gzip, Parquet, a JSON array, UTF-16


def frames_of_pipe(options: Options, descriptor: int | None = None) -> Iterator[Frames]:
    """Blocks for each part until some lines have come; ends with the input."""
    rows: Counter[str] = Counter()
    for data in _tables(_blocks(sys.stdin.fileno() if descriptor is None else descriptor)):
        found, options = assembly.read_one(Source(None, "standard input", "stdin", data=data), options)
        yield replace(found, frames=tuple(_later(frame, rows[frame.device], found.period_s) for frame in found))
        rows.update({frame.device: len(frame) for frame in found})


def _later(frame: Frame, rows: int, period_s: float) -> Frame:
    """Rows without times go on counting where the part before ended."""
    if frame.time_known or not rows:
        return frame
    return replace(frame, times=frame.times + rows * round(1000 * period_s))


def _tables(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Blocks with the header line before each."""
    header: bytes | None = None
    found = False
    for block in blocks:
        if block.startswith(UNCUT):
            yield block + b"".join(blocks)
            return
        if header is None:
            header, block = (b"", block) if block.lstrip().startswith(b"{") else _header(block)
        if block.strip():
            found = True
            yield header + block
    if not found:
        yield header or b""  # for the reader to say what is wrong with it


def _header(block: bytes) -> tuple[bytes, bytes]:
    line, end, rest = block.lstrip(b"\r\n").partition(b"\n")
    return line + end, rest


def _blocks(descriptor: int) -> Iterator[bytes]:
    """Whole lines, as many as have come; the end of the input ends the last one."""
    kept = b""
    while True:
        data, ended = _gathered(descriptor)
        kept += data
        cut = len(kept) if ended or kept.startswith(UNCUT[:2]) else _after_last_line(kept)
        if cut:
            yield kept[:cut]
        kept = kept[cut:]
        if ended:
            return


def _gathered(descriptor: int) -> tuple[bytes, bool]:
    """What comes within a moment of the first byte, and whether it was the last."""
    parts: list[bytes] = []
    size, until = 0, 0.0
    while size < GATHERED:
        wait = max(until - time.monotonic(), 0) if until else None
        if not select.select([descriptor], [], [], wait)[0]:
            break
        part = os.read(descriptor, 1 << 16)
        if not part:
            return b"".join(parts), True
        until = until or time.monotonic() + GATHER_S
        parts.append(part)
        size += len(part)
    return b"".join(parts), False


def _after_last_line(data: bytes) -> int:
    """Behind the last newline that is not inside quotes."""
    end = data.rfind(b"\n")
    while end >= 0 and data.count(b'"', 0, end) % 2:
        end = data.rfind(b"\n", 0, end)
    return end + 1
