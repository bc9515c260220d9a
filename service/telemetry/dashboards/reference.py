"""docs/metrics.md: every metric as declared, where it is shown, and what its labels may hold."""

import re
from collections.abc import Mapping, Sequence

from prometheus_client.core import Metric

from service.notify.metrics import OUTCOMES, RESULTS, NotifyMetrics
from service.telemetry.dashboards.panels import Dashboard
from service.telemetry.dashboards.rules import ALARMS, RECORDED
from service.telemetry.declared import VALUES, Declaration, Declared

NAME = re.compile(r"\b(?:gruard|process|up)(?:[:_][a-z0-9_:]+)?\b")
PARTS = ("_bucket", "_sum", "_count")

HEAD = """# Metrics

Generated from the declarations in `service/telemetry/declared.py` by `make docs`; a test fails when it is stale.

A worker answers `GET /metrics` in the text format of Prometheus. Counters are told as 0 from the start wherever their
label values are known beforehand; histograms have `_bucket`, `_sum` and `_count` behind their name. No label ever holds
a device's id but in `gruard_open_alert_info`. A worker with 100,000 devices, twelve partitions and the shipped models
has fewer than 500 time series; each further class adds some thirty.

Those that begin with `gruard_notify_` are of `gruard notify`, which answers on a port of its own.

`class` is the class whose bundle serves the device, or `other` for whatever the universal bundle serves.
"""
NOTIFY_LABELS = ("target",)  # of its gauges, which have no series before the first news
LABELS = {
    "class": "a served bundle, or `other`",
    "partition": "number of a partition of this worker",
    "outcome": (*VALUES["outcome"], *OUTCOMES),
    "reason": VALUES["reason"],
    "type": VALUES["type"],
    "kind": ("process", "data_quality"),
    "event": ("opened", "updated", "escalated", "resolved"),
    "severity": ("info", "warning", "critical"),
    "sensor": "a sensor that the class's bundle scores, or `other`",
    "state": (*VALUES["state"], *VALUES["values"]),
    "result": (*VALUES["restored"], *VALUES["transaction"], *RESULTS),
    "device": "id of a device, only here and of at most 50",
    "name": "of a bundle",
    "version": "of a bundle, or of Gruard",
    "target": "name of a webhook, or of the Alertmanager, as configured",
    "sha256": "first twelve digits of a bundle's",
}


def reference(dashboards: Sequence[Dashboard], exempt: Mapping[str, str]) -> str:
    declared = [*Declared().all, *of_notify()]
    rows = "".join(_row(each, dashboards) for each in declared)
    return (
        f"{HEAD}\n| metric | kind | labels | meaning | on |\n|---|---|---|---|---|\n{rows}"
        f"\n## Labels\n\n| label | values |\n|---|---|\n{_labels(declared)}"
        f"\n## Of the process\n\nThe client library's own, as everywhere. On no dashboard:\n\n"
        + "".join(f"* `{name}`: {why}.\n" for name, why in exempt.items())
        + f"\n## Recorded by Prometheus\n\n| name | expression |\n|---|---|\n{_recorded()}"
        f"\n## Alerts\n\nEach has a runbook in [operations.md](operations.md#runbooks).\n\n"
        f"| alert | after | severity | when |\n|---|---|---|---|\n{_alarms()}"
    )


def of_notify() -> list[Declaration]:
    """The metrics of `gruard notify`, which declares its own."""
    families = NotifyMetrics(("some",), "0").registry.collect()
    return [_of_notify(family) for family in families if family.name.startswith("gruard_")]


def _of_notify(family: Metric) -> Declaration:
    labels = tuple(family.samples[0].labels if family.samples else NOTIFY_LABELS)
    if family.type == "counter":
        return Declaration(f"{family.name}_total", "counter", family.documentation, labels)
    return Declaration(family.name, "gauge", family.documentation, labels)


def named(expression: str) -> set[str]:
    """The metrics that a query names, each as it is declared, recorded ones as they are."""
    return {_declared(name) for name in NAME.findall(re.sub(r'"[^"]*"', '""', expression))}


def _declared(name: str) -> str:
    part = next((part for part in PARTS if name.endswith(part) and name.startswith("gruard_")), "")
    return name.removesuffix(part)


def shown(metric: str, dashboard: Dashboard) -> bool:
    """On a panel, by itself or by what is recorded from it."""
    sources = {rule.name: named(rule.expression) for rule in RECORDED}
    found = {name for panel in dashboard.panels for query in panel.queries for name in named(query.expression)}
    return metric in found.union(*(sources.get(name, set()) for name in found))


def _row(each: Declaration, dashboards: Sequence[Dashboard]) -> str:
    places = ", ".join(d.title.removeprefix("Gruard / ") for d in dashboards if shown(each.name, d))
    labels = ", ".join(f"`{label}`" for label in each.labels)
    return f"| `{each.name}` | {each.kind} | {labels} | {each.told} | {places} |\n"


def _labels(declared: Sequence[Declaration]) -> str:
    used = dict.fromkeys(label for each in declared for label in each.labels)
    return "".join(f"| `{label}` | {_values(label)} |\n" for label in used)


def _values(label: str) -> str:
    values = LABELS[label]
    return values if isinstance(values, str) else ", ".join(f"`{value}`" for value in dict.fromkeys(values))


def _recorded() -> str:
    return "".join(f"| `{rule.name}` | `{rule.expression}` |\n" for rule in RECORDED)


def _alarms() -> str:
    return "".join(
        f"| [{alarm.name}](operations.md#{alarm.name.lower()}) | {alarm.lasts} | {alarm.severity} | "
        f"`{alarm.expression.replace('|', chr(92) + '|')}` |\n"
        for alarm in ALARMS
    )
