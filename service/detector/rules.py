"""What a user turns of the detector; all of it is part of the fingerprint, for it decides outputs."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class GapSettings(Section):
    after_periods: float = Field(20, gt=1, description="a longer pause between two readings is a gap")
    policy: Literal["carry", "decay", "reset"] = Field("decay", description="what a gap does to the recurrent memory")


class SilenceSettings(Section):
    after_periods: float = Field(20, gt=1, description="sample periods without a reading before a device is silent")
    at_least_s: float = Field(60, ge=1, description="never sooner than this")


class SensorRule(Section):
    direction: Literal["both", "high", "low"] = Field("both", description="which deviations count")
    minimum_deviation: float = Field(0, ge=0, description="in the sensor's unit; smaller deviations say nothing")
    low: float | None = Field(None, description="physical range, lower end, in place of the bundle's")
    high: float | None = Field(None, description="the same, upper end")


Positive = Annotated[float, Field(gt=0)]


class DetectorSettings(Section):
    """What decides an output; all of it is part of the fingerprint."""

    false_alarms_per_device_day: Positive | dict[str, Positive] = Field(
        0.5, description="the budget: a number, or a map of class to number"
    )
    merge_window_s: float | dict[str, float] = Field(
        0.0, description="how long one device's partial readings are gathered"
    )
    gap: GapSettings = GapSettings()
    silence: SilenceSettings = SilenceSettings()
    max_clock_skew_s: float = Field(300, gt=0, description="how far event time may be ahead of arrival")
    time_to_live_s: float = Field(7 * 86400.0, gt=0, description="a device unheard for so long is forgotten")
    max_devices: int = Field(
        200_000, ge=1, description="per partition; readings of further devices are refused and counted"
    )
    sensors: dict[str, SensorRule] = Field({}, description="rules by sensor name, for all classes")


class MaintenanceWindow(Section):
    devices: str = Field("*", description="device id pattern, shell style")
    start: str = Field(description="RFC 3339")
    end: str = Field(description="RFC 3339")


class AlertsSettings(Section):
    """Also part of the fingerprint."""

    hold_off_readings: int = Field(
        120, ge=0, description="readings after an event before the next may open, unless it is three times as strong"
    )
    max_open_s: float = Field(7 * 86400.0, gt=0, description="an alert open for longer is resolved")
    change_events: bool = Field(False, description="also publish changes of level that return within the limits")
    maintenance: tuple[MaintenanceWindow, ...] = Field((), description="nothing is learnt and no process alert opens")
