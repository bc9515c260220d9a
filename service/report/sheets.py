"""The tables a backtest leaves behind: a row of scores a stepped reading, and every alert event as it was published."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
import polars as pl

from service.errors import UnavailableError
from service.records import AlertRecord, Readings, Scores
from service.streams.files import recording


class AlertFile:
    """alerts.jsonl: one line an event, the bytes of the live alert."""

    def __init__(self, path: Path) -> None:
        self._file = _opened(path)

    def write(self, alerts: Sequence[AlertRecord]) -> None:
        self._file.writelines(alert.value + b"\n" for alert in alerts)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


class ScoreFile:
    """scores.csv or scores.parquet, told by the suffix, written in parts so that no more than one is held."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._parts: list[Path] = []
        self._scratch = (
            None if path.suffix == ".csv" else tempfile.TemporaryDirectory(dir=path.parent, prefix=".parts-")
        )
        self._file = _opened(path)
        self._empty = True

    def write(self, readings: Readings, scores: Scores) -> None:
        table = rows(readings, scores)
        if self._scratch is None:
            table.write_csv(self._file, include_header=self._empty)
            self._empty = False
        else:
            self._parts.append(Path(self._scratch.name) / f"{len(self._parts):08d}.parquet")
            table.write_parquet(self._parts[-1])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if self._scratch is not None:
            if self._parts and error is None:
                recording.join(self._parts, self._path)
            self._scratch.cleanup()


def rows(readings: Readings, scores: Scores) -> pl.DataFrame:
    """device, time, score, evidence, limit, alert, leading_sensor: in the order of the input."""
    at = scores.reading
    times = np.datetime_as_string(readings.times[at].astype("datetime64[ms]"), unit="ms")
    return pl.DataFrame(
        {
            "device": [readings.devices[i] for i in at.tolist()],
            "time": pl.Series(np.char.add(times, "Z").astype(object), dtype=pl.String),
            "score": scores.score,
            "evidence": scores.evidence,
            "limit": scores.limit,
            "alert": scores.alert.astype(np.int8),
            "leading_sensor": scores.leading,
        }
    )


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("wb")
    except OSError as error:
        raise UnavailableError(f"{path}: can't be written ({error.strerror})") from None
