"""Readings as messages in Gruard's own layout: what `feed` writes and any other producer might."""

from collections.abc import Iterator

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from service.streams.files.merge import Chunk


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
