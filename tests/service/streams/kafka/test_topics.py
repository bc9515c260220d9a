"""Topics are made as they must be, once, by however many; one that is there is refused or left as it is."""

import threading
from typing import Any

import pytest
from kafka import KafkaAdminClient

from service.errors import ConfigurationError, DataRuleError, GruardError, MissingError, UnavailableError
from service.streams.kafka import topics
from service.streams.kafka.settings import KafkaSettings

DAY_MS = 86_400_000


@pytest.fixture
def settings(kafka, prefix) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=kafka.bootstrap, topic_prefix=prefix, partitions=3)


def make(settings: KafkaSettings, name: str, partitions: int = 3, **configs: Any) -> None:
    admin = KafkaAdminClient(bootstrap_servers=settings.bootstrap_servers)
    given = {key.replace("_", "."): str(value) for key, value in configs.items()}
    admin.create_topics({name: {"num_partitions": partitions, "replication_factor": 1, "configs": given}})
    admin.wait_for_topics([name])
    admin.close()


def by_role(found: list[topics.Topic]) -> dict[str, topics.Topic]:
    return {topic.role: topic for topic in found}


def test_what_is_missing_is_made_as_it_must_be(settings):
    planned, made = by_role(topics.show(settings)), by_role(topics.create(settings))
    assert {topic.status for topic in planned.values()} == {"missing"}
    assert {topic.status for topic in made.values()} == {"created"}
    assert set(made) == {"input", "alerts", "deadletters", "control", "state"}
    for role, topic in made.items():
        assert topic.partitions == 3
        assert planned[role].settings.items() <= topic.settings.items()
    policies = {role: topic.settings["cleanup.policy"] for role, topic in made.items()}
    assert policies.pop("state") == "compact"
    assert set(policies.values()) == {"delete"}
    assert made["input"].settings["message.timestamp.type"] == "LogAppendTime"
    assert int(made["deadletters"].settings["max.message.bytes"]) > int(made["input"].settings["max.message.bytes"])
    assert made["control"].settings["retention.ms"] == made["input"].settings["retention.ms"]
    assert topics.partitions(settings) == {topic.name: 3 for topic in made.values()}
    assert topics.verified(settings).count == 3


def test_making_them_again_changes_nothing(settings):
    first = topics.create(settings, 2)
    again = topics.create(settings)
    assert {topic.status for topic in again} == {"there"}
    assert [(t.name, t.partitions, t.settings) for t in again] == [(t.name, t.partitions, t.settings) for t in first]
    assert topics.show(settings) == again


def test_many_may_make_them_at_once(settings):
    failed: list[Exception] = []

    def one() -> None:
        try:
            topics.create(settings)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert topics.verified(settings).count == 3


REFUSED = {
    "a compacted input": ("readings", 3, {"cleanup_policy": "compact"}, "compact"),
    "an input that is compacted beside": ("readings", 3, {"cleanup_policy": "compact,delete"}, "compact"),
    "state that expires": ("state", 3, {"cleanup_policy": "compact,delete"}, "compact"),
    "state that is not compacted": ("state", 3, {}, "cleanup.policy delete"),
    "state of another number": ("state", 5, {"cleanup_policy": "compact"}, "5 partitions and the input 3"),
    "control of another number": ("control", 2, {}, "2 partitions and the input 3"),
    "compacted dead letters": ("deadletters", 3, {"cleanup_policy": "compact"}, "compact"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_not_carry_our_promise_is_refused_and_nothing_is_made(settings, case):
    role, count, configs, told = REFUSED[case]
    make(settings, settings.topic(role), count, **configs)
    with pytest.raises(DataRuleError, match=told) as refused:
        topics.create(settings)
    assert settings.topic(role) in str(refused.value)
    assert list(topics.partitions(settings)) == [settings.topic(role)]
    with pytest.raises(GruardError):
        topics.verified(settings)


def test_another_number_of_partitions_than_asked_for_is_refused_with_both(settings):
    topics.create(settings)
    with pytest.raises(DataRuleError, match=r"--partitions 4: .* 3"):
        topics.create(settings, 4)
    assert topics.create(settings, 3)


def test_foreign_inputs_are_counted_together_and_never_made(settings, prefix):
    foreign = settings.model_copy(update={"input_topics": (f"{prefix}.plant", f"{prefix}.line")})
    make(settings, f"{prefix}.plant", 2, retention_ms=DAY_MS)
    with pytest.raises(MissingError, match=rf"{prefix}\.line"):
        topics.create(foreign)
    assert topics.partitions(foreign) == {f"{prefix}.plant": 2}
    make(settings, f"{prefix}.line", 4, retention_ms=30 * DAY_MS, max_message_bytes=5 << 20)
    made = {topic.name: topic for topic in topics.create(foreign)}
    assert settings.topic("readings") not in made
    assert made[settings.topic("state")].partitions == made[settings.topic("control")].partitions == 6
    assert made[settings.topic("control")].settings["retention.ms"] == str(30 * DAY_MS)
    assert int(made[settings.topic("deadletters")].settings["max.message.bytes"]) > 5 << 20
    assert made[f"{prefix}.plant"].settings["retention.ms"] == str(DAY_MS), "a topic of others is left as it is"
    assert topics.verified(foreign).place(3) == (f"{prefix}.line", 1)


def test_what_the_broker_refuses_is_a_matter_of_configuration(settings):
    with pytest.raises(ConfigurationError, match="replication_factor 3"):
        topics.create(settings.model_copy(update={"replication_factor": 3}))
    with pytest.raises(ConfigurationError, match="topic_prefix"):
        topics.create(settings.model_copy(update={"topic_prefix": "no topic"}))


def test_a_broker_that_is_not_there_is_told(prefix):
    nobody = KafkaSettings(bootstrap_servers="127.0.0.1:1", request_timeout_s=1)
    for ask in (topics.create, topics.show, topics.partitions, topics.verified):
        with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:1"):
            ask(nobody)
