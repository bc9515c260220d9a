"""The page around the pictures: a summary, then each device with its alerts, their sentences and contributions."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

import numpy as np

import service.report.pictures as pictures
from service.chance import poisson_quantile
from service.report.axis import Axis, unix_ms
from service.report.curves import Curve
from service.report.story import ALERTS_SHOWN, Life, Story, lives
from service.report.style import CSS

AROUND = (120, 80)  # readings before and after an alert in its close-up
LEGEND = (
    "<p class=note>Dark line: observed. Blue band: where healthy readings were expected before each was seen. Evidence "
    "above the dashed limit opens an alert; coloured spans are alerts, numbered as below, grey ones of data.</p>"
)
SECTION = '<section id="device-{number}"><h2>{title}</h2>{body}</section>'


def page(story: Story) -> str:
    alerts = lives(story.alerts, story.devices)
    axis = Axis(story.time_known, story.tally.period_s or 60.0)
    body = "".join([_head(story), _summary(story, alerts, axis), *_devices(story, alerts, axis)])
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'\">"
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>Gruard backtest</title>'
        f"<style>{CSS}</style></head><body><main>{body}</main></body></html>\n"
    )


def _head(story: Story) -> str:
    opened = story.tally.opened()
    allowed = story.tally.allowed(story.bundles, story.settings)
    tiles = [
        (f"{story.tally.readings:,}", "readings", ""),
        (f"{len(story.tally.devices):,}", "devices", ""),
        (_days(story.tally.device_days), "device-days", ""),
        (f"{opened['critical']:,}", "critical alerts", "critical"),
        (f"{opened['warning']:,}", "warnings", "warning"),
        (f"{opened['data_quality']:,}", "data-quality alerts", "quality"),
        (f"{allowed:.1f}", f"false alarms the budget allows (95 %: at most {poisson_quantile(allowed)})", ""),
    ]
    cells = "".join(
        f'<div class="tile {kind}"><b>{escape(value)}</b><span>{escape(text)}</span></div>'
        for value, text, kind in tiles
    )
    return f'<header><h1>Backtest</h1><div class="tiles">{cells}</div></header>'


def _days(days: float) -> str:
    return f"{days:,.1f}" if days >= 1 else f"{days:.3f}"


def _summary(story: Story, alerts: dict[str, list[Life]], axis: Axis) -> str:
    parts = ['<section class="two"><div>']
    parts.append(f"<h2>How the input was read</h2><ul>{_items(story.described)}</ul>")
    parts.append(
        f"<h2>What was found</h2><ul>{_items(story.tally.lines(story.bundles, story.settings))}</ul></div><div>"
    )
    if story.tally.scores:
        parts.append("<h2>How odd readings were</h2>" + _picture(pictures.distribution(story.tally.scored), "scores"))
    parts.append(f"</div></section><section><h2>Models and settings</h2>{_models(story)}{_settings(story)}</section>")
    shown = {device: own for device, own in alerts.items() if any(life.kind == "process" for life in own)}
    if len(shown) > 1:
        known = story.tally.devices
        seen = {device: (known[device].first_ms, known[device].last_ms) for device in shown}
        picture = pictures.timeline(shown, axis, seen)
        parts.append(f"<section><h2>When</h2>{_picture(picture, 'alerts of each device over time')}</section>")
    left = len(story.tally.devices) - len(story.devices)
    note = f"<p class=note>{left:,} more devices are in alerts.jsonl and the scores.</p>" if left else ""
    return "".join(parts) + note


def _items(lines: Sequence[str]) -> str:
    return "".join(f"<li>{escape(line)}</li>" for line in lines)


def _models(story: Story) -> str:
    rows = [
        (
            f"{bundle.name}@{bundle.version}",
            bundle.manifest.cell,
            ", ".join(sensor.name for sensor in bundle.manifest.sensors) or "any",
            f"{bundle.manifest.sample_period_s:g} s" if bundle.manifest.sample_period_s else "learnt",
            bundle.manifest.sha256[:12],
        )
        for bundle in story.bundles.all()
    ]
    return _table(("model", "cell", "sensors", "sample period", "sha256"), rows)


def _settings(story: Story) -> str:
    told = {"detector": story.settings.detector, "alerts": story.settings.alerts}
    rows = []
    for section, settings in told.items():
        for name, value in settings.model_dump(mode="json").items():
            default = type(settings).model_fields[name].get_default()
            changed = getattr(settings, name) != default
            rows.append(
                (f"{section}.{name}", value if isinstance(value, str) else f"{value}", "set" if changed else "")
            )
    table = _table(("setting", "value", ""), rows)
    return f"<details><summary>All settings that decide an alert</summary>{table}</details>"


def _devices(story: Story, alerts: dict[str, list[Life]], axis: Axis) -> Iterator[str]:
    for number, device in enumerate(story.devices, 1):
        own = sorted(alerts[device], key=_rank)[:ALERTS_SHOWN]
        own.sort(key=lambda life: str(life.first["onset_time"]))
        curve = story.curves.of(device)
        body = "<p class=note>None of its readings was scored.</p>"
        if curve is not None and len(curve):
            body = _picture(pictures.history(curve, own, axis), f"readings and evidence of {device}")
            body += _close_up(curve, own, axis)
        more = len(alerts[device]) - len(own)
        body += "".join(_alert(at, life) for at, life in enumerate(own, 1))
        body += f"<p class=note>{more} more alerts of this device are in alerts.jsonl.</p>" if more else ""
        body += "" if own else "<p class=note>No alert.</p>"
        yield SECTION.format(number=number, title=escape(device), body=(LEGEND if number == 1 else "") + body)


def _rank(life: Life) -> tuple[bool, float]:
    return life.kind != "process", -max(float(event["score"]) for event in life.events)


def _close_up(curve: Curve, alerts: Sequence[Life], axis: Axis) -> str:
    """The worst process alert from near, where the whole run is much longer than it."""
    process = [life for life in alerts if life.kind == "process"]
    if not process:
        return ""
    worst = min(process, key=_rank)
    start = unix_ms(worst.first["onset_time"])
    end = unix_ms(worst.last["resolved_time"]) if worst.last["resolved_time"] else start
    first, last = (int(np.searchsorted(curve.times, moment)) for moment in (start, end))
    rows = np.arange(max(first - AROUND[0], 0), min(max(last, first + 1) + AROUND[1], len(curve)))
    if len(rows) < 2 or len(rows) > 0.5 * len(curve) or (np.diff(curve.times) < 0).any():
        return ""
    near = [life for life in alerts if _overlaps(life, curve.times[rows])]
    picture = pictures.history(curve.at(rows), near, axis)
    number = list(alerts).index(worst) + 1
    return f"<h3>Alert {number} from near</h3>{_picture(picture, f'close-up of alert {number}')}"


def _overlaps(life: Life, times: Any) -> bool:
    return bool(times[0] <= unix_ms(life.first["onset_time"]) <= times[-1])


def _alert(number: int, life: Life) -> str:
    worst, last = life.worst, life.last
    badge = "quality" if life.kind == "data_quality" else life.severity
    name = "data quality" if life.kind == "data_quality" else life.severity
    end = f"{last['resolved_reason'] or 'resolved'} after {_duration(last['duration_s'])}" if life.resolved else "open"
    facts = f"{_moment(life.first['onset_time'])} · {end.replace('_', ' ')} · score {float(worst['score_max']):.3g}"
    return (
        f'<div class="alert {badge}"><p><b class=number>{number}</b> <b class=badge>{escape(name)}</b> '
        f"{escape(str(worst['summary']))}</p><p class=note>{escape(facts)}</p>{_contributions(worst)}</div>"
    )


def _moment(text: str) -> str:
    return text.replace("T", " ").replace(".000Z", "").removesuffix("Z")


def _duration(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def _contributions(alert: dict[str, Any]) -> str:
    rows = [
        (
            part["sensor"],
            f"{_number(part['observed'])} {part['unit']}".strip(),
            f"{_number(part['expected'])}",
            f"{_number(part['lower'])} to {_number(part['upper'])}",
            part["direction"],
            f"{part['share']:.0%}",
        )
        for part in alert["contributions"]
    ]
    if not rows:
        return ""
    return _table(("sensor", "observed", "expected", "healthy band", "direction", "share"), rows)


def _number(value: float | None) -> str:
    return "missing" if value is None else f"{value:.5g}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    lines = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{titles}</tr></thead><tbody>{lines}</tbody></table></div>'


def _picture(uri: str, alt: str) -> str:
    return f'<img src="{uri}" alt="{escape(alt)}">'
