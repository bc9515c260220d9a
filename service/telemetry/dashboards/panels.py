"""Panels and dashboards as plain data, and the JSON that Grafana loads them from.

A panel says what it shows, what its number means and where to read on; places in the grid, ids and reference letters
are given out here, in order, so the same panels always make the same file.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

DOCS = "https://github.com/gruard/gruard/blob/main/docs"  # where links of panels and alerts lead
SOURCE = {"type": "prometheus", "uid": "prometheus"}  # as deploy/grafana/provisioning names it
COLUMNS = 24
SCHEMA = 39  # of Grafana's classic dashboards; newer ones migrate it when they load it

Kind = Literal["timeseries", "stat", "bargauge", "table", "heatmap"]
Json = dict[str, Any]


@dataclass(frozen=True)
class Query:
    expression: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    title: str
    told: str  # what it means, and what is healthy
    queries: tuple[Query, ...]
    unit: str = "short"
    kind: Kind = "timeseries"
    page: str = "operations.md#what-to-watch"  # where to read on
    orange: float | None = None  # values from which it gets that colour
    red: float | None = None
    width: int = 12
    height: int = 8

    def json(self, number: int, x: int, y: int) -> Json:
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.told,
            "datasource": SOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "links": [{"title": "What it means", "url": f"{DOCS}/{self.page}", "targetBlank": True}],
            "fieldConfig": {"defaults": self._defaults(), "overrides": []},
            "options": OPTIONS[self.kind],
            "targets": [self._target(letter, query) for letter, query in zip("ABCDEFGH", self.queries, strict=False)],
            **({"transformations": TABLE} if self.kind == "table" else {}),
        }

    def _defaults(self) -> Json:
        steps: list[Json] = [{"color": "green", "value": None}]
        steps += [{"color": "orange", "value": self.orange}] if self.orange is not None else []
        steps += [{"color": "red", "value": self.red}] if self.red is not None else []
        defaults: Json = {"unit": self.unit, "min": 0, "thresholds": {"mode": "absolute", "steps": steps}}
        if self.kind == "timeseries":
            style = "line" if len(steps) > 1 else "off"
            defaults["custom"] = {"fillOpacity": 10, "showPoints": "never", "thresholdsStyle": {"mode": style}}
        else:
            defaults["color"] = {"mode": "thresholds"}
        return defaults

    def _target(self, letter: str, query: Query) -> Json:
        at_once = self.kind in ("stat", "bargauge", "table")
        forms = {"table": "table", "heatmap": "heatmap"}
        return {
            "refId": letter,
            "datasource": SOURCE,
            "expr": query.expression,
            "legendFormat": query.legend or "__auto",
            "format": forms.get(self.kind, "time_series"),
            "instant": at_once,
            "range": not at_once,
        }


_LATEST = {"calcs": ["lastNotNull"], "fields": "", "values": False}
OPTIONS: dict[Kind, Json] = {
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom"},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {"reduceOptions": _LATEST, "colorMode": "value", "graphMode": "none", "textMode": "auto"},
    "bargauge": {"reduceOptions": _LATEST, "orientation": "horizontal", "displayMode": "basic"},
    "table": {"showHeader": True, "cellHeight": "sm"},
    "heatmap": {"calculate": False, "yAxis": {"unit": "short"}, "color": {"mode": "scheme", "scheme": "Oranges"}},
}
# What every row has in common tells nothing.
_HIDDEN = ("Time", "Value", "__name__", "job", "instance")
TABLE = [{"id": "organize", "options": {"excludeByName": dict.fromkeys(_HIDDEN, True)}}]


@dataclass(frozen=True)
class Variable:
    """A choice at the top of a dashboard: the values that a label has."""

    label: str
    metric: str

    def json(self) -> Json:
        return {
            "name": self.label,
            "label": self.label.capitalize(),
            "type": "query",
            "datasource": SOURCE,
            "query": {"query": f"label_values({self.metric}, {self.label})", "refId": self.label},
            "refresh": 2,
            "sort": 3,
            "multi": True,
            "includeAll": True,
            "allValue": ".*",
            "current": {"text": ["All"], "value": ["$__all"]},
        }


@dataclass(frozen=True)
class Dashboard:
    uid: str
    title: str
    told: str
    variables: tuple[Variable, ...]
    panels: Sequence[Panel]

    def json(self) -> Json:
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.told,
            "tags": ["gruard"],
            "schemaVersion": SCHEMA,
            "version": 1,
            "editable": False,
            "timezone": "utc",
            "time": {"from": "now-1h", "to": "now"},
            "refresh": "10s",
            "graphTooltip": 1,
            "links": [{"title": "Gruard", "type": "dashboards", "tags": ["gruard"], "asDropdown": False}],
            "templating": {"list": [variable.json() for variable in self.variables]},
            "annotations": {"list": []},
            "panels": list(self._placed()),
        }

    def _placed(self) -> Iterator[Json]:
        """From left to right, a new line where one is full."""
        x = y = tallest = 0
        for number, panel in enumerate(self.panels, 1):
            if x + panel.width > COLUMNS:
                x, y, tallest = 0, y + tallest, 0
            yield panel.json(number, x, y)
            x, tallest = x + panel.width, max(tallest, panel.height)
