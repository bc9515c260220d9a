"""`gruard deadletters`: what could not be read, by reason with an example each; `--replay` publishes it again."""

import argparse

from service.deadletters import Tally, replay, tally
from service.sources import load
from service.streams.opening import open_box


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--replay", action="store_true", help="publish again what has not been, each once")
    parser.add_argument("--reason", action="append", metavar="R", help="only these; may be given several times")


def run(arguments: argparse.Namespace) -> None:
    box = open_box(load(arguments.config).settings, publishes=arguments.replay)
    try:
        if not arguments.replay:
            found = {reason: told for reason, told in tally(box).items() if reason in (arguments.reason or [reason])}
            print("\n".join(listed(found)) or f"no dead letters in {box.where}")
            return
        done = replay(box, arguments.reason)
    finally:
        box.close()
    counts = ", ".join(f"{count:,} {reason}" for reason, count in sorted(done.published.items()))
    print(f"{done.published.total():,} messages published again{f': {counts}' if counts else ''}")
    if done.left:
        print(f"{done.left.total():,} can't be: they were cut when they were put there, or are of no input of ours")


def listed(found: dict[str, Tally]) -> list[str]:
    """Two lines a reason, the most frequent first."""
    lines = []
    for reason, told in sorted(found.items(), key=lambda pair: (-pair[1].letters, pair[0])):
        again = f", {told.again:,} of them published again" if told.again else ""
        at = told.example
        lines.append(f"{reason}: {told.letters:,}{again}")
        lines.append(f"  {at.topic} partition {at.partition} offset {at.offset}: {at.error}")
    return lines
