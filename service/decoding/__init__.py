"""Bytes to columns: every message becomes readings or rejects, and no bytes whatever raise.

In come the records of one partition, out come `Readings`. What a message is read as depends on its bytes (and key and
headers where the mapping says so) alone, never on what came before it, so a replay decodes the same.

Three ways, fastest first: a generated struct for messages of known classes; the same with a dict of values for others;
member by member for what both refuse. Only what the last one refuses as well is a reject.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress

from service.decoding.columns import Decoded, assemble
from service.decoding.content import Ignored, SlowPath
from service.decoding.documents import REFUSED, check_size, elements, is_array
from service.decoding.faults import RejectError
from service.decoding.mapping import Source, layout
from service.decoding.shapes import Decode, Message, Shapes, Text, is_field
from service.decoding.times import TimeError, parse_time
from service.records import Readings, Records, Reject
from service.settings import MappingSettings

__all__ = ["Decoder", "TimeError", "parse_time"]

OFTEN = 16  # times that an unknown name is met before it is built in
MOST_KEPT = 1024  # unknown names that are counted towards it
MOST_BUILT_IN = 32  # unknown members, and unknown sensors, that are; each costs every message a little


class Decoder:
    """Raises ConfigurationError where the mapping makes no sense; never raises afterwards."""

    def __init__(
        self, sensors: Sequence[str], classes: Collection[str], mapping: MappingSettings | None, max_bytes: int
    ) -> None:
        sensors = tuple(dict.fromkeys(sensors))
        self._layout = layout(mapping)
        self._max_bytes = max_bytes
        self._slow = SlowPath(self._layout, sensors, classes)
        self._shapes = Shapes(sensors, classes)
        self._ways: Sequence[Decode] = () if self._layout.foreign else self._shapes.ways(named_first=False)
        self._members = _Names()
        self._sensors = _Names()

    def decode(self, records: Records) -> Readings:
        decoded = Decoded(mixed=not self._ways or self._ways[0] is not self._shapes.decode_typed)
        if self._ways:
            self._read_runs(self._ways[0], records, decoded)
        else:
            for at in range(len(records)):
                self._read(at, records, decoded)
        readings = assemble(decoded, records, self._shapes, self._slow.explain)
        if self._ways:
            self._learn(readings, decoded)
        return readings

    def _read_runs(self, first: Decode, records: Records, decoded: Decoded) -> None:
        messages, rest, at = decoded.messages, iter(self._sized(records.values)), 0
        while at < len(records):
            before = len(messages)
            try:
                messages.extend(map(first, rest))  # keeps what came before a refusal: a good run costs no Python loop
                return
            except REFUSED:
                at += len(messages) - before
                self._read(at, records, decoded)
                at += 1

    def _sized(self, values: Sequence[bytes | None]) -> Sequence[bytes]:
        """Nothing for what is too long or a tombstone: it goes the slow way and is refused there."""
        with suppress(TypeError):
            if max(map(len, values), default=0) <= self._max_bytes:  # type: ignore[arg-type]
                return values  # type: ignore[return-value]
        return [raw if raw and len(raw) <= self._max_bytes else b"" for raw in values]

    def _read(self, at: int, records: Records, decoded: Decoded) -> None:
        """One record that the first way refused."""
        before = len(decoded.messages)
        source = Source(records.keys[at], records.headers[at] if records.headers else ())
        try:
            raw = check_size(records.values[at], self._max_bytes)
            if is_array(raw):
                self._read_elements(at, elements(raw), source, decoded)
            else:
                decoded.messages.append(self._message(raw, source, decoded.ignored, self._ways[1:]))
        except RejectError as fault:
            decoded.rejects.append(Reject(at, None, fault.reason, fault.error))
        decoded.mixed = True
        decoded.sizes[at] = len(decoded.messages) - before

    def _read_elements(self, at: int, parts: Sequence[Text], source: Source, decoded: Decoded) -> None:
        for i, part in enumerate(parts):
            try:
                message = self._message(part, source, decoded.ignored, self._ways)
            except RejectError as fault:
                decoded.rejects.append(Reject(at, i, fault.reason, fault.error))
            else:
                decoded.elements[len(decoded.messages)] = i
                decoded.messages.append(message)

    def _message(self, raw: Text, source: Source, ignored: Ignored, ways: Sequence[Decode]) -> Message:
        """Raises RejectError."""
        for decode in ways:
            try:
                return decode(raw)
            except REFUSED:
                pass
        return self._slow.read(raw, source, ignored)

    def _learn(self, readings: Readings, decoded: Decoded) -> None:
        """Make the next batch cheaper, with the same readings and counts."""
        news = [self._members.meet(decoded.ignored.members), self._sensors.meet(decoded.ignored.sensors)]
        if any(news):
            sensors, classes = self._shapes.sensors, self._shapes.classes
            self._shapes = Shapes(sensors, classes, self._members.familiar, self._sensors.familiar)
        self._ways = self._shapes.ways(named_first=2 * len(readings.named) > len(readings.devices))


class _Names:
    """Unknown names by how often they were met."""

    def __init__(self) -> None:
        self._met: Counter[str] = Counter()
        self.familiar: tuple[str, ...] = ()

    def meet(self, names: Sequence[str]) -> bool:
        """Whether some have become familiar."""
        if not names or len(self.familiar) == MOST_BUILT_IN:
            return False
        self._met.update(name for name in names if name not in self.familiar and is_field(name))
        often = [name for name, count in self._met.items() if count >= OFTEN][: MOST_BUILT_IN - len(self.familiar)]
        self.familiar = (*self.familiar, *often)
        self._met = Counter({name: count for name, count in self._met.most_common(MOST_KEPT) if name not in often})
        return bool(often)
