"""Every hyper-parameter of training, with its reason; an optional YAML file sets any of them.

Defaults are those that measured best over many series; nothing here is tuned to one data set.
"""

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from service.errors import ConfigurationError, InputError


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    # network
    cell: Literal["gru", "lstm", "rnn", "cnn-gru"] = "gru"
    units: int = Field(48, ge=1, le=512, description="of the recurrent cell; 128 gained nothing")
    horizons: tuple[int, ...] = Field((1, 5, 20), description="readings ahead; only the first is scored")
    horizon_weights: tuple[float, ...] = (1.0, 0.5, 0.25)
    calendar: bool | None = Field(None, description="time of day as input; None: when history spans 1.5 days")
    season: bool | None = Field(None, description="the time-of-day witness; None: with the calendar")

    # optimisation
    epochs: int = Field(20, ge=1, le=1000)
    patience: int = Field(6, ge=1, description="epochs without a better held-out loss before training stops")
    streams: int = Field(32, ge=1, le=4096, description="parallel streams of truncated backpropagation")
    unroll: int = Field(48, ge=2, le=1024, description="readings a chunk of truncated backpropagation")
    rate: float = Field(5e-3, gt=0, description="peak of the one-cycle learning rate")
    weight_decay: float = Field(1e-4, ge=0)
    gradient_clip: float = Field(1.0, gt=0)
    dropout: float = Field(0.1, ge=0, lt=1, description="of hidden units before the head")
    sensor_dropout: float = Field(
        0.05, ge=0, lt=1, description="share of sensors that go missing for a while in a chunk"
    )
    huber_beta: float = Field(0.3, gt=0, description="in units of the level spread")
    target_clip: float = Field(8.0, gt=0)
    seed: int = Field(0, ge=0)
    device: Literal["cpu", "cuda"] = "cpu"
    threads: int = Field(1, ge=1, le=64, description="of torch on a CPU; cells this small lose time with more")

    # data
    spread_floor: float = Field(0.05, ge=0, le=1, description="smallest level spread, as a share of the sensor's range")
    stop_share: float = Field(0.1, gt=0, lt=0.5, description="of each history: chooses the best epoch")
    holdout_share: float = Field(0.2, gt=0, lt=0.5, description="last part of each history, never trained on")

    @model_validator(mode="after")
    def _a_weight_for_each_horizon(self) -> "Settings":
        if len(self.horizons) != len(self.horizon_weights) or self.horizons[0] != 1 or min(self.horizons) < 1:
            raise ValueError("horizons must begin with 1 (the reading that is scored) and each needs a weight")
        return self


def load(path: Path | None, **overrides: Any) -> Settings:
    """Settings of a YAML file; overrides that are None say nothing."""
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        read = yaml.safe_load(path.read_text(encoding="utf-8")) if path else {}
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give --config an existing YAML file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: not YAML ({str(error).splitlines()[0]})") from None
    if not isinstance(read or {}, dict):
        raise ConfigurationError(f"{path}: must be a map of setting to value, e.g. 'epochs: 30'")
    try:
        return Settings.model_validate({**(read or {}), **given})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigurationError(f"training setting {where} = {first['input']!r}: {first['msg']}") from None
