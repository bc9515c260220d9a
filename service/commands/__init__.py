"""The commands of `gruard`, one module each: `configure(parser)` names its options, `run(arguments)` does it.

A module is imported only when its command is asked for, so `gruard config` needs no model runtime.
"""

import importlib
from types import ModuleType

COMMANDS = {
    "demo": "a simulated fleet with faults, found live; ends with a scoreboard",
    "run": "the service: readings from the configured stream, alerts into it",
    "feed": "files or standard input into the configured stream",
    "backtest": "the same detector over files, with scores, alerts and a report",
    "record": "the configured stream into a file that training reads and backtest replays",
    "fleet": "simulated devices write to the configured stream",
    "console": "pages in a browser: which devices are ill, and why (needs the extra `console`)",
    "models": "the model bundles found, and the verdict of their checks",
    "config": "the effective configuration, each value with its origin",
    "topics": "the topics of a Kafka stream with their settings; makes the missing ones",
    "workers": "who of the consumer group holds which partitions; removes one at scale-down",
    "deadletters": "messages that could not be read, by reason; publishes them again",
    "notify": "alerts to people: webhooks and Alertmanager, grouped, none lost while they are away",
}


def load(name: str) -> ModuleType:
    return importlib.import_module(f"service.commands.{name}")
