"""Is what came out what had to come out? The first difference is named, with the seed, and kept as a case."""

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.chaos.oracle import Outcome

CASES = Path(__file__).parents[2] / "out" / "chaos" / "cases"


def exact(row: str, seed: int, found: Outcome, expected: Outcome) -> None:
    """Alerts byte-equal and in order per device, none twice; every device's row; every dead letter once."""
    repeated = [name for name, count in Counter(_names(found)).items() if count > 1]
    difference = (
        (f"published more than once: {repeated[0]}" if repeated else "")
        or _sequences("alerts of device", found.alerts, expected.alerts)
        or _sequence("dead letters", found.letters, expected.letters)
        or _mapping("row of device", found.rows, expected.rows)
    )
    if difference:
        CASES.mkdir(parents=True, exist_ok=True)
        case = CASES / f"row-{row}-{seed}-{time.strftime('%Y%m%dT%H%M%S')}.json"
        case.write_text(json.dumps({"row": row, "seed": seed, "first difference": difference}, indent=1))
        raise AssertionError(f"row {row}, seed {seed}: {difference} (kept in {case})")


def figures(outcome: Outcome) -> dict[str, int]:
    events = Counter(json.loads(value)["event"] for values in outcome.alerts.values() for value in values)
    return {
        "alert events": events.total(),
        "opened": events["opened"],
        "resolved": events["resolved"],
        "dead letters": len(outcome.letters),
        "devices": len(outcome.rows),
    }


def _names(outcome: Outcome) -> list[tuple[str, int]]:
    alerts = (json.loads(value) for values in outcome.alerts.values() for value in values)
    return [(alert["alert_id"], alert["sequence"]) for alert in alerts]


def _sequences(what: str, found: Mapping[str, Sequence[Any]], expected: Mapping[str, Sequence[Any]]) -> str:
    names = sorted(found.keys() | expected.keys())
    differences = (_sequence(f"{what} {name}", found.get(name, ()), expected.get(name, ())) for name in names)
    return next(filter(None, differences), "")


def _sequence(what: str, found: Sequence[Any], expected: Sequence[Any]) -> str:
    for place, (one, other) in enumerate(zip(found, expected, strict=False)):
        if one != other:
            return f"{what}, number {place}: {one!r} in place of {other!r}"
    if len(found) == len(expected):
        return ""
    longer = found if len(found) > len(expected) else expected
    count = f"{len(found)} in place of {len(expected)}"
    return f"{what}: {count}; the first one beside is {longer[min(len(found), len(expected))]!r}"


def _mapping(what: str, found: Mapping[str, bytes], expected: Mapping[str, bytes]) -> str:
    for name in sorted(found.keys() | expected.keys()):
        one, other = found.get(name), expected.get(name)
        if one != other:
            state = "missing" if one is None else "too much" if other is None else "other bytes"
            return f"{what} {name}: {state}"
    return ""
