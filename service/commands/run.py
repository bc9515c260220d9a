"""`gruard run`: the service, until SIGTERM or Ctrl-C; it leaves a snapshot, so the next start has nothing to replay."""

import argparse
import logging
import random
from threading import Event

from service import host
from service.errors import FencedError
from service.settings import Settings
from service.sources import load
from service.stopping import signals
from service.streams.opening import where
from service.telemetry import logs
from service.version import version


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, metavar="P", help="http.port")


def run(arguments: argparse.Namespace) -> None:
    settings = load(arguments.config, {("http", "port"): arguments.port}).settings
    logs.configure(settings.logging)

    def tell(served: host.Served) -> None:
        models = [f"{bundle.name}@{bundle.version}" for bundle in served.bundles]
        http = f"http://{settings.http.host}:{served.port}"
        logs.event("started", version=version(), stream=where(settings), http=http, models=models)

    stop = Event()
    with signals(stop):
        try:
            host.serve(settings, version(), stop, host.Guest(serving=tell))
        except FencedError as error:
            _stand_back(settings, error, stop)
            raise
    logs.event("stopped")


def _stand_back(settings: Settings, error: FencedError, stop: Event) -> None:
    """Two workers of one name, each started anew whenever it ends, would fence each other for ever and unseen."""
    if settings.stream.kind != "kafka":
        return  # a file's lock fences the newcomer alone
    delay_s = settings.kafka.fenced_delay_s * random.uniform(0.5, 1.5)
    logs.event("fenced", logging.ERROR, reason=str(error), exit_s=round(delay_s, 1))
    stop.wait(delay_s)
