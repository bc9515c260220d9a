"""What stands around every page: the way to the content, navigation, how the services are, and news for the ear."""

from collections.abc import Sequence

from dash import dcc, html
from dash.development.base_component import Component

from service.console import live, parts, words
from service.console.shapes import SEVERITIES, Alert, Status
from service.console.together import Gathered, Pulse

PAGES = (("/", "Fleet"), ("/alerts", "Alerts"), ("/models", "Models"))
DEMO = ("/demo", "Scoreboard")
TICK_MS = 1500
LOST = "The console itself does not answer. What is shown is old. Check that it is running; this page goes on asking."


def layout() -> Component:
    return html.Div(
        [
            dcc.Location(id="url"),
            dcc.Interval(id="tick", interval=TICK_MS),
            dcc.Store(id="scheme", data="light"),
            dcc.Store(id="heard"),
            dcc.Store(id="window-title"),
            dcc.Store(id="shown"),
            html.A("Skip to the content", href="#main", className="skip"),
            html.Header(
                [
                    html.Div("Gruard", className="brand"),
                    html.Nav(live.part("navigation"), **parts.also(aria_label="Pages")),
                    live.part("pulse", className="pulse"),
                ],
                **parts.also(data_tick="tick"),
            ),
            html.Div(id="announce", className="unseen", role="alert", **parts.also(aria_live="assertive")),
            html.Div(LOST, id="lost", className="notice trouble", role="alert", hidden=True),
            live.part("trouble", role="status"),
            html.Main(id="main", tabIndex="-1"),
            html.Footer("All times are UTC, those of the readings. Alerts say what is unusual, not what is dangerous."),
        ],
        className="console",
    )


def navigation(path: str, demo: bool) -> list[Component]:
    pages = (*PAGES, DEMO) if demo else PAGES
    return [_link(href, name, path == href) for href, name in pages]


def _link(href: str, name: str, here: bool) -> Component:
    current = parts.also(aria_current="page") if here else {}
    return html.A(name, href=href, className="here" if here else None, **current)


def pulse(pulses: Sequence[Pulse]) -> list[Component]:
    """The state line: one of all services together, in words."""
    told = [each.answer.told for each in pulses if each.answer.told and not each.answer.trouble]
    state, word = _state(pulses, told)
    facts: list[Component] = [html.Span(word, className=f"state {state}")]
    if told:
        facts += [html.Span(fact) for fact in _facts(pulses, told)]
        facts += [_open(told)]
    return facts


def _state(pulses: Sequence[Pulse], told: Sequence[Status]) -> tuple[str, str]:
    if not told:
        return "down", "not reachable" if any(each.answer.trouble for each in pulses) else "asking"
    away = len(pulses) - len(told)
    if away:
        return "down", f"{away} of {len(pulses)} services not reachable"
    if any(status.partitions.restoring for status in told):
        return "restoring", "restoring"
    if not all(status.ready for status in told):
        return "waiting", "not ready"
    return "running", "running" if len(told) == 1 else f"{len(told)} services running"


def _facts(pulses: Sequence[Pulse], told: Sequence[Status]) -> list[str]:
    rates = [each.rate for each in pulses if each.rate is not None]
    lags = [status.lag_seconds for status in told if status.lag_seconds is not None]
    facts = [words.count(sum(status.devices for status in told), "device")]
    if rates:
        facts.append(f"{sum(rates):,.0f} readings a second")
    if lags:
        facts.append(f"lag {words.brief(max(lags))}")
    return [*facts, *_budget(told)]


def _budget(told: Sequence[Status]) -> list[str]:
    budgets = {value for status in told for value in _values(status.budget)}
    if not budgets:
        return []
    low, high = min(budgets), max(budgets)
    shown = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    return [f"budget {shown} false alarms a device-day"]


def _values(budget: float | dict[str, float] | None) -> list[float]:
    if budget is None:
        return []
    return list(budget.values()) if isinstance(budget, dict) else [budget]


def _open(told: Sequence[Status]) -> Component:
    counts = {name: sum(status.open_alerts.get(name, 0) for status in told) for name in SEVERITIES}
    worst = next((name for name in SEVERITIES if counts[name]), None)
    named = ", ".join(f"{number} {name}" for name, number in counts.items() if number)
    return html.Span(f"open alerts: {named or 'none'}", className=f"open {parts.tone(worst)}")


def troubles(pulses: Sequence[Pulse]) -> list[Component]:
    shown = []
    for each in pulses:
        answer = each.answer
        if answer.trouble:
            shown.append(parts.trouble(each.name, answer.trouble, stale=answer.told is not None))
        elif answer.missing:
            shown.append(
                parts.notice(f"{words.plain(each.name)} has no read API.", "Check the address and the version.")
            )
        elif answer.told and not answer.told.ready:
            shown.append(_not_ready(each.name, answer.told))
    return shown


def _not_ready(name: str, status: Status) -> Component:
    if status.partitions.restoring:
        every = status.partitions.restoring + status.partitions.running
        return parts.notice(
            f"{words.plain(name)} is restoring {status.partitions.restoring} of {every} partitions.",
            "Their devices come back with their state; their readings wait meanwhile and none is lost.",
            tone="wait",
        )
    problem = words.plain(status.problem or "no reason given")
    return parts.notice(f"{words.plain(name)} is not ready: {problem}.", tone="wait")


def news(alerts: Gathered[Alert], heard: list[str] | None) -> tuple[str | None, list[str]]:
    """What to say of critical alerts that were not open before, and what has been heard with it."""
    critical = [alert for alert in alerts.items if alert.severity == "critical" and not alert.resolved]
    ids = sorted(alert.alert_id for alert in critical)
    if heard is None:
        return None, ids  # what was open when the page was opened is read there
    new = [alert for alert in critical if alert.alert_id not in heard]
    if not new:
        return None, ids
    more = f". And {len(new) - 1} more." if len(new) > 1 else ""
    return f"New critical alert. {words.plain(new[0].summary, 300)}{more}", ids


def title(name: str, told: Sequence[Status]) -> str:
    """Of the window: how many alerts need somebody comes first, for it is seen in a tab."""
    urgent = sum(status.open_alerts.get("critical", 0) for status in told)
    return f"{f'({urgent}) ' if urgent else ''}{name} · Gruard"
