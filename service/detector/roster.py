"""Which devices there are and how far each has come: columns copied at one moment, for whoever lists them elsewhere."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.bundle import Bundle
from service.detector.devices import Table
from service.detector.partition import Partition, Signature


@dataclass(frozen=True)
class Roster:
    """The devices of one table of one partition; a slot without an id is free."""

    partition: int
    bundle: Bundle
    warm_up: int  # readings
    signatures: list[Signature]
    ids: list[str | None]
    signature: NDArray[np.int32]
    last_time: NDArray[np.int64]  # event time, Unix ms
    count: NDArray[np.uint32]  # readings stepped


def rosters(partition: Partition) -> list[Roster]:
    return [_roster(partition, table) for table in partition.tables if table.ids]


def _roster(partition: Partition, table: Table) -> Roster:
    size, bundle = len(table.ids), table.layout.bundle
    signature, last_time, count = (table.columns[name][:size].copy() for name in ("signature", "last_time", "count"))
    warm_up, signatures = max(bundle.manifest.warm_up, 1), list(partition.signatures)
    return Roster(partition.number, bundle, warm_up, signatures, list(table.ids), signature, last_time, count)
