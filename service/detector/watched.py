"""The chosen readings of each chunk, copied as it is scored and before the next one overwrites the buffers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.detector.devices import ALERTING
from service.detector.partition import Signature
from service.detector.scored import Scored
from service.detector.scoring import exceedance
from service.detector.seen import Seen


class Sighting:
    def __init__(
        self,
        chosen: NDArray[np.bool_],
        labels: Mapping[int, dict[str, str]],
        signatures: Sequence[Signature],
        seen: list[Seen],
    ) -> None:
        self._chosen, self._labels, self._signatures, self._seen = chosen, labels, signatures, seen

    def add(self, scored: Scored) -> None:
        at = scored.group.at[scored.picked]
        i = np.flatnonzero(self._chosen[at])
        if len(i):
            self._seen.append(self._copied(scored, i, at[i]))

    def _copied(self, scored: Scored, i: NDArray[np.intp], at: NDArray[np.intp]) -> Seen:
        work, out, judged = scored.group.work, scored.bucket.out, scored.judged
        layout, rows, leading = work.table.layout, scored.rows[i], judged.leading[i]
        devices = [work.ids[row] or "" for row in rows.tolist()]
        witness = np.asarray(layout.plan.witness_of, np.intp)[leading]
        columns: dict[str, Any] = {
            "signature": work.columns["signature"][rows],
            "times": scored.times[i],
            "values": scored.group.values[scored.picked[i]],
            "mean": out.mean[i],
            "scale": out.scale[i],
            "terms": scored.terms[i],
            "beyond": exceedance(scored.strength[i], scored.limit[i]) - judged.taken_off[i],
            "evidence": judged.evidence[i],
            "limit": scored.limit[i, leading],
            "leading": np.argmax(scored.terms[i, witness], axis=1).astype(np.int16),
            "alert": (work.columns["flags"][rows] & ALERTING) > 0,
        }
        return Seen(work.table.key, layout, self._signatures, devices, labels=self._of(devices, at), **columns)

    def _of(self, devices: list[str], at: NDArray[np.intp]) -> dict[str, dict[str, str]]:
        if not self._labels:
            return {}
        found = zip(devices, map(self._labels.get, at.tolist()), strict=True)
        return {device: labels for device, labels in found if labels}
