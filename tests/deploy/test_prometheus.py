"""Prometheus and Alertmanager as they are shipped: their own tools accept them, and alerts fire when they should."""

import re

import pytest
import yaml

from service.notify.alertmanager import NAMES
from service.notify.settings import NotifySettings
from service.telemetry.dashboards.rules import ALARMS, RECORDED
from tests.deploy.files import compose
from tests.deploy.monitoring import DEPLOY, RULES, assert_leads_somewhere, check_names, tool

CONFIGURATION = DEPLOY / "prometheus" / "prometheus.yml"
CASES = yaml.safe_load((RULES / "gruard.test.yml").read_text("utf-8"))["tests"]


def test_promtool_accepts_the_configuration_and_the_rules():
    assert f"{len(ALARMS) + len(RECORDED)} rules found" in tool("promtool", "check", "config", CONFIGURATION)


def test_every_case_of_the_rules_comes_out_as_it_says():
    tool("promtool", "test", "rules", RULES / "gruard.test.yml")


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.name)
def test_every_alert_has_a_case_where_it_fires_and_one_where_it_does_not(alarm):
    cases = [case for test in CASES for case in test.get("alert_rule_test", []) if case["alertname"] == alarm.name]
    assert {bool(case["exp_alerts"]) for case in cases} == {True, False}


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.name)
def test_every_alert_waits_has_a_severity_and_leads_to_its_runbook(alarm):
    rule = alarm.rule()
    assert re.fullmatch(r"\d+[mh]", rule["for"])
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["runbook_url"].endswith(f"#{alarm.name.lower()}")
    assert_leads_somewhere(rule["annotations"]["runbook_url"])


@pytest.mark.parametrize("rule", [*ALARMS, *RECORDED], ids=lambda rule: rule.name)
def test_every_rule_names_metrics_that_exist_and_invents_none(rule):
    check_names(rule.expression)
    assert "or vector" not in rule.expression


def test_prometheus_scrapes_every_worker_of_the_stack_under_the_job_that_rules_know():
    job, told = yaml.safe_load(CONFIGURATION.read_text("utf-8"))["scrape_configs"]
    targets = [target for each in job["static_configs"] for target in each["targets"]]
    workers = [name for name, service in compose("docker-compose.yml")["services"].items() if name.startswith("detec")]
    assert job["job_name"] == "gruard"
    assert sorted(targets) == [f"{name}:8080" for name in sorted(workers)]
    assert told["static_configs"] == [{"targets": [f"notify:{NotifySettings().port}"]}]
    assert 'up{job="gruard"}' in next(alarm.expression for alarm in ALARMS if alarm.name == "GruardTargetDown")


def test_amtool_accepts_the_receivers_and_tells_alerts_about_the_service_from_those_about_devices():
    configuration = DEPLOY / "alertmanager" / "alertmanager.yml"
    tool("amtool", "check-config", configuration)
    about = {alarm.name: ("service", alarm.rule()["labels"]) for alarm in ALARMS}
    about |= {name: ("devices", {"site": "north", "class": "pump"}) for name in NAMES.values()}
    for name, (receiver, labels) in about.items():
        given = [f"{label}={value}" for label, value in ({"alertname": name} | labels).items()]
        said = tool("amtool", "config", "routes", "test", f"--config.file={configuration}", *given)
        assert said.splitlines()[0] == receiver


def test_nobody_is_called_until_a_user_says_whom():
    receivers = yaml.safe_load((DEPLOY / "alertmanager" / "alertmanager.yml").read_text("utf-8"))["receivers"]
    assert receivers == [{"name": "service"}, {"name": "devices"}]
