"""Readings cut and made up: one record alone, no reading at all, and whose record each one is."""

from collections.abc import Iterable

import numpy as np

from service.records import Readings


def device_of_record(readings: Readings) -> list[str | None]:
    devices: list[str | None] = [None] * len(readings.arrivals)
    for record, device in zip(readings.record.tolist(), readings.devices, strict=True):
        devices[record] = device
    return devices


def no_readings(partition: int, offset: int, time_ms: int) -> Readings:
    one = np.array([time_ms], np.int64)
    return Readings(
        partition, np.array([offset], np.int64), one, np.empty(0, np.int32), [], np.empty(0, np.int64), [], (),
        np.empty((0, 0), np.float32),
    )  # fmt: skip


def slices(readings: Readings) -> Iterable[tuple[int, int, Readings]]:
    """(record, its first reading, the Readings of that record alone) for every record."""
    bounds = np.searchsorted(readings.record, np.arange(len(readings.arrivals) + 1))
    for record in range(len(readings.arrivals)):
        begin, end = int(bounds[record]), int(bounds[record + 1])
        part = Readings(
            partition=readings.partition,
            offsets=readings.offsets[record : record + 1],
            arrivals=readings.arrivals[record : record + 1],
            record=readings.record[begin:end] - record,
            devices=readings.devices[begin:end],
            times=readings.times[begin:end],
            classes=readings.classes[begin:end],
            sensors=readings.sensors,
            values=readings.values[begin:end],
            named={at - begin: v for at, v in readings.named.items() if begin <= at < end},
            labels={at - begin: v for at, v in readings.labels.items() if begin <= at < end},
            elements={at - begin: v for at, v in readings.elements.items() if begin <= at < end},
        )
        yield record, begin, part
