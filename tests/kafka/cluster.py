"""Three brokers that stand for one another: every record on three, acknowledged by two."""

from typing import Self

from tests.kafka.broker import Broker

SIZE = 3
COPIES = ("default", "offsets.topic", "transaction.state.log", "share.coordinator.state.topic")


class Cluster:
    """Not started yet: `start()` or a `with` block does that. Any one of `brokers` may be killed and started again."""

    def __init__(self) -> None:
        self.brokers = [Broker(node=node) for node in range(1, SIZE + 1)]
        settings = {"controller.quorum.voters": ",".join(broker.voter for broker in self.brokers)}
        settings |= {f"{what}.replication.factor": "3" for what in COPIES}
        settings |= {f"{what}.min.isr": "2" for what in COPIES[2:]} | {"min.insync.replicas": "2"}
        for broker in self.brokers:
            broker.settings |= settings

    @property
    def bootstrap(self) -> str:
        return ",".join(broker.bootstrap for broker in self.brokers)

    def start(self) -> Self:
        # None of them serves before a majority is there: launch all, then wait.
        for broker in self.brokers:
            broker.launch()
        for broker in self.brokers:
            broker.await_ready()
        return self

    def close(self) -> None:
        for broker in self.brokers:
            broker.close()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_: object) -> None:
        self.close()
