"""Every route against a service that really serves: what it says is what was published, in pages without a hole."""

import json
from collections import defaultdict

import jsonschema
import pytest

from service.api import openapi
from service.streams.embedded import EmbeddedLog

ROUTES = ("status", "devices", "alerts?state=all", "models")
RANK = {"critical": 0, "warning": 1, "info": 2, None: 3}


@pytest.fixture(scope="module")
def events(site, own):
    """All events of every alert, as their bytes in the stream."""
    log, found = EmbeddedLog(own.embedded.path), defaultdict(list)
    for _, output in log.written("alerts"):
        found[json.loads(output.value)["alert_id"]].append(output.value)
    log.close()
    return found


@pytest.fixture(scope="module")
def published(events):
    """The last event of every alert."""
    return {alert_id: own[-1] for alert_id, own in events.items()}


def pages(site, what, **query):
    after, found = "", []
    while after is not None:
        page = site.get(what, after=after, **query)
        assert page[what] or not after
        found.append(page[what])
        after = page["next"]
    return found


def schema_of(path):
    document = openapi.document()
    answer = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    return {**answer, "components": document["components"]}


@pytest.mark.parametrize("path", ROUTES)
def test_an_answer_has_the_shape_that_the_document_promises(site, path):
    jsonschema.validate(site.get(path), schema_of(f"/api/v1/{path.partition('?')[0]}"))


def test_the_status_counts_what_is_committed(site, messages):
    status = site.get("status")
    assert (status["ready"], status["problem"], status["version"]) == (True, "", "1.2.3")
    assert status["partitions"] == {"running": 3, "restoring": 0}
    assert status["lag_records"] == 0
    assert 0.9 * len(messages) < status["readings"] < len(messages)
    assert status["devices"] == site.get("devices")["total"] > 20
    assert status["budget"] == 30.0
    alerts = [alert for page in pages(site, "alerts", state="open") for alert in page]
    assert sum(status["open_alerts"].values()) == len(alerts) > 0


def test_alerts_are_the_very_bytes_that_were_published_newest_first(site, published):
    said = site.raw("/api/v1/alerts?state=all&limit=500")
    newest = sorted(said.json["alerts"], key=lambda alert: (alert["reading_time"], alert["alert_id"]), reverse=True)
    assert said.json["alerts"] == newest
    assert all(value[:-1] + b',"explanation":' in said.body for value in published.values())
    assert len(newest) == len(published) > 5


def test_a_past_alert_says_why_it_was_open_and_an_open_one_says_so_itself(site, events):
    told = {alert["alert_id"]: alert for alert in site.get("alerts", state="all", limit=500)["alerts"]}
    assert any(alert["explanation"] for alert in told.values())
    for alert_id, own in events.items():
        explanation, last = told[alert_id]["explanation"], json.loads(own[-1])
        if last["event"] != "resolved":
            assert explanation is None
            continue
        before = json.loads(own[-2])
        assert explanation == {name: before[name] for name in ("reading_time", "summary", "contributions")}
        assert explanation["summary"] != last["summary"]


def test_open_and_resolved_alerts_are_all_alerts(site, published):
    states = {state: {a["alert_id"] for a in site.get("alerts", state=state, limit=500)["alerts"]} for state in STATES}
    assert states["open"] | states["resolved"] == states["all"] == published.keys()
    assert not states["open"] & states["resolved"]
    assert states["open"] == {key for key, value in published.items() if json.loads(value)["event"] != "resolved"}


STATES = ("open", "resolved", "all")


@pytest.mark.parametrize(("name", "field"), [("severity", "severity"), ("kind", "kind"), ("device", "device_id")])
def test_each_filter_of_alerts_leaves_exactly_those_that_fit(site, name, field):
    everything = site.get("alerts", state="all", limit=500)["alerts"]
    for value in {alert[field] for alert in everything}:
        found = site.get("alerts", state="all", limit=500, **{name: value})["alerts"]
        assert found == [alert for alert in everything if alert[field] == value]


def test_devices_come_worst_first_and_each_on_one_page(site):
    for limit in (1, 7, 500):
        found = pages(site, "devices", limit=limit)
        assert all(len(page) == limit for page in found[:-1])
        lines = [line for page in found for line in page]
        keys = [(RANK[line["severity"]], line["id"]) for line in lines]
        assert keys == sorted(set(keys))
        assert len(lines) == site.get("devices")["total"]


def test_alerts_on_pages_are_the_alerts(site):
    for limit in (1, 3):
        found = [alert for page in pages(site, "alerts", state="all", limit=limit) for alert in page]
        assert found == site.get("alerts", state="all", limit=500)["alerts"]


def test_each_filter_of_devices_leaves_exactly_those_that_fit(site):
    everything = site.get("devices", limit=500)["devices"]
    fits = {
        ("class_", "meter"): lambda line: line["class"] == "meter",
        ("q", "ER-00"): lambda line: "er-00" in line["id"],
        ("open", "true"): lambda line: line["open_alerts"] > 0,
        ("open", "false"): lambda line: line["open_alerts"] == 0,
        ("severity", "critical"): lambda line: line["severity"] == "critical",
    }
    for (name, value), rule in fits.items():
        answer = site.get("devices", limit=500, **{name: value})
        assert answer["devices"] == list(filter(rule, everything)), name
        assert answer["total"] == len(answer["devices"])
    both = site.get("devices", open="true", q="meter", limit=1)
    assert both["total"] == sum("meter" in line["id"] and line["open_alerts"] > 0 for line in everything)


def test_a_device_page_has_its_line_its_alerts_and_shares_that_add_up(site):
    for line in site.get("devices", limit=5)["devices"]:
        page = site.device(line["id"])
        jsonschema.validate(page, schema_of("/api/v1/devices/{id}"))
        assert {name: page[name] for name in line} == line
        assert page["alerts"] == site.get("alerts", state="all", device=line["id"], limit=500)["alerts"]
        assert sum(part["share"] for part in page["contributions"]) == pytest.approx(1, abs=0.02)
        assert page["labels"].keys() == {"site"}
        recent = page["recent"]
        lengths = {len(recent[name]) for name in ("time", "score", "evidence", "limit", "alert", "leading_sensor")}
        lengths |= {len(series[name]) for series in recent["sensors"].values() for name in ("observed", "upper")}
        assert len(lengths) == 1


def test_models_are_those_that_serve_with_units_and_card(site):
    models = {model["name"]: model for model in site.get("models")["models"]}
    assert {"meter", "server", "universal"} <= models.keys()
    assert next(s for s in models["meter"]["sensors"] if s["name"] == "power")["unit"] == "kW"
    assert models["meter"]["card"].startswith("---") or "#" in models["meter"]["card"]
    assert models["universal"]["sensors"] == []


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("devices?limit=0", "limit='0'"),
        ("devices?limit=501", "limit='501'"),
        ("devices?limit=1e2", "limit='1e2'"),
        ("devices?severity=bad", "severity='bad'"),
        ("devices?open=maybe", "open='maybe'"),
        ("devices?after=x", "after='x'"),
        ("alerts?state=gone", "state='gone'"),
        ("alerts?kind=x", "kind='x'"),
        ("alerts?severity=a&severity=b", "severity="),
        ("alerts?device=" + "x" * 2000, "device="),
    ],
)
def test_a_wrong_parameter_is_named_with_its_value_in_one_line(site, query, told):
    said = site.raw(f"/api/v1/{query}")
    assert (said.status, said.headers["Content-Type"]) == (400, "application/problem+json")
    assert said.json["detail"].startswith(told)
    assert "\n" not in said.json["detail"]
    assert len(said.body) < 700


def test_an_empty_parameter_asks_for_nothing(site):
    assert site.get("devices", open="", severity="", class_="", q="", after="") == site.get("devices")


@pytest.mark.parametrize("path", ["/", "/api", "/api/v1", "/api/v1/none", "/livez/x", "/etc/passwd", "/%00", "//x"])
def test_what_is_not_there_is_not_found(site, path):
    said = site.raw(path)
    assert (said.status, said.json["status"], said.json["title"]) == (404, 404, "Not Found")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_changed(site, method):
    for path in ("/api/v1/devices", "/livez", "/metrics"):
        said = site.raw(path, method)
        assert (said.status, said.json["title"]) == (405, "Method Not Allowed")
        assert "GET" in said.headers["Allow"]


def test_a_head_is_the_get_without_its_body(site):
    for path in ("/api/v1/models", "/livez", "/metrics", "/openapi.json"):
        head, get = site.raw(path, "HEAD"), site.raw(path)
        assert (head.status, head.body) == (get.status, b"")
        assert head.headers["Content-Type"] == get.headers["Content-Type"]


def test_answers_are_not_to_be_kept_or_guessed_at(site):
    for path in ("/api/v1/devices", "/livez", "/metrics"):
        headers = site.raw(path).headers
        assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
        assert "Access-Control-Allow-Origin" not in headers


def test_there_is_a_scoreboard_in_a_demo_only(site):
    said = site.raw("/api/v1/demo")
    assert (said.status, said.json["title"]) == (404, "Not Found")


def test_metrics_and_probes_say_what_they_always_said(site):
    assert site.raw("/livez").body == b'{"status": "ok"}\n'
    assert site.raw("/readyz").body == b'{"status": "ok"}\n'
    assert site.raw("/startupz").body == b'{"status": "ok"}\n'
    assert b"# TYPE gruard_readings_total counter" in site.raw("/metrics").body
