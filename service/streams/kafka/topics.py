"""Our topics: what each must be like, which of them are there, and making those that are missing.

A topic that is there is looked at and never changed: where it can't carry what we promise it is refused. Foreign input
topics belong to whoever writes to them, so a missing one is not made either.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from kafka import KafkaAdminClient, errors
from kafka.admin import ConfigResource, ConfigResourceType

from service.errors import ConfigurationError, DataRuleError
from service.streams.kafka.clients import administrator
from service.streams.kafka.layout import Layout, missing
from service.streams.kafka.settings import KafkaSettings

DAY_MS = 86_400_000
ALREADY_THERE = 36  # error code of a topic that somebody else made at the same time
KNOWN = ("cleanup.policy", "retention.ms", "max.message.bytes", "message.timestamp.type", "min.insync.replicas")

READINGS = {
    "cleanup.policy": "delete",
    "retention.ms": str(7 * DAY_MS),  # longer than the longest outage: a restore reads the input since its snapshot
    "message.timestamp.type": "LogAppendTime",  # arrival is when the log took it, whatever clock its producer has
    "max.message.bytes": str((1 << 20) + (64 << 10)),  # readings.max_message_bytes and room for key and headers
}
ALERTS = {"cleanup.policy": "delete", "retention.ms": str(30 * DAY_MS)}
DEADLETTERS = {
    "cleanup.policy": "delete",
    "retention.ms": str(14 * DAY_MS),
    "max.message.bytes": str(2 << 20),  # the longest reading with our headers beside its own
}
CONTROL = {"cleanup.policy": "delete", "retention.ms": str(7 * DAY_MS)}
STATE = {
    "cleanup.policy": "compact",
    "segment.ms": str(DAY_MS // 48),  # the newest segment is never compacted, so it must not get long ...
    "segment.bytes": str(64 << 20),  # ... nor large
    "min.cleanable.dirty.ratio": "0.2",
    "max.compaction.lag.ms": str(DAY_MS // 24),
    "delete.retention.ms": str(DAY_MS),  # a restore that takes longer would miss tombstones
    "max.message.bytes": str(2 << 20),
}


@dataclass(frozen=True)
class Topic:
    name: str
    role: str  # input, alerts, deadletters, control, state
    partitions: int
    settings: dict[str, str]
    ours: bool = True
    replicas: int = 1
    status: str = "missing"  # there, missing, created


def partitions(settings: KafkaSettings, names: Collection[str] | None = None) -> dict[str, int]:
    """Of these topics, or else of the inputs and all of ours, those that are there. Asks for no other right."""
    with administrator(settings) as admin:
        described = _described(admin, settings, _names(settings) if names is None else names)
        return {name: len(topic["partitions"]) for name, topic in described.items() if topic["partitions"]}


def show(settings: KafkaSettings) -> list[Topic]:
    """Every topic as it is, and as it would be made where it is missing. Blocks for some round trips."""
    with administrator(settings) as admin:
        there = _found(admin, settings)
        return [there.get(wanted.name, wanted) for wanted in _wanted(settings, there, settings.partitions)]


def create(settings: KafkaSettings, partitions: int | None = None) -> list[Topic]:
    """Make what is missing of ours and check what is there; `show` of the result. Does no harm when repeated.

    partitions: of our own input topic, where it is made or must agree.
    Raises DataRuleError (what is there can't be used), MissingError (a foreign input), ConfigurationError.
    """
    with administrator(settings) as admin:
        there = _found(admin, settings)
        for topic in settings.inputs:
            if topic not in there and topic != settings.topic("readings"):
                raise missing(topic, settings)
        wanted = _wanted(settings, there, partitions or settings.partitions)
        _check(settings, there, wanted, partitions)
        absent = [topic for topic in wanted if topic.name not in there]
        _make(admin, settings, absent)
        made = {topic.name for topic in absent}
        there = _found(admin, settings)
        _check(settings, there, wanted, partitions)  # of two who create at once, one finds what the other made
    return [replace(there[t.name], status="created") if t.name in made else there[t.name] for t in wanted]


def verified(settings: KafkaSettings) -> Layout:
    """For a worker that starts: raises as `create` does where a topic is missing or can't be used."""
    with administrator(settings) as admin:
        there = _found(admin, settings)
        layout = Layout.of(settings, {name: found.partitions for name, found in there.items()})
        wanted = _wanted(settings, there, settings.partitions)
        _check(settings, there, wanted, None)
        for topic in wanted:
            if topic.name not in there:
                raise missing(topic.name, settings)
    return layout


def _names(settings: KafkaSettings) -> dict[str, str]:
    """Role by name, inputs first."""
    inputs = dict.fromkeys(settings.inputs, "input")
    return inputs | {settings.topic(role): role for role in ("alerts", "deadletters", "control", "state")}


def _wanted(settings: KafkaSettings, there: dict[str, Topic], partitions: int) -> list[Topic]:
    own = settings.topic("readings")
    inputs = [there.get(t) or Topic(t, "input", partitions, READINGS, ours=t == own) for t in settings.inputs]
    count = sum(topic.partitions for topic in inputs)
    kept = [int(topic.settings["retention.ms"]) for topic in inputs if topic.settings.get("retention.ms")]
    retention = {"retention.ms": str(-1 if -1 in kept else max(kept))} if kept else {}
    longest = max(int(topic.settings.get("max.message.bytes", 0)) for topic in inputs)
    letters = {"max.message.bytes": str(max(int(DEADLETTERS["max.message.bytes"]), longest + (64 << 10)))}
    made = {
        "alerts": ALERTS,
        "deadletters": DEADLETTERS | letters,
        "control": CONTROL | retention,  # the journal says something of that input, so it lives as long
        "state": STATE,
    }
    safe = {"min.insync.replicas": "2"} if settings.replication_factor >= 3 else {}
    ours = [Topic(settings.topic(role), role, count, given) for role, given in made.items()]
    return [
        replace(topic, settings=topic.settings | safe, replicas=settings.replication_factor)
        if topic.status == "missing" and topic.ours
        else topic
        for topic in (*inputs, *ours)
    ]


def _check(settings: KafkaSettings, there: dict[str, Topic], wanted: list[Topic], asked: int | None) -> None:
    own = there.get(settings.topic("readings"))
    if own and asked not in (None, own.partitions):
        raise DataRuleError(
            f"--partitions {asked}: {own.name} is there with {own.partitions}; a device would move to another "
            "partition than its state, so make a new kafka.topic_prefix for another number"
        )
    for topic in wanted:
        if found := there.get(topic.name):
            _check_one(topic, found)


def _check_one(wanted: Topic, found: Topic) -> None:
    if wanted.role in ("state", "control") and found.partitions != wanted.partitions:
        raise DataRuleError(
            f"{found.name} has {found.partitions} partitions and the input {wanted.partitions}: a device would not "
            "find its state; name another kafka.topic_prefix, or delete that topic and start cold"
        )
    policy = found.settings.get("cleanup.policy")
    if policy is None:
        return  # we may not look: `gruard topics` shows it so, and whoever made the topic answers for it
    if wanted.role == "state" and policy != "compact":
        raise DataRuleError(
            f"{found.name} has cleanup.policy {policy}, and state that expires is lost; "
            "set it to compact, or name another kafka.topic_prefix"
        )
    if wanted.role != "state" and "compact" in policy:
        raise DataRuleError(
            f"{found.name} has cleanup.policy {policy}: a compacted {wanted.role} topic forgets what a restore "
            "has to read again; set it to delete, or name another topic"
        )


def _make(admin: KafkaAdminClient, settings: KafkaSettings, topics: list[Topic]) -> None:
    if not topics:
        return
    new = {
        t.name: {"num_partitions": t.partitions, "replication_factor": t.replicas, "configs": t.settings}
        for t in topics
    }
    answer = admin.create_topics(new, raise_errors=False)
    for topic in answer["topics"]:
        if topic["error_code"] not in (0, ALREADY_THERE):
            raise _refusal(settings, topic)
    admin.wait_for_topics(list(new), timeout_ms=int(settings.request_timeout_s * 1000))


def _refusal(settings: KafkaSettings, answer: dict[str, object]) -> Exception:
    error = errors.for_code(answer["error_code"])
    why = answer.get("error_message") or error.__name__
    said = f"{answer['name']} can't be made on {settings.bootstrap_servers}: {why}"
    if error is errors.InvalidReplicationFactorError:
        return ConfigurationError(f"kafka.replication_factor {settings.replication_factor}: {said}")
    if error in (errors.InvalidConfigurationError, errors.PolicyViolationError, errors.InvalidPartitionsError):
        return ConfigurationError(said)
    refused: Exception = error(said)
    return refused


def _described(admin: KafkaAdminClient, settings: KafkaSettings, names: Collection[str]) -> dict[str, Any]:
    described = {topic["name"]: topic for topic in admin.describe_topics(list(names))}
    for name, topic in described.items():
        error = errors.for_code(topic["error_code"])
        if error is errors.InvalidTopicError:
            field = "input_topics" if name in (settings.input_topics or ()) else "topic_prefix"
            raise ConfigurationError(f"kafka.{field}: {name!r} is no name that a topic can have")
        if error not in (errors.NoError, errors.UnknownTopicOrPartitionError):
            raise error(name)
    return described


def _found(admin: KafkaAdminClient, settings: KafkaSettings) -> dict[str, Topic]:
    names = _names(settings)
    described = _described(admin, settings, names)
    there = [name for name in names if described[name]["partitions"]]
    configs = _configs(admin, there)
    return {
        name: Topic(
            name,
            names[name],
            partitions=len(described[name]["partitions"]),
            settings=configs.get(name, {}),
            ours=names[name] != "input" or name == settings.topic("readings"),
            replicas=len(described[name]["partitions"][0]["replica_nodes"]),
            status="there",
        )
        for name in there
    }


def _configs(admin: KafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    """Effective values of what we set ourselves, whoever set them."""
    if not names:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    keys = {*KNOWN, *STATE}
    answer = admin.describe_configs(resources, config_filter="all")["topic"]
    return {name: {k: v["value"] for k, v in given.items() if k in keys} for name, given in answer.items()}
