"""Why an alert was raised: each sensor's share, what was seen and what was expected, and one plain sentence."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from service.detector.alerts import Contribution
from service.detector.cases import OpenAlert
from service.detector.scoring import Plan

Floats = NDArray[np.float32]

LISTED = 5  # contributions an alert carries
REFERENCE_BAND = 2.0  # healthy levels stay within so many of their half widths

FAMILY = {"surprise": "surprise", "weighted": "surprise", "level": "level", "season": "season", "change": "change"}
QUALITY_TEXT = {
    "stuck": "{sensor} has not changed",
    "missing": "{sensor} is missing",
    "out_of_range": "{sensor} is outside its physical range",
    "silent": "the device is silent",
    "clock_skew": "the device's clock is ahead of its arrival",
}


def family(strength: str) -> str:
    """The type of alert that a strength raises."""
    return FAMILY.get(strength.split("/")[0].split("_")[0], "surprise")


def shares(plan: Plan, terms: Floats, beyond: Floats) -> Floats:
    """(S,) each sensor's part of what goes beyond its limit. terms: (W, S); beyond: (J,) log ratios."""
    weight = np.zeros(len(plan.witnesses), np.float64)
    for j in plan.evidence:
        w = plan.witness_of[j]
        weight[w] = max(weight[w], np.exp(2.0 * np.float64(beyond[j])))
    total = np.zeros(terms.shape[1], np.float64)
    for w, row in enumerate(terms.astype(np.float64)):
        whole = sum(row.tolist())
        if whole > 0:
            total += weight[w] * row / whole
    whole = sum(total.tolist())
    return (total / whole if whole > 0 else total).astype(np.float32)


def contributions(
    sensors: Sequence[str], units: Mapping[str, str], share: Floats, observed: Floats, expected: Floats, half: Floats
) -> list[Contribution]:
    """The sensors with the largest shares, largest first; all arrays (S,), engineering units."""
    order = sorted(range(len(sensors)), key=lambda s: (-float(share[s]), s))[:LISTED]
    return [
        _contribution(sensors[s], units, share[s], observed[s], expected[s], half[s]) for s in order if share[s] > 0.01
    ]


def _contribution(
    sensor: str,
    units: Mapping[str, str],
    share: np.float32,
    observed: np.float32,
    expected: np.float32,
    half: np.float32,
) -> Contribution:
    seen = number(observed)
    direction = "none" if seen is None else "high" if observed > expected else "low"
    return Contribution(
        sensor=sensor,
        unit=units.get(sensor, ""),
        observed=seen,
        expected=number(expected),
        lower=number(expected - half),
        upper=number(expected + half),
        share=round(min(float(share), 1.0), 3),
        direction=direction,
    )


def sentence(type_: str, parts: Sequence[Contribution]) -> str:
    """What happened, for someone who has never heard of a residual."""
    if not parts:
        return "readings as a whole no longer follow the forecast"
    first = parts[0]
    unit = f" {first.unit}" if first.unit else ""
    seen = "missing" if first.observed is None else f"{first.observed:.4g}{unit}"
    habit = {"level": "its level is usually", "season": "at this hour it is usually"}.get(type_, "expected")
    text = f"{first.sensor} is {seen}, {habit} {first.lower:.4g} to {first.upper:.4g}{unit}"
    others = [f"{part.sensor} ({part.share:.0%})" for part in parts[1:3] if part.share >= 0.1]
    return text + (f"; also {' and '.join(others)}" if others else "")


def ending(alert: OpenAlert, reason: str, time_ms: int) -> str:
    words = {"new_normal": "what was odd has become normal", "recovered": "back to normal"}
    return f"{words.get(reason, reason.replace('_', ' '))} after {duration((time_ms - alert.onset_ms) / 1000)}"


def duration(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def number(value: float | np.floating) -> float | None:
    """Six significant digits: what a float32 holds, and the same text everywhere."""
    return float(f"{float(value):.6g}") if np.isfinite(value) else None


def rfc3339(time_ms: int) -> str:
    """UTC with milliseconds."""
    seconds, milliseconds = divmod(time_ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}Z"
