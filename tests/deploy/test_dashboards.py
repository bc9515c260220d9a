"""The generated files are fresh, and every panel is sound: real metrics, a unit, words, colours, a way on."""

import json
import re
from itertools import combinations, pairwise

import jsonschema
import pytest
import yaml

from service.telemetry.dashboards.panels import SOURCE
from service.telemetry.dashboards.reference import of_notify, shown
from service.telemetry.dashboards.written import DASHBOARDS, EXEMPT, files
from service.telemetry.declared import Declared
from tests.deploy.monitoring import DEPLOY, assert_leads_somewhere, check_names, labels, tool
from tests.service.cli import ROOT

UNITS = {"short", "none", "s", "reqps", "ops", "bytes", "Bps", "percentunit"}
PANELS = [pytest.param(panel, id=f"{dashboard.title} {panel.title}") for dashboard in DASHBOARDS
          for panel in dashboard.panels]  # fmt: skip
EACH = pytest.mark.parametrize("dashboard", [d.json() for d in DASHBOARDS], ids=[d.title for d in DASHBOARDS])

_TEXT = {"type": "string", "minLength": 1}
_OBJECT = {"type": "object"}
_SOURCE = {"const": SOURCE}
_PANEL = {
    "type": "object",
    "required": ["id", "type", "title", "description", "datasource", "gridPos", "links", "fieldConfig", "targets"],
    "properties": {
        "id": {"type": "integer", "minimum": 1},
        "type": {"enum": ["timeseries", "stat", "bargauge", "table", "heatmap"]},
        "title": {**_TEXT, "maxLength": 60},
        "description": {**_TEXT, "pattern": r"\.$"},
        "datasource": _SOURCE,
        "gridPos": {"type": "object", "required": ["x", "y", "w", "h"], "additionalProperties": {"type": "integer"}},
        "links": {"type": "array", "minItems": 1},
        "targets": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["refId", "expr", "datasource", "legendFormat"],
                "properties": {"refId": {"pattern": "^[A-Z]$"}, "expr": _TEXT, "datasource": _SOURCE},
            },
        },
    },
}
SCHEMA = {
    "type": "object",
    "required": ["uid", "title", "schemaVersion", "panels", "templating", "time", "refresh", "tags", "annotations"],
    "properties": {
        "uid": {"type": "string", "pattern": "^[a-z-]{1,40}$"},
        "title": _TEXT,
        "schemaVersion": {"type": "integer", "minimum": 30},
        "panels": {"type": "array", "items": _PANEL, "minItems": 1},
        "templating": {"type": "object", "required": ["list"]},
        "time": {"type": "object", "required": ["from", "to"]},
        "id": False,  # given out by Grafana, never by a file
    },
}


@pytest.mark.parametrize("name", files())
def test_every_generated_file_is_the_one_that_the_code_makes(name):
    assert (ROOT / name).read_text("utf-8") == files()[name], "run `make docs`"


def test_there_is_no_dashboard_that_nobody_generates():
    found = {str(path.relative_to(ROOT)) for path in (DEPLOY / "grafana" / "dashboards").iterdir()}
    assert found == {name for name in files() if name.endswith(".json")}


def test_every_metric_is_on_a_panel_or_exempt_with_a_reason_and_never_both():
    ours = {each.name for each in (*Declared().all, *of_notify())} | {
        name for name in labels() if name.startswith("process_")
    }
    on_panels = {name for name in ours if any(shown(name, dashboard) for dashboard in DASHBOARDS)}
    assert on_panels | set(EXEMPT) == ours
    assert not on_panels & set(EXEMPT)
    assert all(EXEMPT.values())


@pytest.mark.parametrize("panel", PANELS)
def test_every_query_names_metrics_that_exist_with_labels_that_they_have(panel):
    for query in panel.queries:
        check_names(query.expression)
        assert "or vector" not in query.expression
        assert set(re.findall(r"\{\{(\w+)\}\}", query.legend)) <= set().union(*labels().values())


@pytest.mark.parametrize("panel", PANELS)
def test_every_panel_has_a_unit_words_colours_and_a_way_on(panel):
    made = panel.json(1, 0, 0)
    defaults = made["fieldConfig"]["defaults"]
    assert defaults["unit"] in UNITS
    assert len(panel.told) > 20
    assert panel.told.endswith(".")
    steps = [step["value"] for step in defaults["thresholds"]["steps"]]
    assert steps[0] is None
    assert all(one < next_ for one, next_ in pairwise(steps[1:]))
    for link in made["links"]:
        assert_leads_somewhere(link["url"])


@EACH
def test_every_dashboard_is_one_that_grafana_reads(dashboard):
    jsonschema.Draft202012Validator(SCHEMA).validate(dashboard)
    panels = dashboard["panels"]
    for what in ("id", "title"):
        assert len({panel[what] for panel in panels}) == len(panels)
    for panel in panels:
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters)


@EACH
def test_no_panel_lies_on_another_or_outside_the_grid(dashboard):
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    assert all(place["x"] >= 0 and place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert beside or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]


@EACH
def test_every_choice_at_the_top_is_a_label_that_some_panel_asks_for(dashboard):
    variables = {each["name"]: each["query"]["query"] for each in dashboard["templating"]["list"]}
    asked = set(re.findall(r"\$(\w+)", json.dumps([p["targets"] for p in dashboard["panels"]])))
    assert {name for name in asked if not name.startswith("__")} == set(variables)
    for name, query in variables.items():
        metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", query).groups()
        assert label == name
        assert label in labels()[metric]


def test_class_and_partition_can_be_chosen():
    assert {variable.label for dashboard in DASHBOARDS for variable in dashboard.variables} >= {"class", "partition"}


def test_every_query_is_one_that_prometheus_can_read(tmp_path):
    queries = [query.expression for dashboard in DASHBOARDS for panel in dashboard.panels for query in panel.queries]
    filled = [re.sub(r"\$\w+", ".*", re.sub(r"\$__\w+", "1m", query)) for query in queries]
    rules = [{"record": f"query_{number}", "expr": query} for number, query in enumerate(filled)]
    (tmp_path / "queries.yml").write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    assert f"{len(queries)} rules found" in tool("promtool", "check", "rules", tmp_path / "queries.yml")


def test_grafana_is_given_the_source_and_the_folder_that_the_dashboards_count_on():
    provisioning = DEPLOY / "grafana" / "provisioning"
    [source] = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text("utf-8"))["datasources"]
    assert {"type": source["type"], "uid": source["uid"]} == SOURCE
    assert not source["editable"]
    [provider] = yaml.safe_load((provisioning / "dashboards" / "gruard.yml").read_text("utf-8"))["providers"]
    assert provider["type"] == "file"
    assert not provider["allowUiUpdates"]
    scraped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text("utf-8"))
    assert source["jsonData"]["timeInterval"] == scraped["global"]["scrape_interval"]
