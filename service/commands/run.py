"""`gruard run`: the service, until SIGTERM or Ctrl-C; it leaves a snapshot, so the next start has nothing to replay."""

import argparse
from threading import Event

from service import host
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
        host.serve(settings, version(), stop, host.Guest(serving=tell))
    logs.event("stopped")
