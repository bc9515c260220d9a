"""What a user turns of the worker: batch sizes, snapshots, idle ticks, and what to do when something is missing.

None of it decides an output; how often the worker commits or snapshots never shows in an alert.
"""

from typing import Literal

from pydantic import Field

from service.detector.rules import Section


class WorkerSettings(Section):
    max_records: int = Field(8192, ge=1, le=65536, description="records of one poll and one transaction")
    poll_s: float = Field(
        0.1, ge=0, le=10, description="how long a poll gathers records before a smaller batch is taken"
    )
    snapshot_s: float = Field(30.0, gt=0, description="the state of a partition is written at least this often ...")
    snapshot_records: int = Field(250_000, ge=1, description="... and after so many records")
    idle_tick_s: float = Field(
        10.0, gt=0, description="a partition without readings for so long has its time moved on, so silence is found"
    )
    on_data_loss: Literal["stop", "resume"] = Field(
        "stop", description="input or state that is gone: stop with exit code 65, or go on, counted"
    )
    retry_s: float = Field(1.0, gt=0, description="first wait after the stream refused; it doubles, with jitter ...")
    retry_max_s: float = Field(30.0, gt=0, description="... up to this")
    give_up_s: float = Field(
        300.0, ge=0, description="the stream refused everything for so long: end with exit code 69; a restart is exact"
    )
    progress_s: float = Field(
        60.0,
        gt=0,
        description="there is more to read, the stream refuses nothing, and yet nothing is committed for so long: "
        "end with exit code 69; a restart is exact",
    )
    breaker: bool = Field(
        True,
        description="on: a partition with too many records that are no readings is read no further and the worker is "
        "not ready; off: go on from there, each such record a dead letter",
    )
    breaker_in_a_row: int = Field(100, ge=1, description="too many: so many records in a row that are no readings ...")
    breaker_share: float = Field(0.1, ge=0, le=1, description="... or more than this share ...")
    breaker_window: int = Field(1000, ge=1, le=100_000, description="... of so many records")
    crash_at: str | None = Field(
        None,
        exclude=True,
        repr=False,
        pattern=r"^[a-z]+(:[1-9][0-9]*|@[0-9]+)?$",
        description="tests only: kill this process at a point of the protocol, see service/worker/crashpoints.py",
    )
