"""What every static member of a group shares: how its consumer is made, what it knows before it joins, how it is heard.

The client calls its rebalance listener on its own I/O thread; what is here for a listener therefore asks nobody.
"""

import time
from collections.abc import Callable, Collection
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from service.errors import FencedError, UnavailableError
from service.streams.kafka.clients import connection
from service.streams.kafka.settings import KafkaSettings

LOOK_S = 0.01
FETCH_WAIT_MS = 100  # how long the broker may hold an empty fetch; a poll lasts about as long


def consumer(settings: KafkaSettings, group: str, assignor: type[Any], **more: Any) -> KafkaConsumer:
    """Not subscribed yet. more: of the client's own settings."""
    return KafkaConsumer(
        **connection(settings) | more,
        metrics_enabled=False,
        group_id=group,
        group_instance_id=f"{group}-{settings.slot}",
        # Also where nobody writes transactions into the input: it makes a new owner wait for the last commit of the old
        # one.
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="none",
        allow_auto_create_topics=False,
        partition_assignment_strategy=(assignor,),
        session_timeout_ms=int(settings.session_timeout_s * 1000),
        heartbeat_interval_ms=int(min(3.0, settings.session_timeout_s / 5) * 1000),
        fetch_max_wait_ms=FETCH_WAIT_MS,
        retry_backoff_ms=50,
    )


def look(member: KafkaConsumer, settings: KafkaSettings, topics: Collection[str]) -> None:
    """Who leads the group shares out what it knows of: to join before that would leave partitions to nobody.

    Raises UnavailableError, and then the consumer is closed.
    """
    # The client's own way to ask would fetch what is known of every topic of the cluster.
    deadline = time.monotonic() + settings.request_timeout_s
    while not all(member._cluster.partitions_for_topic(topic) for topic in topics):
        if time.monotonic() > deadline:
            close(member)
            where, names = settings.bootstrap_servers, ", ".join(topics)
            raise UnavailableError(f"kafka.bootstrap_servers {where}: nothing is told of {names}")
        time.sleep(LOOK_S)


def hold(member: KafkaConsumer, assigned: Collection[TopicPartition]) -> None:
    """Nothing of these is read until they are sought: for a listener.

    After the poll would be too late, for it may bring records of a partition that was assigned a moment ago. A position
    of our own keeps the client from looking for one.
    """
    for place in assigned:
        member.seek(place, 0)
    member.pause(*assigned)


def heard(member: KafkaConsumer, settings: KafkaSettings, fenced: Callable[[], FencedError]) -> None:
    """A poll that nobody answers looks like one of a log with nothing new; only the heartbeats tell.

    Raises UnavailableError, or what `fenced` makes where another member has our name.
    """
    coordinator = member._coordinator
    if member.group_metadata().generation_id <= 0 or not coordinator.stable():
        return  # on the way into the group; the join has its own limits
    beats = coordinator.heartbeat
    silent_s = time.monotonic() - max(beats.last_receive, beats.last_reset)
    if silent_s < settings.session_timeout_s / 2:
        return
    if not coordinator._heartbeat_enabled:
        raise fenced()
    raise UnavailableError(
        f"kafka.bootstrap_servers {settings.bootstrap_servers}: no heartbeat answered for {silent_s:.0f} s"
    )


def close(member: KafkaConsumer) -> None:
    member.close(autocommit=False, timeout_ms=2000)
