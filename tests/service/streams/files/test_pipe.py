"""A pipe is read like a file, as it comes, and its end is the end."""

import gzip
import os
import threading
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import InputError
from service.streams.files import Frames, Options, read
from service.streams.files import pipe as room
from service.streams.files.pipe import frames_of_pipe

CSV = "time,device,class,x,note\n" + "".join(
    f'{1_700_000_000 + n},d{n % 3},pump,{n}.5,"a\nb, {n}"\n' for n in range(60)
)
JSON = "".join(
    f'{{"device":"d{n % 3}","time":{1_700_000_000 + n},"class":"pump","values":{{"x":{n}.5}}}}\n' for n in range(60)
)
ROWS = "x\n" + "".join(f"{n % 7}.5\n" for n in range(60))


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "GATHER_S", 0.0)


def piped(parts: Sequence[bytes], options: Options | None = None) -> Iterator[Frames]:
    """The parts one by one, each written when the one before has been taken."""
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb", buffering=0) as end:
            for part in parts:
                end.write(part)

    writer = threading.Thread(target=write)
    writer.start()
    yield from frames_of_pipe(options or Options(), reading)
    writer.join()
    os.close(reading)


def rows(frames: Sequence[Frames]) -> dict[str, tuple[list[int], list[float], set[str | None]]]:
    found: dict[str, tuple[list[int], list[float], set[str | None]]] = {}
    for frame in (frame for each in frames for frame in each):
        times, values, classes = found.setdefault(frame.device, ([], [], set()))
        times += frame.times.tolist()
        values += frame.values[:, 0].tolist()
        classes.add(frame.class_name)
    return found


def whole(folder: Path, data: bytes) -> dict[str, tuple[list[int], list[float], set[str | None]]]:
    path = folder / "stdin.csv"
    path.write_bytes(data)
    return rows([read([str(path)])])


@settings(max_examples=20, deadline=None)
@given(st.sampled_from([CSV, JSON, ROWS]), st.lists(st.integers(1, 1500), max_size=5))
def test_a_pipe_in_any_pieces_is_the_whole_file(
    tmp_path_factory: pytest.TempPathFactory, text: str, cuts: list[int]
) -> None:
    data = text.encode()
    bounds = [0, *sorted(cuts), len(data)]
    parts = [data[a:b] for a, b in pairwise(bounds)]
    assert rows(list(piped(parts))) == whole(tmp_path_factory.mktemp("pipe"), data)


@pytest.mark.parametrize("data", [gzip.compress(CSV.encode(), mtime=0), CSV.encode("utf-16")])
def test_what_cannot_be_cut_is_read_to_its_end(tmp_path: Path, data: bytes) -> None:
    assert rows(list(piped([data[:50], data[50:]]))) == whole(tmp_path, data)


def test_lines_are_handed_on_before_the_pipe_ends() -> None:
    reading, writing = os.pipe()
    lines = JSON.encode().splitlines(keepends=True)
    os.write(writing, b"".join(lines[:30]))
    parts = frames_of_pipe(Options(), reading)
    assert next(parts).readings == 30
    os.write(writing, b"".join(lines[30:]))
    assert next(parts).readings == 30
    os.close(writing)
    assert list(parts) == []
    os.close(reading)


def test_later_lines_are_read_as_the_first_were() -> None:
    first, later = b"t2,t1,x\n2026-01-01T00:00:00Z,2025-01-01T00:00:00Z,1\n", b"2026-01-01T00:00:01Z,none,2\n"
    found = rows(list(piped([first, later])))
    assert np.diff(found["stdin"][0]).tolist() == [1000]


@pytest.mark.parametrize("data", [b"", b"\n\n", b"a,b\n", b"a,b\n1,2\n3\n", b"\x00\x01"])
def test_a_pipe_that_cannot_be_read_is_one_line(data: bytes) -> None:
    with pytest.raises(InputError, match="standard input: "):
        list(piped([data]))
