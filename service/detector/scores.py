"""Score columns for whoever asked: a row a stepped reading, in the order of the input."""

from collections.abc import Sequence

import numpy as np

from service.detector.devices import ALERTING
from service.detector.scored import Scored
from service.records import Readings, Scores


class ScoreSheet:
    """Collects chunks as they are scored; `joined` puts them in order."""

    def __init__(self, readings: Readings, first: int = 0) -> None:
        self._readings = readings
        self._columns = {name: s for s, name in enumerate(readings.sensors)}
        self._parts: list[Scores] = []
        self._first = first

    def add(self, scored: Scored) -> None:
        rows, judged = scored.rows, scored.judged
        work, count = scored.group.work, len(rows)
        plan = work.table.layout.plan
        out = scored.bucket.out
        by_sensor = [np.full((count, len(self._readings.sensors)), np.nan, np.float32) for _ in range(3)]
        for s, sensor in enumerate(work.table.layout.bundle.manifest.sensors):
            if sensor.name in self._columns:
                mean, scale = out.mean[:count, s], out.scale[:count, s]
                for column, value in zip(by_sensor, (mean, mean - scale, mean + scale), strict=True):
                    column[:, self._columns[sensor.name]] = value
        leading = [int(j) for j in judged.leading]
        terms = scored.terms[np.arange(count), [plan.witness_of[j] for j in leading]]
        names = [s.name for s in work.table.layout.bundle.manifest.sensors] or list(self._readings.sensors)
        farthest = np.argmax(terms, axis=1).tolist()
        self._parts.append(
            Scores(
                reading=self._first + scored.group.at[scored.picked],
                score=np.exp(judged.evidence.astype(np.float64)).astype(np.float32),
                evidence=judged.evidence.copy(),
                limit=scored.limit[np.arange(count), leading],
                event=scored.event.copy(),
                change=judged.change.copy(),
                alert=(work.columns["flags"][rows] & ALERTING) > 0,
                leading=[names[s] if s < len(names) else "" for s in farthest],
                expected=by_sensor[0],
                lower=by_sensor[1],
                upper=by_sensor[2],
            )
        )

    @staticmethod
    def joined(sheets: Sequence["ScoreSheet"]) -> Scores:
        parts = [part for sheet in sheets for part in sheet._parts]
        if not parts:
            width = len(sheets[0]._readings.sensors)
            none, empty = np.empty(0, np.float32), np.empty((0, width), np.float32)
            flags = np.empty(0, bool)
            return Scores(np.empty(0, np.int64), none, none, none, flags, none, flags, [], empty, empty, empty)
        order = np.argsort(np.concatenate([part.reading for part in parts]), kind="stable")
        names = [name for part in parts for name in part.leading]

        def column(name: str) -> np.ndarray:
            joined: np.ndarray = np.concatenate([getattr(part, name) for part in parts])[order]
            return joined

        return Scores(
            **{f: column(f) for f in Scores.__dataclass_fields__ if f != "leading"},
            leading=[names[i] for i in order.tolist()],
        )
