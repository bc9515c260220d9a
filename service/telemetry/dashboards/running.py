"""*Service*: does it keep up, and does anything get lost."""

from service.telemetry.dashboards.panels import Dashboard, Panel, Query, Variable

RATE = "[$__rate_interval]"
OURS = 'partition=~"$partition"'


def _percentiles(metric: str) -> tuple[Query, ...]:
    spread = f"sum by (le) (rate({metric}_bucket{RATE}))"
    return tuple(Query(f"histogram_quantile({share}, {spread})", f"p{share * 100:g}") for share in (0.5, 0.95, 0.99))


def _slowest(what: str) -> Query:
    return Query(f"histogram_quantile(0.99, sum by (le) (rate(gruard_{what}_seconds_bucket{RATE})))", f"{what} p99")


def _rates(legend: str, *names: str) -> tuple[Query, ...]:
    return tuple(Query(f"sum(rate({name}{RATE})){legend}", told(name)) for name in names)


def told(name: str) -> str:
    return name.removeprefix("gruard_").removesuffix("_total").replace("_", " ")


_FIRST = (
    Panel(
        "Records a second",
        "Polled from the stream by all workers.",
        (Query(f"sum(rate(gruard_records_total{RATE}))", "records"),),
        unit="reqps", kind="stat", width=6, height=5, page="operations.md#gruardnoreadings",
    ),
    Panel(
        "Lag",
        "Age of the oldest partition's last committed record while there are newer ones: how late an alert may be.",
        (Query(f"max(gruard_lag_seconds{{{OURS}}})", "lag"),),
        unit="s", kind="stat", width=6, height=5, orange=10, red=60, page="operations.md#gruardlagoverobjective",
    ),
    Panel(
        "Partitions",
        "Running: read and scored. Restoring: on their way. Parked: taken away, kept in case they come back.",
        (Query("sum by (state) (gruard_partitions)", "{{state}}"),),
        kind="stat", width=6, height=5, page="operations.md#gruardrestoreoverbudget",
    ),
    Panel(
        "Workers",
        "Those that answer Prometheus, by version.",
        (Query("sum by (version) (gruard_build_info)", "{{version}}"),),
        kind="stat", width=6, height=5, page="operations.md#gruardtargetdown",
    ),
)  # fmt: skip

_FLOW = (
    Panel(
        "Records polled and committed",
        "The two run together; where only the first moves, commits fail and are tried again.",
        _rates("", "gruard_records_total", "gruard_committed_records_total"),
        unit="reqps", page="operations.md#gruardnoprogress",
    ),
    Panel(
        "Readings by outcome",
        "What became of the readings. Stepped is the healthy one; late, duplicate and conflict speak of gateways, "
        "future of clocks, refused of worker limits.",
        (Query(f"sum by (outcome) (rate(gruard_readings_total{RATE}))", "{{outcome}}"),),
        unit="reqps",
    ),
    Panel(
        "Lag in seconds",
        "By partition. The objective is 60 s.",
        (Query(f"max by (partition) (gruard_lag_seconds{{{OURS}}})", "{{partition}}"),),
        unit="s", orange=10, red=60, page="operations.md#gruardlagoverobjective",
    ),
    Panel(
        "Lag in records",
        "By partition: records in the log that are not committed yet.",
        (Query(f"max by (partition) (gruard_lag_records{{{OURS}}})", "{{partition}}"),),
        page="operations.md#gruardlagoverobjective",
    ),
    Panel(
        "Event to commit",
        "From a reading's event time to the commit of what it led to. Gateways that gather and clocks that are slow "
        "are in it.",
        _percentiles("gruard_end_to_end_seconds"),
        unit="s", orange=60, page="operations.md#gruardlagoverobjective",
    ),
    Panel(
        "Arrival to commit",
        "From a record's arrival in the log to its commit: the part of the way that is Gruard's own.",
        _percentiles("gruard_arrival_to_commit_seconds"),
        unit="s", orange=1, red=60, page="operations.md#gruardlagoverobjective",
    ),
    Panel(
        "Seconds a batch",
        "99th percentiles of a whole batch, of its step and of its commit. The goal of a batch is 0.1 s, beyond "
        "that it costs latency.",
        (_slowest("batch"), _slowest("step"), _slowest("commit")),
        unit="s", orange=0.1, red=5, page="operations.md#gruardlagoverobjective",
    ),
    Panel(
        "Records a batch",
        "Percentiles. Full batches (worker.max_records) mean that it is catching up.",
        _percentiles("gruard_batch_records"),
        page="operations.md#gruardlagoverobjective",
    ),
)  # fmt: skip

_TROUBLE = (
    Panel(
        "Dead letters by reason",
        "Messages and elements that were no readings, a second.",
        (Query(f"sum by (reason) (rate(gruard_dead_letters_total{RATE}))", "{{reason}}"),),
        unit="reqps", page="operations.md#gruarddeadletters",
    ),
    Panel(
        "Dead letters a record",
        "Share over ten minutes. A writer that sends something else shows as a step.",
        (Query("gruard:dead_letters:ratio_rate10m", "share"),),
        unit="percentunit", orange=0.01, red=0.05, page="operations.md#gruarddeadletters",
    ),
    Panel(
        "Breakers",
        "1: too much of the partition is no reading, nothing more of it is read. Beside it, partitions that were told "
        "to go on.",
        (
            Query(f"max by (partition) (gruard_breaker_open{{{OURS}}})", "{{partition}}"),
            Query("sum(gruard_breaker_resumed_total)", "resumed"),
        ),
        red=1, page="operations.md#gruardbreakeropen",
    ),
    Panel(
        "Transactions by result",
        "Refused, superseded and uncertain ones are tried again or looked into; nothing is lost by them. Fenced ends "
        "the process.",
        (Query(f"sum by (result) (rate(gruard_transactions_total{RATE}))", "{{result}}"),),
        unit="ops", page="operations.md#what-ends-a-worker-and-what-to-do",
    ),
    Panel(
        "Trouble",
        "Events since each worker started; healthy is a flat line.",
        tuple(Query(f"sum({name})", told(name)) for name in (
            "gruard_stream_unavailable_total", "gruard_commits_superseded_total", "gruard_commits_uncertain_total",
            "gruard_fenced_total", "gruard_stalled_total", "gruard_lost_records_total",
        )),
        orange=1, page="operations.md#what-ends-a-worker-and-what-to-do",
    ),
    Panel(
        "Since the last round",
        "Seconds since each worker's loop last came round: a tenth of a second in health, longer while the stream "
        "refuses.",
        (Query("time() - gruard_last_progress_timestamp_seconds", "{{instance}}"),),
        unit="s", orange=30, red=120, page="operations.md#gruardstandsstill",
    ),
)  # fmt: skip

_STATE = (
    Panel(
        "Rebalances and restores",
        "Since each worker started. Anything but exact and cold deserves a look.",
        (
            Query("sum(gruard_rebalances_total)", "rebalances"),
            Query("sum by (result) (gruard_restores_total)", "{{result}}"),
        ),
        page="operations.md#gruardinexactrestore",
    ),
    Panel(
        "Seconds a restore",
        "Mean since each worker started; the budget is 60 s.",
        (Query("sum by (instance) (gruard_restore_seconds_sum) / sum by (instance) (gruard_restore_seconds_count)",
               "{{instance}}"),),
        unit="s", orange=10, red=60, page="operations.md#gruardrestoreoverbudget",
    ),
    Panel(
        "Replayed records",
        "Records that restores stepped again since each worker started: what a kill costs.",
        (Query("sum by (instance) (gruard_replayed_records_total)", "{{instance}}"),),
        page="operations.md#gruardrestoreoverbudget",
    ),
    Panel(
        "Snapshots",
        "Written within ten minutes: partitions and pages.",
        (
            Query("sum(increase(gruard_snapshots_total[10m]))", "snapshots"),
            Query("sum(increase(gruard_snapshot_pages_total[10m]))", "pages"),
        ),
    ),
    Panel(
        "Snapshot bytes a second",
        "What snapshots write to the state topic, over ten minutes.",
        (Query("sum(rate(gruard_snapshot_bytes_total[10m]))", "bytes"),),
        unit="Bps",
    ),
    Panel(
        "Devices by partition",
        "Devices with state, and those too young to score, as of the last snapshots.",
        (
            Query(f"sum by (partition) (gruard_devices{{{OURS}}})", "{{partition}}"),
            Query(f"sum by (partition) (gruard_warming_devices{{{OURS}}})", "{{partition}} warming up"),
        ),
        page="operations.md#how-many-partitions",
    ),
    Panel(
        "Idle ticks",
        "Ticks of stream time journalled for partitions where nothing comes, within ten minutes.",
        (Query("sum(increase(gruard_idle_ticks_total[10m]))", "ticks"),),
        page="operations.md#gruardnoreadings",
    ),
    Panel(
        "Memory",
        "Resident memory of each worker; it grows with devices, not with time.",
        (Query('process_resident_memory_bytes{job="gruard"}', "{{instance}}"),),
        unit="bytes", page="operations.md#how-many-partitions",
    ),
    Panel(
        "Processor",
        "Cores used by each worker; one that is at 1 for long is at its limit: start another.",
        (Query(f'rate(process_cpu_seconds_total{{job="gruard"}}{RATE})', "{{instance}}"),),
        unit="none", orange=0.8, page="operations.md#scale",
    ),
)  # fmt: skip

DASHBOARD = Dashboard(
    "gruard-service",
    "Gruard / Service",
    "Does it keep up, and does anything get lost: throughput, lag, latency, dead letters, rebalances, restores.",
    (Variable("partition", "gruard_lag_records"),),
    (*_FIRST, *_FLOW, *_TROUBLE, *_STATE),
)
