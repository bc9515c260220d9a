"""*Notify*: does everybody hear what they should; empty where `gruard notify` does not run."""

from service.telemetry.dashboards.panels import Dashboard, Panel, Query, Variable

RATE = "[$__rate_interval]"
OURS = 'target=~"$target"'
PAGE = "operations.md#gruardnotifybehind"

PANELS = (
    Panel(
        "Oldest that waits",
        "How long the oldest alert event has waited to be told. Grouping makes some half a minute of it.",
        (Query(f"max by (target) (gruard_notify_oldest_waiting_seconds{{{OURS}}})", "{{target}}"),),
        unit="s", kind="stat", width=8, height=5, orange=120, red=600, page=PAGE,
    ),
    Panel(
        "Partitions held",
        "Partitions of the alert topic that are read. Of several processes some may hold none: they stand by.",
        (Query("sum(gruard_notify_partitions)", "partitions"),),
        kind="stat", width=8, height=5, page=PAGE,
    ),
    Panel(
        "Processes",
        "Those that answer Prometheus, by version.",
        (Query("sum by (version) (gruard_notify_build_info)", "{{version}}"),),
        kind="stat", width=8, height=5, page=PAGE,
    ),
    Panel(
        "Events that wait",
        "Alert events that are not told yet, by target. A receiver that is away makes a slope; nothing is lost by it.",
        (Query(f"sum by (target) (gruard_notify_waiting_events{{{OURS}}})", "{{target}}"),),
        page=PAGE,
    ),
    Panel(
        "Events by what became of them",
        "Told in full, counted in a digest, put aside for a receiver that never takes them, unwanted or known already.",
        (Query(f"sum by (outcome) (rate(gruard_notify_events_total{{{OURS}}}{RATE}))", "{{outcome}}"),),
        unit="ops", page=PAGE,
    ),
    Panel(
        "Requests by result",
        "Taken; refused for now and tried again; or never, which no second try would change.",
        (Query(f"sum by (target, result) (rate(gruard_notify_requests_total{{{OURS}}}{RATE}))",
               "{{target}} {{result}}"),),
        unit="reqps", page=PAGE,
    ),
    Panel(
        "Trouble of notify",
        "Since each process started: records that are no alert, that were gone before they were told, and times that "
        "the stream refused. Healthy is a flat line.",
        (
            Query("sum(gruard_notify_unreadable_total)", "unreadable"),
            Query("sum(gruard_notify_lost_records_total)", "lost"),
            Query("sum(gruard_notify_stream_unavailable_total)", "stream unavailable"),
        ),
        orange=1, page=PAGE,
    ),
    Panel(
        "Since its last round",
        "Seconds since each process's loop last came round.",
        (Query("time() - gruard_notify_last_progress_timestamp_seconds", "{{instance}}"),),
        unit="s", orange=30, red=120, page=PAGE,
    ),
)  # fmt: skip

DASHBOARD = Dashboard(
    "gruard-notify",
    "Gruard / Notify",
    "Does everybody hear what they should: what waits, what was told, what receivers answered.",
    (Variable("target", "gruard_notify_waiting_events"),),
    PANELS,
)
