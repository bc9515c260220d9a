"""`gruard notify` put together from its settings: receivers, plans, source, metrics."""

from collections import Counter
from collections.abc import Callable
from threading import Event
from typing import Any

from service.errors import ConfigurationError
from service.notify.alertmanager import Alertmanager
from service.notify.backoff import Backoff
from service.notify.desk import Desk
from service.notify.embedded import EmbeddedAlerts
from service.notify.groups import Groups, Pace
from service.notify.loop import Notifier
from service.notify.metrics import NotifyMetrics
from service.notify.port import Source
from service.notify.post import Answer
from service.notify.serving import Vitals, serving
from service.notify.settings import NotifySettings
from service.notify.standing import Standing
from service.notify.target import Receiver, Target
from service.notify.webhook import Webhook
from service.settings import Settings
from service.streams.embedded import EmbeddedLog
from service.version import version


def receivers(settings: NotifySettings) -> list[Receiver[Any]]:
    """Raises ConfigurationError: there is none, two have one name, or one can't be what was set."""
    webhooks = [Webhook(own, settings) for own in settings.webhooks]
    found: list[Receiver[Any]] = [*webhooks, *(Alertmanager(url, settings) for url in settings.alertmanager.urls)]
    if not found:
        raise ConfigurationError("nobody to tell: set notify.webhooks or notify.alertmanager.urls (docs/notify.md)")
    name, count = Counter(receiver.name for receiver in found).most_common(1)[0]
    if count > 1:
        raise ConfigurationError(f"notify: {count} targets have the name {name}; it has to be another for each")
    return found


def test(settings: NotifySettings, now: float) -> dict[str, Answer]:
    """One marked notification to everybody, once; what each answered."""
    answers = {}
    for receiver in receivers(settings):
        answers[receiver.name] = receiver.post(receiver.test(now))
        receiver.close()
    return answers


def serve(settings: Settings, stop: Event, started: Callable[[int, list[str]], None]) -> None:
    """Blocks until told to stop, or raises. started: told the port and the names of the targets."""
    own = settings.notify
    names = [receiver.name for receiver in receivers(own)]
    metrics = NotifyMetrics(names, version())
    notifier = Notifier(
        lambda: source(settings), lambda: desk(own, metrics), metrics, Backoff(own.retry_s, own.retry_max_s)
    )
    vitals = Vitals(lambda: notifier.problem, lambda: metrics.progress_s)
    with serving(own, metrics.registry, vitals) as server:
        started(server.port, names)
        notifier.run(stop)


def source(settings: Settings) -> Source:
    """Nothing of Kafka is imported for who uses the embedded stream."""
    if settings.stream.kind == "kafka":
        from service.notify.kafka import KafkaAlerts

        return KafkaAlerts(settings.kafka)
    return EmbeddedAlerts(EmbeddedLog(settings.embedded.path))


def desk(settings: NotifySettings, metrics: NotifyMetrics) -> Desk:
    targets = [
        Target(receiver, _plan(receiver, settings), Backoff(settings.retry_s, settings.retry_max_s), metrics)
        for receiver in receivers(settings)
    ]
    return Desk(targets, metrics, keeps_open=bool(settings.alertmanager.urls))


def _plan(receiver: Receiver[Any], settings: NotifySettings) -> Any:
    if isinstance(receiver, Alertmanager):
        own = settings.alertmanager
        return Standing(own.resend_s, own.max_open, settings.site_label)
    return Groups(
        Pace(
            wait_s=settings.group_wait_s,
            interval_s=settings.group_interval_s,
            per_group=settings.max_notifications,
            in_all=settings.max_total,
            alerts=settings.max_alerts,
            site_label=settings.site_label,
        )
    )
