"""The commands that come with the Kafka stream (topics, deadletters, notify): a clear no instead of pretending."""

import argparse

from service.errors import ConfigurationError


def configure(parser: argparse.ArgumentParser) -> None:
    del parser  # their options come with them


def run(arguments: argparse.Namespace) -> None:
    raise ConfigurationError(
        f"`gruard {arguments.command}` works on a Kafka stream, and this version has the embedded stream only; "
        "`gruard run`, `feed` and `record` work with it"
    )
