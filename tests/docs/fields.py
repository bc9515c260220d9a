"""The table of an alert's members in docs/alerts.md, from the schema: `python -m tests.docs.fields docs/alerts.md`.

Types, bounds and choices are the model's; a member without a meaning here, or a meaning without a member, is an error.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from service.reference import alert_schema

BEGINS, ENDS = "<!-- the members: `make docs` writes what is between these lines -->", "<!-- end of the members -->"

MEANING = {
    "schema": "of this value; a later version may add members, so ignore what you don't know",
    "alert_id": "the same from opened to resolved, and after any crash: it is made from the input",
    "event": "what became of the alert",
    "sequence": "of the events of one alert, from 1 without a gap; with `alert_id` it names an event for ever",
    "kind": "trouble of the process, or of the data about it",
    "type": "what was noticed, see below",
    "severity": "of the alert now",
    "device_id": "as the reading gave it; also the message's key",
    "device_class": "whose model and budget applied",
    "labels": "of the reading that opened it, such as its site",
    "onset_time": "event time of the reading, or of the deadline, that opened it",
    "reading_time": "event time of the reading or deadline that made this event",
    "resolved_time": "null until then",
    "resolved_reason": "null until then, see below",
    "duration_s": "from onset to this event",
    "score": "of this reading: 1 is the limit; 0 at a resolution that no reading made",
    "score_max": "the largest so far",
    "budget": "the promise it was raised under",
    "budget.false_alarms_per_device_day": "as configured for the class",
    "budget.extrapolated": "fewer healthy blocks were seen than the budget needs",
    "contributions": "sensors with the largest shares first, at most five; none where a whole device is silent",
    "contributions[].sensor": "name",
    "contributions[].unit": "empty where the model has none",
    "contributions[].observed": "null = missing",
    "contributions[].expected": "the forecast; for `level`, `season` and `change` what it usually is",
    "contributions[].lower": "end of the band of healthy values",
    "contributions[].upper": "the other end",
    "contributions[].share": "of what went beyond the limits; all add up to at most 1",
    "contributions[].direction": "of `observed` against `expected`; none = missing",
    "summary": "one plain sentence that begins with the device",
    "model": "that served the device",
    "model.name": "folder of the bundle",
    "model.version": "folder in it",
    "model.sha256": "of its graph",
    "source": "the message that caused this event",
    "source.topic": "input topic",
    "source.partition": "of it",
    "source.offset": "in it",
}


def table() -> str:
    schema = json.loads(alert_schema())
    members = dict(_members(schema, schema["$defs"]))
    if wrong := members.keys() ^ MEANING.keys():
        raise SystemExit(f"meaning and schema differ: {', '.join(sorted(wrong))}")
    rows = (f"| `{name}` | {kind} | {MEANING[name]} |\n" for name, kind in members.items())
    return "| member | type | meaning |\n|---|---|---|\n" + "".join(rows)


def _members(owner: dict[str, Any], known: dict[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for name, member in owner["properties"].items():
        yield above + name, _kind(member)
        inner = member.get("items", member)
        if "$ref" in inner:
            behind = "[]." if "items" in member else "."
            yield from _members(known[inner["$ref"].rsplit("/", 1)[-1]], known, f"{above}{name}{behind}")


def _kind(member: dict[str, Any]) -> str:
    if "const" in member:
        return f"`{member['const']}`"
    if "enum" in member:
        return " or ".join(f"`{each}`" for each in member["enum"])
    if "anyOf" in member:
        return " or ".join(_kind(each) for each in member["anyOf"])
    named = {"array": "list", "integer": "whole number", "string": "text", "boolean": "true or false"}
    kind = "object" if "$ref" in member else named.get(member["type"], member["type"])
    if member.get("format") == "date-time":
        kind = "RFC 3339, UTC"
    low, high = member.get("minimum"), member.get("maximum")
    return kind + (f", ≥ {low}" if low is not None else "") + (f", ≤ {high}" if high is not None else "")


def main(page: str) -> int:
    path = Path(page)
    before, _, rest = path.read_text("utf-8").partition(BEGINS)
    _, _, after = rest.partition(ENDS)
    path.write_text(f"{before}{BEGINS}\n\n{table()}\n{ENDS}{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
