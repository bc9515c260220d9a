"""The commands of `gruard`, one module each: `configure(parser)` names its options, `run(arguments)` does it.

A module is imported only when its command is asked for, so `gruard config` needs no model runtime.
"""

import importlib
from types import ModuleType

KAFKA = ("notify",)
COMMANDS = {
    "demo": "a simulated fleet with faults, found live; ends with a scoreboard",
    "run": "the service: readings from the configured stream, alerts into it",
    "feed": "files or standard input into the configured stream",
    "backtest": "the same detector over files, with scores, alerts and a report",
    "record": "the configured stream into a file that training reads and backtest replays",
    "fleet": "simulated devices write to the configured stream",
    "models": "the model bundles found, and the verdict of their checks",
    "config": "the effective configuration, each value with its origin",
    "topics": "the topics of a Kafka stream with their settings; makes the missing ones",
    "workers": "who of the consumer group holds which partitions; removes one at scale-down",
    "deadletters": "messages that could not be read, by reason; publishes them again",
    "notify": "alerts of a Kafka stream to people (not in this version)",
}


def load(name: str) -> ModuleType:
    return importlib.import_module(f"service.commands.{'kafka' if name in KAFKA else name}")
