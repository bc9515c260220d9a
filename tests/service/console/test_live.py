"""The whole way in a browser: a fault of `gruard fleet` in a running `gruard run` is on the page as published."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from service.streams.embedded import EmbeddedLog
from tests.service.cli import ROOT, command, environment, gruard
from tests.service.console.browser import PATIENCE_S, Browser, Visitor, console

FLEET = ("--devices", "6", "--faults", "5", "--seed", "3", "--rate", "0", "--readings", "6000")


@contextmanager
def running(env: dict[str, str]) -> Iterator[str]:
    """`gruard run` on any free port; its API's address."""
    process = subprocess.Popen(
        command("run", "--port", "0"), cwd=ROOT, env=environment(env), stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if '"started"' in line:
                break
        yield str(json.loads(line)["http"])
    finally:
        process.terminate()
        process.communicate(timeout=30)


def published(path: Path) -> dict[str, dict[str, Any]]:
    """Of each alert in the table of alerts the last event that says why it was raised: an end does not."""
    log = EmbeddedLog(path)
    told = [json.loads(output.value) for _, output in log.written("alerts")]
    log.close()
    last: dict[str, dict[str, Any]] = {}
    for alert in (each for each in told if each["event"] != "resolved"):
        if alert["sequence"] > last.get(alert["alert_id"], {"sequence": 0})["sequence"]:
            last[alert["alert_id"]] = alert
    return last


def shown(visit: Visitor) -> dict[str, tuple[str, str]]:
    """alert_id -> its sentence and the facts beside it."""
    script = """all => all.map(e => [e.dataset.alert, e.querySelector(".sentence").innerText,
                                     e.querySelector(".fact").innerText])"""
    found = visit.page.locator("#alerts-list [data-alert]").evaluate_all(script)
    return {identity: (sentence, facts) for identity, sentence, facts in found}


def settled(path: Path, visit: Visitor) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both, once the page shows every alert of the table with the last sentence that says why."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        table, page = published(path), shown(visit)
        same = table and {name: alert["summary"] for name, alert in table.items()} == {
            name: sentence for name, (sentence, _) in page.items()
        }
        if same or time.monotonic() > deadline:
            return table, page
        visit.page.wait_for_timeout(200)


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"GRUARD_EMBEDDED__PATH": str(tmp_path / "telemetry.db"), "GRUARD_LOGGING__FORMAT": "json"}


def test_an_injected_fault_is_on_the_page_within_seconds_with_the_words_of_its_alert(browser: Browser, env, tmp_path):
    with running(env) as api, console(api) as base, browser.visit(base) as visit:
        page = visit.open("/alerts")
        page.wait_for_selector("text=No alert so far.")
        assert gruard("fleet", *FLEET, env=env).code == 0
        table, seen = settled(tmp_path / "telemetry.db", visit)
        assert table
        assert {name: alert["summary"] for name, alert in table.items()} == {
            name: sentence for name, (sentence, _) in seen.items()
        }
        for name, alert in table.items():
            if alert["contributions"]:
                assert seen[name][1].endswith(alert["contributions"][0]["sensor"])

        ill = next(alert for alert in table.values() if alert["kind"] == "process")
        page.locator(f"[data-alert='{ill['alert_id']}'] a").click()
        page.wait_for_selector(f"#device-alerts [data-alert='{ill['alert_id']}']")
        assert visit.text("h1") == ill["device_id"]
        page.wait_for_selector("#device-graph .scatterlayer .trace", state="attached")
        titles = " ".join(page.locator("#device-graph .annotation-text").all_text_contents())
        assert ill["contributions"][0]["sensor"] in titles
