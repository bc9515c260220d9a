"""Decoder and detector as one: raw records of a partition in, an outcome out, nothing applied until it is folded.

The worker, a restore and a backtest of recorded raw messages all step through here, so they can't differ.
"""

from dataclasses import dataclass

from service.decoding import Decoder
from service.detector import Detector
from service.errors import DataRuleError
from service.records import Outcome, Readings, Records
from service.worker.journal import Entry


@dataclass(frozen=True)
class Engine:
    detector: Detector
    decoder: Decoder

    def step(self, records: Records) -> tuple[Readings, Outcome]:
        readings = self.decoder.decode(records)
        return readings, self.detector.step(readings)

    def apply(self, partition: int, entry: Entry) -> Outcome:
        if entry.kind != "tick":
            raise DataRuleError(
                f"partition {partition}: journal record {entry.key} is of kind {entry.kind!r}, which this version "
                "can't replay; run the version that wrote it"
            )
        return self.detector.tick(partition, entry.offset, entry.payload["time_ms"])
