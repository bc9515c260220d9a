"""Readings as messages in Gruard's own layout, as `feed` writes them, and recorded messages back as a table."""

from collections.abc import Iterator

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from service.decoding import Decoder
from service.errors import InputError
from service.records import Readings, Records
from service.streams.files.merge import Chunk

LONGEST = 1 << 30  # bytes of a recorded message: whoever took it into the stream has judged it already


def messages(chunk: Chunk) -> Iterator[tuple[bytes, bytes]]:
    """(key, value) of each reading; a missing sensor is null."""
    times = np.datetime_as_string(chunk.times.astype("datetime64[ms]"), unit="ms").tolist()
    rows = zip(chunk.devices, times, chunk.classes, _decimals(chunk.values), strict=True)
    encode = msgspec.json.Encoder().encode
    for device, time, class_name, values in rows:
        message: dict[str, object] = {"device": device, "time": f"{time}Z"}
        if class_name is not None:
            message["class"] = class_name
        message["values"] = dict(zip(chunk.sensors, values, strict=True))
        yield device.encode(), encode(message)


def _decimals(values: NDArray[np.float32]) -> list[list[float | None]]:
    """The shortest decimals that read back as the same float32."""
    texts = pl.Series(np.ascontiguousarray(values).ravel()).fill_nan(None).cast(pl.String)
    numbers: list[float | None] = texts.cast(pl.Float64).to_list()
    width = values.shape[1]
    return [numbers[at : at + width] for at in range(0, len(numbers), width)]


def table(recorded: pl.DataFrame, name: str) -> tuple[pl.DataFrame, list[str]]:
    """Rows of a recording as time, device, class and a column a sensor; and the notes to show."""
    rows = recorded.filter(pl.col("value").is_not_null())
    if "kind" in rows.columns:
        rows = rows.filter(pl.col("kind").is_null())
    columns = (rows[column].to_list() for column in ("offset", "arrival", "key", "value"))
    readings = Decoder((), (), None, LONGEST).decode(Records(0, *columns))
    if not readings.devices:
        why = f", the first: {readings.rejects[0].error}" if readings.rejects else ""
        raise InputError(f"{name}: none of its {rows.height} messages is a reading{why}")
    rejected = f", {len(readings.rejects)} that are no readings left out" if readings.rejects else ""
    return _columns(readings), [f"a recording of {rows.height} messages{rejected}"]


def _columns(readings: Readings) -> pl.DataFrame:
    sensors = dict.fromkeys(sensor for named in readings.named.values() for sensor in named)
    values = {sensor: np.full(len(readings.devices), np.nan, np.float32) for sensor in sensors}
    for reading, named in readings.named.items():
        for sensor, value in named.items():
            values[sensor][reading] = value
    own = {
        "time": pl.Series(readings.times).cast(pl.Datetime("ms", "UTC")),
        "device": pl.Series(readings.devices, dtype=pl.String),
        "class": pl.Series(readings.classes, dtype=pl.String),
    }
    return pl.DataFrame(own | {f"values.{s}" if s in own else s: column for s, column in values.items()})
