"""Prometheus, Alertmanager and Grafana in the stack: they find each other, and Grafana lets nobody in unasked."""

import os
import subprocess

import pytest
import yaml

from service.telemetry.dashboards.written import DASHBOARDS
from tests.deploy.files import together
from tests.deploy.test_compose import settings
from tests.service.cli import ROOT

SERVICES = together("docker-compose.yml")["services"]
GRAFANA = SERVICES["grafana"]
HOLDS = "prometheus", "alertmanager"


def inner(name):
    return SERVICES[name]["ports"][0].rpartition(":")[2]


def mounted(name):
    """Place in the container to place in the checkout."""
    volumes = [volume.split(":") for volume in SERVICES[name]["volumes"]]
    return {there: ROOT / here for here, there, *_ in volumes if here.startswith("./")}


def option(name, key):
    return next(word.split("=", 1)[1] for word in SERVICES[name]["command"] if word.startswith(f"--{key}="))


@pytest.mark.parametrize("name", HOLDS)
def test_each_reads_the_configuration_that_is_mounted_and_writes_into_its_volume(name):
    folder, _, file = option(name, "config.file").rpartition("/")
    assert (mounted(name)[folder] / file).is_file()
    kept = option(name, "storage.tsdb.path" if name == "prometheus" else "storage.path")
    assert f"{name}:{kept}" in SERVICES[name]["volumes"]


@pytest.mark.parametrize("name", HOLDS)
def test_nothing_can_be_changed_over_http_and_no_port_is_opened_for_a_cluster(name):
    words = " ".join(SERVICES[name]["command"])
    assert "--web.enable" not in words
    assert name == "prometheus" or option(name, "cluster.listen-address") == ""


def test_prometheus_tells_alertmanager_and_so_does_notify():
    address = f"alertmanager:{inner('alertmanager')}"
    configuration = yaml.safe_load((mounted("prometheus")["/etc/prometheus"] / "prometheus.yml").read_text("utf-8"))
    [told] = configuration["alerting"]["alertmanagers"]
    assert told["static_configs"] == [{"targets": [address]}]
    assert settings(SERVICES["notify"]).notify.alertmanager.urls == (f"http://{address}",)


def test_links_in_what_they_tell_lead_to_the_ports_that_are_published():
    for name in HOLDS:
        assert option(name, "web.external-url") == f"http://127.0.0.1:{inner(name)}"
    assert settings(SERVICES["notify"]).notify.console_url == f"http://127.0.0.1:{inner('console')}"


def test_grafana_is_given_its_data_source_and_every_dashboard():
    folder = mounted("grafana")["/etc/grafana/provisioning"]
    [source] = yaml.safe_load((folder / "datasources" / "prometheus.yml").read_text("utf-8"))["datasources"]
    assert source["url"] == f"http://prometheus:{inner('prometheus')}"
    [provider] = yaml.safe_load((folder / "dashboards" / "gruard.yml").read_text("utf-8"))["providers"]
    boards = mounted("grafana")[provider["options"]["path"]]
    assert {path.stem for path in boards.iterdir()} == {dashboard.uid for dashboard in DASHBOARDS}
    home = GRAFANA["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (boards / home.removeprefix(provider["options"]["path"] + "/")).is_file()


def test_grafana_lets_in_nobody_who_is_unknown_and_asks_nobody_outside():
    off = ("AUTH_ANONYMOUS_ENABLED", "USERS_ALLOW_SIGN_UP", "USERS_ALLOW_ORG_CREATE", "ANALYTICS_REPORTING_ENABLED",
           "ANALYTICS_CHECK_FOR_UPDATES", "ANALYTICS_CHECK_FOR_PLUGIN_UPDATES", "SNAPSHOTS_EXTERNAL_ENABLED",
           "NEWS_NEWS_FEED_ENABLED", "PLUGINS_PREINSTALL_AUTO_UPDATE")  # fmt: skip
    assert {GRAFANA["environment"][f"GF_{name}"] for name in off} == {"false"}
    for name in ("SECURITY_DISABLE_GRAVATAR", "PLUGINS_PREINSTALL_DISABLED"):
        assert GRAFANA["environment"][f"GF_{name}"] == "true"


def start(password):
    """What the container would do, where there is no Grafana to start."""
    program, how, script = GRAFANA["entrypoint"]
    environment = {"PATH": os.environ["PATH"], "GF_SECURITY_ADMIN_PASSWORD": password}
    return subprocess.run(
        [program, how, script.replace("$$", "$")], env=environment, capture_output=True, text=True, check=False
    )


def test_grafana_has_no_password_of_its_own_and_without_one_says_so_in_a_line_instead_of_starting():
    assert GRAFANA["environment"]["GF_SECURITY_ADMIN_PASSWORD"] == "", "what compose gives where nobody set any"
    refused = start("")
    assert refused.returncode == 78
    [line] = refused.stderr.splitlines()
    assert line.startswith("GRAFANA_PASSWORD is not set")


def test_with_a_password_grafana_is_what_is_started():
    tried = start("a password; with $everything")
    assert tried.returncode in (126, 127)
    assert "/run.sh" in tried.stderr
