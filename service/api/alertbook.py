"""The last event of every open alert and of so many resolved ones, as the bytes that were published.

A resolved alert's last event tells of its end alone, so what its event before that gave as the reason is kept with it.

Heard on the worker's thread, read on others. The lock is held for copies of references alone, so neither waits for
what the other does with them.
"""

import threading
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

RANK = {"critical": 0, "warning": 1, "info": 2}  # worst first
CALM = 3


class Entry(msgspec.Struct, frozen=True):
    alert_id: str
    event: str
    device_id: str
    kind: str
    severity: str
    reading_time: str
    labels: dict[str, str] = {}
    value: bytes = b""
    explanation: bytes = b"null"  # JSON

    @property
    def told(self) -> bytes:
        """As the API has it: what was published, byte for byte, and the explanation behind it."""
        return b'%b,"explanation":%b}' % (self.value[:-1], self.explanation)

    @property
    def key(self) -> str:
        """Where it is in a list, newest first; text that sorts as the list does, backwards."""
        return f"{self.reading_time}~{self.alert_id}"


class Explanation(msgspec.Struct, frozen=True):
    """What an event gives as the reason for its alert."""

    reading_time: str
    summary: str
    contributions: msgspec.Raw


class Trouble(NamedTuple):
    """What a device's open alerts come to."""

    rank: int = CALM
    alerts: int = 0


class AlertBook:
    def __init__(self, most_past: int) -> None:
        """most_past: resolved alerts that are kept."""
        self._most_past = most_past
        self._open: dict[str, tuple[int, Entry]] = {}
        self._past: dict[str, Entry] = {}  # in the order in which they ended
        self._devices: dict[str, dict[str, str]] = {}  # device -> its open alerts' severities
        self._decode = msgspec.json.Decoder(Entry).decode
        self._explain = msgspec.json.Decoder(Explanation).decode
        self._lock = threading.Lock()

    def hear(self, partition: int, value: bytes) -> str:
        """One published event; also what a ledger holds. The device that it is of."""
        entry = self._decode(value)
        entry = msgspec.structs.replace(entry, value=value, explanation=self._explanation(entry))
        with self._lock:
            self._drop(entry.alert_id)
            self._past.pop(entry.alert_id, None)
            if entry.event == "resolved":
                self._past[entry.alert_id] = entry
                while len(self._past) > self._most_past:
                    del self._past[next(iter(self._past))]
            else:
                self._open[entry.alert_id] = partition, entry
                self._devices.setdefault(entry.device_id, {})[entry.alert_id] = entry.severity
        return entry.device_id

    def _explanation(self, entry: Entry) -> bytes:
        """Of a resolved one whose last event as an open one is here. No lock: only this thread changes what is open."""
        _, last = self._open.get(entry.alert_id, (0, None))
        if entry.event != "resolved" or last is None:
            return b"null"
        return msgspec.json.encode(self._explain(last.value))

    def forget(self, partition: int) -> list[str]:
        """The partition is another worker's now, and so are its open alerts; the devices that they were of."""
        with self._lock:
            gone = [entry for own, entry in self._open.values() if own == partition]
            for entry in gone:
                self._drop(entry.alert_id)
        return [entry.device_id for entry in gone]

    def _drop(self, alert_id: str) -> None:
        _, entry = self._open.pop(alert_id, (0, None))
        if entry is not None:
            own = self._devices[entry.device_id]
            del own[alert_id]
            if not own:
                del self._devices[entry.device_id]

    def is_troubled(self, device: str) -> bool:
        return device in self._devices

    def open(self) -> list[Entry]:
        with self._lock:
            return [entry for _, entry in self._open.values()]

    def past(self) -> list[Entry]:
        with self._lock:
            return list(self._past.values())

    def of(self, device: str) -> list[Entry]:
        """Newest first."""
        found = [entry for entry in [*self.open(), *self.past()] if entry.device_id == device]
        return sorted(found, key=lambda entry: entry.key, reverse=True)

    def tally(self) -> Mapping[str, int]:
        return Counter(entry.severity for entry in self.open())

    def troubled(self) -> dict[str, Trouble]:
        """Every device that has an open alert."""
        with self._lock:
            severities = {device: list(own.values()) for device, own in self._devices.items()}
        return {device: Trouble(min(map(_rank, own)), len(own)) for device, own in severities.items()}


def _rank(severity: str) -> int:
    return RANK.get(severity, CALM - 1)
