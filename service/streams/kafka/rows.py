"""Records of the Kafka client as columns."""

from collections.abc import Sequence
from typing import Any

from service.records import Headers, Records


def records(partition: int, rows: Sequence[Any]) -> Records:
    named = tuple(map(headers, rows)) if any(row.headers for row in rows) else ()
    return Records(
        partition,
        [row.offset for row in rows],
        [row.timestamp for row in rows],
        [row.key for row in rows],
        [row.value or b"" for row in rows],
        named,
    )


def headers(row: Any) -> Headers:
    """A header without a value is one with an empty value: there is no other way to write it again."""
    return tuple((name, value or b"") for name, value in row.headers)
