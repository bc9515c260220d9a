"""`gruard config`: effective values and their origins, all settings, the schema of alerts, or how a message is read."""

import argparse

from service import reference
from service.sources import load


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reference", action="store_true", help="every setting there is, as a page")
    parser.add_argument("--alert-schema", action="store_true", help="what an alert looks like, as JSON Schema")
    parser.add_argument("--sample", metavar="MESSAGE", help="what this message is read as")
    parser.add_argument("--key", metavar="KEY", help="with --sample: the message's key")


def run(arguments: argparse.Namespace) -> None:
    if arguments.reference:
        print(reference.reference(), end="")
        return
    if arguments.alert_schema:
        print(reference.alert_schema(), end="")
        return
    loaded = load(arguments.config)
    if arguments.sample is None:
        print(reference.effective(loaded), end="")
    else:
        from service.commands.sample import show

        show(arguments.sample, loaded.settings, arguments.key)
