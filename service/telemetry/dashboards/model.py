"""*Model*: do the scores still mean what they meant."""

from service.telemetry.dashboards.panels import Dashboard, Panel, Query, Variable

CLASS = 'class=~"$class"'
RATE = "[$__rate_interval]"
SCORES = f"sum by (class, le) (rate(gruard_score_bucket{{{CLASS}}}{RATE}))"
SCORED = f"sum by (class) (rate(gruard_score_count{{{CLASS}}}{RATE}))"
VALUES = f"sum by (class) (rate(gruard_sensor_values_total{{{CLASS}}}{RATE}))"


def _percentile(share: float) -> Query:
    return Query(f"histogram_quantile({share}, {SCORES})", f"{{{{class}}}} p{share * 100:g}")


PANELS = (
    Panel(
        "Bundles served",
        "Name, version and the first digits of the sha256 of each model bundle.",
        (Query("group by (name, version, sha256) (gruard_model_info)"),),
        kind="table", width=12, height=7, page="operations.md#upgrade-and-new-models",
    ),
    Panel(
        "Beyond the limit",
        "Share of the scored readings that lie beyond their device's limit, a score above 1.",
        (Query(f'1 - sum by (class) (rate(gruard_score_bucket{{{CLASS}, le="1.0"}}{RATE})) / {SCORED}', "{{class}}"),),
        unit="percentunit", height=7, orange=0.01, red=0.05, page="operations.md#gruardbudgetexceeded",
    ),
    Panel(
        "Scores",
        "How many scored readings a second fall into each range of scores; 1 is the device's limit.",
        (Query(f"sum by (le) (rate(gruard_score_bucket{{{CLASS}}}{RATE}))", "{{le}}"),),
        kind="heatmap", orange=1,
    ),
    Panel(
        "Score percentiles",
        "Healthy fleets sit well below 1 and stay where they are; a median that climbs is drift of the whole class.",
        (_percentile(0.5), _percentile(0.99)),
        unit="none", orange=1, page="operations.md#gruardbudgetexceeded",
    ),
    Panel(
        "Mean score",
        "Of the scored readings. Bursts of faults show here first, drift shows as a slope.",
        (Query(f"sum by (class) (rate(gruard_score_sum{{{CLASS}}}{RATE})) / {SCORED}", "{{class}}"),),
        unit="none", orange=1,
    ),
    Panel(
        "Drift of the limits",
        "Limits that devices have learnt over those the bundle came with, geometric mean. 1: as in training. Above 2 "
        "or below one half, the devices are no longer what the model was trained on: train it again.",
        (Query(f"avg by (class) (gruard_limit_ratio{{{CLASS}}})", "{{class}}"),),
        unit="none", orange=2, red=4, page="operations.md#gruardbudgetexceeded",
    ),
    Panel(
        "Alerts and what the budget allows",
        "Process alerts opened within a day, and the false alarms that the budget allows for the device time scored.",
        (
            Query(f"sum by (class) (gruard:opened_alerts:increase1d{{{CLASS}}})", "{{class}} opened"),
            Query(f"sum by (class) (gruard:allowed_false_alarms:increase1d{{{CLASS}}})", "{{class}} allowed"),
        ),
        page="operations.md#gruardbudgetexceeded",
    ),
    Panel(
        "Device time scored",
        "Seconds of device time scored a second: how many devices are watched at their full rate.",
        (Query(f"sum by (class) (rate(gruard_scored_device_seconds_total{{{CLASS}}}{RATE}))", "{{class}}"),),
        unit="none",
    ),
    Panel(
        "Devices warming up",
        "Devices too young to be scored, as of the last snapshots; a new model or a reset makes all young again.",
        (Query("sum(gruard_warming_devices)", "warming up"), Query("sum(gruard_devices)", "devices")),
        page="operations.md#gruardinexactrestore",
    ),
    Panel(
        "Missing values",
        "Share of the sensor values that were not in the readings: a model sees less than it was trained on.",
        (Query(f'sum by (class) (rate(gruard_sensor_values_total{{{CLASS}, state="missing"}}{RATE})) / {VALUES}',
               "{{class}}"),),
        unit="percentunit", orange=0.05, red=0.2,
    ),
    Panel(
        "Sensors missing, stuck or out of range",
        "Open data-quality alerts about single sensors.",
        (Query('sum by (type) (gruard_open_alert_types{type=~"missing|stuck|out_of_range"})', "{{type}}"),),
        orange=1,
    ),
)  # fmt: skip

DASHBOARD = Dashboard(
    "gruard-model",
    "Gruard / Model",
    "Do the scores still mean what they meant: their distribution, alarms against the budget, missing sensors, drift.",
    (Variable("class", "gruard_class_devices"),),
    PANELS,
)
