"""Score columns for whoever asked: a row a stepped reading, in the order of the input."""

from collections.abc import Sequence

import numpy as np

from service.detector.devices import ALERTING
from service.detector.partition import Signature
from service.detector.scored import Scored
from service.records import Readings, Scores


class ScoreSheet:
    """Collects chunks as they are scored; `joined` puts them in order."""

    def __init__(self, readings: Readings, signatures: Sequence[Signature], first: int = 0) -> None:
        self._signatures = signatures
        self._readings = readings
        self._columns = {name: s for s, name in enumerate(readings.sensors)}
        self._parts: list[Scores] = []
        self._first = first

    def add(self, scored: Scored) -> None:
        rows, judged = scored.rows, scored.judged
        work, count = scored.group.work, len(rows)
        plan = work.table.layout.plan
        leading = judged.leading.tolist()
        terms = scored.terms[np.arange(count), [plan.witness_of[j] for j in leading]]
        names = [self._signatures[number].sensors for number in work.columns["signature"][rows].tolist()]
        farthest = np.argmax(terms, axis=1).tolist()
        expected, lower, upper = self._bands(scored, names)
        self._parts.append(
            Scores(
                stepped=self._readings,
                reading=self._first + scored.group.at[scored.picked],
                score=np.exp(judged.evidence.astype(np.float64)).astype(np.float32),
                evidence=judged.evidence.copy(),
                limit=scored.limit[np.arange(count), leading],
                event=scored.event.copy(),
                change=judged.change.copy(),
                alert=(work.columns["flags"][rows] & ALERTING) > 0,
                leading=[own[s] if s < len(own) else "" for own, s in zip(names, farthest, strict=True)],
                expected=expected,
                lower=lower,
                upper=upper,
            )
        )

    def _bands(self, scored: Scored, names: list[tuple[str, ...]]) -> list[np.ndarray]:
        """Forecast and band by the columns of the readings; rows of one signature are filled together."""
        out, count = scored.bucket.out, len(names)
        bands = [np.full((count, len(self._columns)), np.nan, np.float32) for _ in range(3)]
        for own in set(names):
            rows = np.array([i for i, name in enumerate(names) if name == own])
            for s, sensor in enumerate(own):
                if sensor in self._columns:
                    mean, scale = out.mean[rows, s], out.scale[rows, s]
                    for band, value in zip(bands, (mean, mean - scale, mean + scale), strict=True):
                        band[rows, self._columns[sensor]] = value
        return bands

    @staticmethod
    def joined(sheets: Sequence["ScoreSheet"]) -> Scores:
        parts = [part for sheet in sheets for part in sheet._parts]
        if not parts:
            width = len(sheets[0]._readings.sensors)
            none, empty = np.empty(0, np.float32), np.empty((0, width), np.float32)
            flags = np.empty(0, bool)
            return Scores(
                sheets[0]._readings,
                np.empty(0, np.int64),
                none,
                none,
                none,
                flags,
                none,
                flags,
                [],
                empty,
                empty,
                empty,
            )
        order = np.argsort(np.concatenate([part.reading for part in parts]), kind="stable")
        names = [name for part in parts for name in part.leading]

        def column(name: str) -> np.ndarray:
            joined: np.ndarray = np.concatenate([getattr(part, name) for part in parts])[order]
            return joined

        return Scores(
            stepped=parts[0].stepped,
            **{f: column(f) for f in Scores.__dataclass_fields__ if f not in ("stepped", "leading")},
            leading=[names[i] for i in order.tolist()],
        )
