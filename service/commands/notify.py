"""`gruard notify`: alerts to webhooks and Alertmanagers, until SIGTERM or Ctrl-C; `--test` tries them all once."""

import argparse
import time
from threading import Event

from service.errors import UnavailableError
from service.notify import host
from service.notify.post import Answer
from service.sources import load
from service.stopping import signals
from service.streams.opening import where
from service.telemetry import logs
from service.version import version


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--test", action="store_true", help="send each one marked notification, say what it answered")
    parser.add_argument("--port", type=int, metavar="P", help="notify.port")


def run(arguments: argparse.Namespace) -> None:
    settings = load(arguments.config, {("notify", "port"): arguments.port}).settings
    if arguments.test:
        tried(host.test(settings.notify, time.time()))
        return
    logs.configure(settings.logging)

    def started(port: int, targets: list[str]) -> None:
        http = f"http://{settings.notify.host}:{port}"
        logs.event("started", version=version(), stream=where(settings), http=http, targets=targets)

    stop = Event()
    with signals(stop):
        host.serve(settings, stop, started)


def tried(answers: dict[str, Answer]) -> None:
    """A line each. Raises UnavailableError where not all took it."""
    for name, answer in answers.items():
        print(f"{name}: {'ok' if answer.result == 'taken' else 'NOT taken'}, {answer.said}", flush=True)
    refused = [name for name, answer in answers.items() if answer.result != "taken"]
    if refused:
        raise UnavailableError(f"{len(refused)} of {len(answers)} targets did not take the test: {', '.join(refused)}")
