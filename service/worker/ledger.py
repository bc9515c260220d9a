"""The ledger: the open alerts of a partition as consumers of the alerts know them, by their last published value.

It is never loaded into the detector. After a replay it must equal what the detector recomputed; after a restore that
could not be exact it says which alerts somebody still has to be told are over.
"""

import json
from collections.abc import Iterable, Mapping

from service.errors import GruardError
from service.records import AlertRecord
from service.streams.port import StateRecord

PREFIX = "alert/"
STATE_LOST = "state_lost"


def key(alert: AlertRecord) -> str:
    return f"{PREFIX}{alert.device}/{alert.alert_id}"


def changes(alerts: Iterable[AlertRecord]) -> dict[str, bytes | None]:
    """What these events leave in the ledger, None where the alert is over; of several events the last one counts."""
    return {key(alert): None if alert.event == "resolved" else alert.value for alert in alerts}


def records(partition: int, changed: Mapping[str, bytes | None]) -> list[StateRecord]:
    return [StateRecord(partition, name, value) for name, value in changed.items()]


def check(partition: int, ledger: Mapping[str, bytes], recomputed: Mapping[str, bytes]) -> None:
    """Raises GruardError: a replay that should be exact was not."""
    for name in sorted(ledger.keys() | recomputed.keys()):
        published, now = ledger.get(name), recomputed.get(name)
        if published != now:
            what = "is open but was never published" if published is None else "differs from what was published"
            what = "was published as open but is not" if now is None else what
            raise GruardError(
                f"partition {partition}: after replay {name} {what}; this is a defect, please report it; "
                "worker.on_data_loss: resume does not hide it"
            )


def reconciled(ledger: Mapping[str, bytes], recomputed: Mapping[str, bytes]) -> dict[str, bytes | None]:
    """The changes that make the ledger what the detector holds now."""
    gone: dict[str, bytes | None] = {name: None for name in ledger if name not in recomputed}
    return gone | {name: value for name, value in recomputed.items() if ledger.get(name) != value}


def lost(partition_offset: int, value: bytes) -> AlertRecord:
    """The event that ends an alert whose state is gone: a function of its last published value alone."""
    alert = json.loads(value)
    alert |= {
        "event": "resolved",
        "sequence": alert["sequence"] + 1,
        "resolved_time": alert["reading_time"],
        "resolved_reason": STATE_LOST,
        "summary": f"{alert['summary']} The detector's memory of it was lost, so nobody watches for its end.",
    }
    text = json.dumps(alert, ensure_ascii=False, separators=(",", ":")).encode()
    return AlertRecord(
        alert["device_id"],
        alert["alert_id"],
        "resolved",
        alert["sequence"],
        alert["kind"],
        alert["severity"],
        partition_offset,
        text,
    )
