"""The slow path: a message picked apart member by member, unknown ones counted, labels cut to their limits.

Only messages come here that the generated shapes refuse: foreign layouts, members nobody knows, and bad ones, which
leave as a RejectError.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import msgspec

from service.decoding.documents import parse
from service.decoding.faults import RejectError, explain
from service.decoding.mapping import FIELDS, Layout, Source
from service.decoding.shapes import MAX_LABEL_BYTES, MAX_LABELS, Labels, Message, Named

_NUMBERS = frozenset({float, int, type(None)})  # what a value may be; a bool is none


@dataclass
class Ignored:
    """What was there and nobody asked for, by name, as often as it was."""

    members: list[str] = field(default_factory=list)
    sensors: list[str] = field(default_factory=list)  # values of a known class that its models do not know
    labels: list[str] = field(default_factory=list)


class SlowPath:
    def __init__(self, layout: Layout, sensors: Collection[str], classes: Collection[str]) -> None:
        self._layout = layout
        self._sensors = frozenset(sensors)
        self._classes = frozenset(classes)

    def read(self, raw: bytes | msgspec.Raw, source: Source, ignored: Ignored) -> Message:
        """Raises RejectError."""
        content = self._content(self._layout.pick(parse(raw, self._layout.time), source), ignored)
        try:
            return msgspec.convert(content, Named)
        except msgspec.ValidationError as error:
            refusal = str(error)
        raise self.explain(content, refusal)

    def explain(self, content: dict[str, Any], refusal: str) -> RejectError:
        return explain(content, self._layout.places) or RejectError("schema", refusal)

    def _content(self, picked: dict[str, Any], ignored: Ignored) -> dict[str, Any]:
        content = picked
        if not self._layout.foreign:
            content = {name: picked[name] for name in FIELDS if name in picked}
            ignored.members += picked.keys() - content.keys()
        if isinstance(content.get("values"), dict):
            self._drop_strange_values(content, ignored)
        if content.get("labels") is not None:
            content["labels"] = _labels(content["labels"], ignored)
        return content

    def _drop_strange_values(self, content: dict[str, Any], ignored: Ignored) -> None:
        values: dict[str, Any] = content["values"]
        kind = content.get("class")
        if isinstance(kind, str) and kind in self._classes:
            if values.keys() <= self._sensors:
                return
            strange = values.keys() - self._sensors
            ignored.sensors += [name for name in strange if values[name] is not None]
        elif self._layout.foreign and not _NUMBERS.issuperset(map(type, values.values())):
            # Foreign objects mix sensors with text. Where nothing is a number the mapping is wrong, or the message.
            strange = {name for name, value in values.items() if type(value) not in _NUMBERS}
            strange = set() if len(strange) == len(values) else strange
            ignored.members += strange
        else:
            return
        if strange:
            content["values"] = {name: value for name, value in values.items() if name not in strange}


def _labels(labels: Any, ignored: Ignored) -> dict[str, str]:
    try:
        return msgspec.convert(labels, Labels)
    except msgspec.ValidationError:
        return _short_texts(labels, ignored)


def _short_texts(labels: Any, ignored: Ignored) -> dict[str, str]:
    if not isinstance(labels, dict):
        ignored.labels.append("")
        return {}
    texts = {name: value if isinstance(value, str) else _label_text(value) for name, value in labels.items()}
    kept = {name: text for name, text in texts.items() if text is not None and _fits(name) and _fits(text)}
    kept = dict(islice(kept.items(), MAX_LABELS)) if len(kept) > MAX_LABELS else kept
    ignored.labels += labels.keys() - kept.keys()
    return kept


def _label_text(value: Any) -> str | None:
    """Numbers and truth values as JSON writes them; nothing and what is nested make no label."""
    return json.dumps(value) if isinstance(value, int | float) else None


def _fits(text: str) -> bool:
    return len(text) <= MAX_LABEL_BYTES // 4 or len(text.encode("utf-8")) <= MAX_LABEL_BYTES
