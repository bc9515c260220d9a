"""Which number the port gives to a partition of an input topic, and back: the one place that knows.

Numbers are consecutive over `kafka.input_topics` in their configured order, so the state topic has one partition for
each. Adding a topic at the end, and nothing else, keeps the numbers of those before it.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

from service.errors import MissingError
from service.streams.kafka.settings import KafkaSettings


@dataclass(frozen=True)
class Layout:
    topics: tuple[str, ...]
    starts: tuple[int, ...]  # number of each topic's partition 0
    count: int  # of all partitions

    @classmethod
    def of(cls, settings: KafkaSettings, counts: Mapping[str, int]) -> "Layout":
        """counts: partitions by topic; raises MissingError for an input topic that is not among them."""
        for topic in settings.inputs:
            if not counts.get(topic):
                raise missing(topic, settings)
        sums = list(accumulate((counts[topic] for topic in settings.inputs), initial=0))
        return cls(settings.inputs, tuple(sums[:-1]), sums[-1])

    def number(self, topic: str, partition: int) -> int:
        return self.starts[self.topics.index(topic)] + partition

    def place(self, number: int) -> tuple[str, int]:
        """Topic and partition."""
        at = bisect_right(self.starts, number) - 1
        return self.topics[at], number - self.starts[at]


def missing(topic: str, settings: KafkaSettings) -> MissingError:
    """topic: one of the inputs or of ours. Brokers hide a topic from who has no right to it."""
    foreign = topic in settings.inputs and topic != settings.topic("readings")
    field = "input_topics" if topic in settings.inputs else "topic_prefix"
    way = "whoever writes to it makes it, or name another" if foreign else "`gruard topics --create` makes it"
    hint = f"; or {settings.sasl_username} has no right to see it" if settings.sasl_username else ""
    return MissingError(f"kafka.{field}: {topic} is not there on {settings.bootstrap_servers}; {way}{hint}")
