"""*Fleet*: what is wrong with my devices."""

from service.telemetry.dashboards.panels import Dashboard, Panel, Query, Variable

OPEN = 'gruard_open_alerts{class=~"$class"}'
DAYS = 'sum by (class) (increase(gruard_scored_device_seconds_total{class=~"$class"}[1d])) / 86400'

PANELS = (
    Panel(
        "Open alerts",
        "Alerts that are open now, by severity. Nothing open is the healthy state; info is left out.",
        (Query('sum by (severity) (gruard_open_alerts{class=~"$class", severity!="info"})', "{{severity}}"),),
        kind="stat", width=6, height=5, orange=1, red=20,
    ),
    Panel(
        "Devices",
        "Devices that the service holds state of, as of the last snapshots.",
        (Query('sum(gruard_class_devices{class=~"$class"})', "devices"),),
        kind="stat", width=6, height=5,
    ),
    Panel(
        "Silent devices",
        "Devices from which nothing has come for twenty of their sample periods.",
        (Query('sum(gruard_open_alert_types{type="silent"})', "silent"),),
        kind="stat", width=6, height=5, orange=1,
    ),
    Panel(
        "Alerts against the budget",
        "Process alerts of the last day over the false alarms that the budget allows for the device time scored. Real "
        "faults are in it, so above 1 is no mistake in itself; far above it for long, look at the alerts.",
        (Query('sum(gruard:opened_alerts:increase1d{class=~"$class"})'
               ' / sum(gruard:allowed_false_alarms:increase1d{class=~"$class"})', "times the budget"),),
        unit="none", kind="stat", width=6, height=5, orange=1, red=3, page="operations.md#gruardbudgetexceeded",
    ),
    Panel(
        "Open alerts by severity",
        "Critical is at least twice the device's limit. A step up of many devices at once has a common cause.",
        (Query(f"sum by (severity) ({OPEN})", "{{severity}}"),),
        page="operations.md#gruardalertstorm",
    ),
    Panel(
        "Open alerts by class",
        "Which kind of device is troubled; `other` is whatever the universal bundle serves.",
        (Query(f"sum by (class) ({OPEN})", "{{class}}"),),
    ),
    Panel(
        "Open alerts by kind",
        "Process: the device behaves otherwise than it did. Data quality: its sensors, clock or line do.",
        (Query(f"sum by (kind) ({OPEN})", "{{kind}}"),),
    ),
    Panel(
        "Open alerts by type",
        "What was noticed: surprise, level and season of the process; silent, stuck, missing, out_of_range and "
        "clock_skew of the data.",
        (Query("sum by (type) (gruard_open_alert_types)", "{{type}}"),),
    ),
    Panel(
        "Alert events a minute",
        "Events committed to the alert topic: opened, updated, escalated, resolved.",
        (Query("sum by (event) (rate(gruard_alert_events_total[$__rate_interval])) * 60", "{{event}}"),),
        page="operations.md#gruardalertstorm",
    ),
    Panel(
        "Alerts a device-day",
        "Process alerts of the last day for each day of device time scored, and what the budget allows, by class.",
        (
            Query(f'sum by (class) (increase(gruard_opened_alerts_total{{class=~"$class"}}[1d])) / ({DAYS})',
                  "{{class}}"),
            Query(f'sum by (class) (increase(gruard_allowed_false_alarms_total{{class=~"$class"}}[1d])) / ({DAYS})',
                  "budget of {{class}}"),
        ),
        unit="none", page="operations.md#gruardbudgetexceeded",
    ),
    Panel(
        "Worst sensors",
        "Sensors that led most of the alerts opened in the time shown.",
        (Query('topk(10, sum by (class, sensor) (increase(gruard_opened_alerts_total{class=~"$class"}[$__range])))',
               "{{class}} {{sensor}}"),),
        kind="bargauge", orange=5, red=20,
    ),
    Panel(
        "Worst open alerts",
        "The 50 worst by name, critical ones first. Every alert is in the alert topic, the API and the console.",
        (Query("gruard_open_alert_info"),),
        kind="table", red=1,
    ),
)  # fmt: skip

DASHBOARD = Dashboard(
    "gruard-fleet",
    "Gruard / Fleet",
    "What is wrong with my devices: open alerts, what they are about, and how their rate stands to the budget.",
    (Variable("class", "gruard_class_devices"),),
    PANELS,
)
