"""All generated files by their place in a checkout, as they have to be."""

import json
from collections.abc import Sequence

from service.telemetry.dashboards import fleet, model, notify, running
from service.telemetry.dashboards.panels import Dashboard
from service.telemetry.dashboards.reference import reference
from service.telemetry.dashboards.rules import rules_file

DASHBOARDS: Sequence[Dashboard] = (fleet.DASHBOARD, running.DASHBOARD, model.DASHBOARD, notify.DASHBOARD)

# Metrics that are on no panel, and why.
EXEMPT = {
    "process_virtual_memory_bytes": "says nothing: large mappings of which only the touched part costs memory",
    "process_start_time_seconds": "for Prometheus itself, which tells restarts by it",
    "process_open_fds": "bounded by the number of connections; /readyz says more",
    "process_max_fds": "a constant of the machine",
}


def files() -> dict[str, str]:
    found = {
        f"deploy/grafana/dashboards/{dashboard.uid}.json": json.dumps(dashboard.json(), indent=1, ensure_ascii=False)
        + "\n"
        for dashboard in DASHBOARDS
    }
    found["deploy/prometheus/rules/gruard.rules.yml"] = rules_file()
    found["docs/metrics.md"] = reference(DASHBOARDS, EXEMPT)
    return found
