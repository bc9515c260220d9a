"""Who of the consumer group holds which partitions, how far behind they are, and how one is told goodbye.

A worker is a static member: when it stops, its partitions wait for it until the session times out. Removing it hands
them to the others at once.
"""

from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient, TopicPartition, errors
from kafka.admin import MemberToRemove, OffsetSpec

from service.errors import InputError, UnavailableError
from service.streams.kafka.clients import administrator
from service.streams.kafka.settings import KafkaSettings

Described = dict[str, Any]
Offsets = dict[TopicPartition, Any]


@dataclass(frozen=True)
class Member:
    slot: str
    host: str
    partitions: tuple[TopicPartition, ...]
    lag: int | None  # records not yet committed; None where nothing was committed yet


def members(settings: KafkaSettings) -> list[Member]:
    """By slot; empty where no worker of this group runs."""
    with administrator(settings) as admin:
        group = admin.describe_groups([settings.group])[settings.group]
        committed = admin.list_group_offsets({settings.group: None})[settings.group]
        found = [_member(settings, admin, member, committed) for member in group["members"]]
    return sorted(found, key=lambda member: member.slot)


def remove(settings: KafkaSettings, slot: str) -> None:
    """Raises InputError where the group has no such member."""
    name = f"{settings.group}-{slot}"
    with administrator(settings) as admin:
        leaving = MemberToRemove(group_instance_id=name, reason="removed by `gruard workers --remove`")
        answers = admin.remove_group_members(settings.group, [leaving])
    if any(answer is errors.UnknownMemberIdError for answer in answers.values()):
        raise InputError(f"--remove {slot}: group {settings.group} has no such worker; `gruard workers` shows them")
    for answer in answers.values():
        if answer is not errors.NoError:
            raise UnavailableError(f"--remove {slot}: {settings.bootstrap_servers} answered {answer.__name__}")


def _member(settings: KafkaSettings, admin: KafkaAdminClient, member: Described, committed: Offsets) -> Member:
    held = member["member_assignment"]["assigned_partitions"] if member["member_assignment"] else ()
    places = tuple(TopicPartition(topic["topic"], p) for topic in held for p in sorted(topic["partitions"]))
    name = member["group_instance_id"] or member["member_id"]
    slot, host = name.removeprefix(f"{settings.group}-"), member["client_host"].lstrip("/")
    return Member(slot, host, places, _lag(admin, places, committed))


def _lag(admin: KafkaAdminClient, places: tuple[TopicPartition, ...], committed: Offsets) -> int | None:
    known = [place for place in places if place in committed]
    if not known:
        return None
    ends = admin.list_partition_offsets(dict.fromkeys(known, OffsetSpec.LATEST))
    return int(sum(ends[place].offset - committed[place].offset for place in known))
