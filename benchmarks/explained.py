"""Pictures for docs/how-it-decides.md: the shipped pump model over simulated pumps, nothing drawn by hand.

    .venv/bin/python -m benchmarks.explained docs/pictures

`decides-alert.png`: a shift of level and the alert it makes. `decides-quality.png`: a stuck sensor.
`decides-budget.png`: false alarms on healthy devices against the budget, minutes of work.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from service.bundle import Bundles
from service.detector import Detector
from service.fleet import CLASSES, history
from service.records import Readings
from service.report.curves import Curve, Curves
from service.report.pictures import BAND, COLOURS, MIDDLE, SEEN, STYLE
from service.settings import Settings

SEED = 41  # of devices that no model was fitted on
CHUNK = 4096
ROWS = 1440  # two hours of a pump
BEGINS, ENDS = 900, 1080
BUDGETS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # false alarms a device-day
HEALTHY_DEVICES, HEALTHY_S = 48, 43_200.0  # of pumps: 24 device-days

Devices = Sequence[tuple[str, NDArray[np.int64], NDArray[np.float32]]]


@dataclass
class Played:
    curves: Curves
    alerts: list[dict[str, Any]]


def main(folder: str) -> int:
    pump = CLASSES["pump"]
    names = [sensor.name for sensor in pump.sensors]
    flow, vibration = names.index("flow"), names.index("vibration")
    ((name, times, values),) = history("pump", 1, ROWS * pump.period_s, SEED)
    shifted, stuck = values.copy(), values.copy()
    shifted[BEGINS:ENDS, flow] -= 3 * pump.sensors[flow].spread
    stuck[BEGINS:ENDS, vibration] = values[BEGINS - 1, vibration]
    alert = played([(name, times, shifted)])
    quality = played([(name, times, stuck)])
    target = Path(folder)
    story(target / "decides-alert.png", alert, name, "flow", "m³/h")
    story(target / "decides-quality.png", quality, name, "vibration", "mm/s")
    budgets(target / "decides-budget.png")
    return 0


def played(devices: Devices, budget: float = 0.5, curves: bool = True) -> Played:
    """The detector over these pumps, in the order of their times."""
    settings = Settings.model_validate({"detector": {"false_alarms_per_device_day": budget}})
    bundles = Bundles(settings.models.path, settings.models.default)
    detector = Detector(bundles, settings.detector, settings.alerts, {}, scores=curves)
    detector.open(0)
    found = Played(Curves(None), [])
    for readings in _readings(devices):
        outcome = detector.step(readings)
        found.alerts += [json.loads(alert.value) for alert in outcome.alerts]
        if outcome.scores is not None:
            found.curves.add(outcome.scores.stepped, outcome.scores)
        detector.fold(outcome)
    return found


def _readings(devices: Devices) -> Iterator[Readings]:
    times = np.concatenate([own for _, own, _ in devices])
    order = np.argsort(times, kind="stable")
    names = np.repeat([name for name, _, _ in devices], [len(own) for _, own, _ in devices])[order].tolist()
    times, values = times[order], np.concatenate([own for _, _, own in devices])[order]
    sensors = tuple(sensor.name for sensor in CLASSES["pump"].sensors)
    for start in range(0, len(times), CHUNK):
        at = slice(start, start + CHUNK)
        count = len(times[at])
        yield Readings(
            partition=0,
            offsets=np.arange(start, start + count, dtype=np.int64),
            arrivals=times[at],
            record=np.arange(count, dtype=np.int32),
            devices=names[at],
            times=times[at],
            classes=["pump"] * count,
            sensors=sensors,
            values=values[at],
        )


def story(path: Path, found: Played, device: str, sensor: str, unit: str) -> None:
    """One sensor with its band above, the evidence below, alerts as spans that carry their events."""
    curve = found.curves.of(device)
    assert curve is not None
    minutes = (curve.times - curve.times[0]) / 60_000
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9, 4.6), dpi=100, layout="constrained")
        FigureCanvasAgg(figure)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(1.1, 1))
        _sensor(upper, minutes, curve, sensor, unit)
        _evidence(lower, minutes, curve)
        for each in (upper, lower):
            _spans(each, found.alerts, int(curve.times[0]))
        told = _events(lower, found.alerts, int(curve.times[0]))
        lower.set_xlim(60, 105)
        lower.set_xlabel(f"minutes since the device's first reading\n{told}")
        figure.savefig(path, metadata={"Software": None})


def _sensor(each: Axes, minutes: NDArray[np.float64], curve: Curve, sensor: str, unit: str) -> None:
    s = curve.sensors.index(sensor)
    each.fill_between(minutes, curve.lower[:, s], curve.upper[:, s], color=BAND, alpha=0.6, linewidth=0)
    each.plot(minutes, curve.expected[:, s], color=MIDDLE, linewidth=0.7)
    each.plot(minutes, curve.values[:, s], color=SEEN, linewidth=0.9)
    each.set_title(f"{sensor}, {unit}: what was seen (dark) and the band that was expected", loc="left", fontsize=9)


def _evidence(each: Axes, minutes: NDArray[np.float64], curve: Curve) -> None:
    shown = np.clip(curve.evidence, -3, None).astype(np.float64)
    each.plot(minutes, shown, color="#55626d", linewidth=0.9)
    each.fill_between(minutes, 0, shown, where=shown > 0, color=COLOURS["critical"], alpha=0.5, linewidth=0)
    for level, told in ((0.0, "the limit: score 1, warning"), (float(np.log(2)), "twice the limit: score 2, critical")):
        each.axhline(
            level, color=COLOURS["critical"], linewidth=1, linestyle=(0, (4, 3)), alpha=1 if not level else 0.5
        )
        each.annotate(told, (60.3, level), xytext=(0, 2), textcoords="offset points", fontsize=8, color="#8a3030")
    each.set_ylim(-3.1, max(float(shown[60:].max()) * 1.25, 1.0))
    each.set_title("evidence", loc="left", fontsize=9)


def _spans(each: Axes, alerts: list[dict[str, Any]], start_ms: int) -> None:
    opened = {alert["alert_id"]: alert for alert in alerts if alert["event"] == "opened"}
    for alert in (alert for alert in alerts if alert["event"] == "resolved"):
        first = opened[alert["alert_id"]]
        colour = COLOURS["data_quality" if alert["kind"] == "data_quality" else "warning"]
        each.axvspan(_minute(first, start_ms), _minute(alert, start_ms), color=colour, alpha=0.15, linewidth=0)


def _events(each: Axes, alerts: list[dict[str, Any]], start_ms: int) -> str:
    """Numbers the events on the curve; gives what the numbers mean."""
    told = []
    for number, alert in enumerate(alerts, 1):
        minute = _minute(alert, start_ms)
        each.axvline(minute, color="#25313b", linewidth=0.8)
        each.annotate(
            str(number), (minute, 1), xycoords=("data", "axes fraction"), xytext=(2, -9 - 10 * ((number - 1) % 3)),
            textcoords="offset points", fontsize=8, fontweight="bold",
        )  # fmt: skip
        what = f" ({alert['type']}, {alert['severity']})" if alert["event"] == "opened" else ""
        told.append(f"{number} {alert['event']}{what}")
    return ",  ".join(told)


def _minute(alert: dict[str, Any], start_ms: int) -> float:
    at = np.datetime64(alert["reading_time"].rstrip("Z"), "ms").astype(np.int64)
    return float(at - start_ms) / 60_000


def budgets(path: Path) -> None:
    """How many alerts healthy devices raised at each budget; the line is where the two are equal."""
    devices = history("pump", HEALTHY_DEVICES, HEALTHY_S, SEED + 1)
    days = HEALTHY_DEVICES * HEALTHY_S / 86_400
    measured = []
    for budget in BUDGETS:
        alerts = played(devices, budget, curves=False).alerts
        opened = sum(alert["event"] == "opened" and alert["kind"] == "process" for alert in alerts)
        measured.append(opened / days)
        print(f"budget {budget:g} a device-day: {opened} alerts in {days:g} healthy device-days, {opened / days:.3g}")
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.4, 3.6), dpi=100, layout="constrained")
        FigureCanvasAgg(figure)
        each = figure.subplots()
        each.plot(BUDGETS, BUDGETS, color=MIDDLE, linewidth=1, label="what the budget allows")
        each.plot(BUDGETS, measured, color=SEEN, marker="o", linewidth=0.9, label="what healthy pumps raised")
        each.set_xscale("log", base=2)
        each.set_yscale("log", base=2)
        each.set_xticks(BUDGETS, [f"{budget:g}" for budget in BUDGETS])
        each.set_yticks(BUDGETS, [f"{budget:g}" for budget in BUDGETS])
        each.set_xlabel("false_alarms_per_device_day")
        each.set_ylabel("alerts a device-day")
        each.legend(frameon=False)
        figure.savefig(path, metadata={"Software": None})


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
