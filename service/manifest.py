"""What a model bundle says of itself: the only thing that passes between training and service.

Training builds a `Manifest` and writes its JSON; the service parses the same class from the bytes on disk.
Lists that grow with the model (golden vectors) are base64 of little-endian arrays, so JSON rounds nothing.
"""

import base64
import math
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

FORMAT: Literal[1] = 1
WIDTHS = (1, 4, 8, 16, 32, 64, 128)  # a universal graph is stepped at the next of these, padded with NaN

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Sensor(Part):
    name: str
    unit: str = ""
    low: float | None = None  # physical range, in `unit`; a value outside it is a data-quality event
    high: float | None = None
    scored: bool = True  # False: constant on history and without a range, so a deviation has no unit
    stuck_after: int | None = None  # readings without any change that healthy history never comes near


class Witness(Part):
    """One row of the graph's `terms`; `smooth` lists the EWMA time constants (readings) that make it strengths.

    reduce: "mean" over all scored sensors, then smoothed; "top" = mean of the ceil(sensors / 4) largest.
    penalty: multiplies ln(ceil(sensors / 4)) and is taken off the evidence.
    """

    name: Name
    reduce: Literal["mean", "top"]
    smooth: tuple[int, ...] = ()
    penalty: float = 0.0
    role: Literal["evidence", "change"] = "evidence"

    @property
    def strengths(self) -> tuple[str, ...]:
        return tuple(f"{self.name}/{tau}" for tau in self.smooth) or (self.name,)


class Array(Part):
    """A float32 or int64 array that JSON carries without rounding."""

    shape: tuple[int, ...]
    dtype: Literal["<f4", "<i8"]
    data: str  # base64

    @classmethod
    def of(cls, values: np.ndarray) -> "Array":
        dtype: Literal["<f4", "<i8"] = "<i8" if values.dtype.kind == "i" else "<f4"
        data = np.ascontiguousarray(values, dtype)
        return cls(shape=data.shape, dtype=dtype, data=base64.b64encode(data.tobytes()).decode())

    def numpy(self) -> np.ndarray:
        return np.frombuffer(base64.b64decode(self.data), self.dtype).reshape(self.shape)

    @model_validator(mode="after")
    def _as_long_as_its_shape(self) -> "Array":
        size = math.prod(self.shape) * (4 if self.dtype == "<f4" else 8)
        if len(base64.b64decode(self.data, validate=True)) != size:
            raise ValueError(f"data is not {size} bytes long, as shape {self.shape} asks")
        return self


class Golden(Part):
    """A free run from a zero state: T steps of B rows, and what training's own arithmetic made of them."""

    values: Array  # (T, B, S), NaN = missing
    elapsed: Array  # (T, B)
    time: Array  # (T, B) int64
    learn: Array  # (T, B)
    alerting: Array  # (T, B)
    mean: Array  # (T, B, S)
    scale: Array  # (T, B, S)
    terms: Array  # (T, B, W, S)
    state: Array  # (B, N) after the last step


class Manifest(Part):
    format: Literal[1] = FORMAT
    name: Name
    version: Name
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    cell: str  # gru, lstm, rnn, cnn-gru, last-value
    units: int = 0  # of the recurrent cell
    sensors: tuple[Sensor, ...] = ()  # empty: universal, the sensors are whatever a device sends
    sample_period_s: float | None = Field(None, gt=0)  # None: learnt per device
    state_size: int | None = Field(None, gt=0)  # floats a row; None for a universal graph ...
    state_per_sensor: int | None = Field(None, gt=0)  # ... whose row is state_fixed + state_per_sensor * width
    state_fixed: int = Field(0, ge=0)
    memory: tuple[int, int] = (0, 0)  # slice of the state that the gap policy may decay or reset
    witnesses: tuple[Witness, ...]
    warm_up: int = Field(0, ge=0)  # readings before a device's score may be above 0
    ripening: int = Field(0, ge=0)  # strength is multiplied by n / (n + ripening)
    limit_seeds: dict[str, tuple[float, ...]]  # per strength: block maxima on healthy held-out history, oldest first
    trained: dict[str, str | int | float | None] = {}  # window, data digest, seed, git revision
    metrics: dict[str, float] = {}
    golden: Golden

    @property
    def universal(self) -> bool:
        return not self.sensors

    @property
    def strengths(self) -> tuple[str, ...]:
        return tuple(name for witness in self.witnesses for name in witness.strengths)

    def row_size(self, width: int) -> int:
        """Floats of state a row for a graph stepped at `width` sensors."""
        if self.state_size is not None:
            return self.state_size
        return self.state_fixed + (self.state_per_sensor or 0) * width

    @model_validator(mode="after")
    def _one_kind_of_row(self) -> "Manifest":
        if self.universal == (self.state_size is not None) or self.universal == (self.state_per_sensor is None):
            raise ValueError("a bundle has either sensors and state_size, or no sensors and state_per_sensor")
        if missing := set(self.strengths) - set(self.limit_seeds):
            raise ValueError(f"limit_seeds lacks {', '.join(sorted(missing))}")
        if too_long := [name for name, seeds in self.limit_seeds.items() if len(seeds) > 167]:
            raise ValueError(f"limit_seeds of {too_long[0]} holds more than 167 block maxima")
        return self
