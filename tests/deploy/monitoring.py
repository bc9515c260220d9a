"""What the tests of rules and dashboards share: the tools, the docs' anchors, and the metrics that queries may name."""

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from service.telemetry.dashboards.panels import DOCS
from service.telemetry.dashboards.reference import of_notify
from service.telemetry.dashboards.rules import RECORDED
from service.telemetry.declared import Declared
from tests.service.cli import ROOT

DEPLOY = ROOT / "deploy"
RULES = DEPLOY / "prometheus" / "rules"
ALWAYS = {"job", "instance"}  # labels that Prometheus itself adds
WORDS = {
    "sum", "by", "on", "unless", "and", "max", "avg", "topk", "group", "rate", "increase", "time", "histogram_quantile",
}  # fmt: skip


def tool(name: str, *arguments: str | Path) -> str:
    """What it said; fails the test if it refuses, skips it where there is no such tool."""
    if shutil.which(name) is None:
        package = {"amtool": "prometheus-alertmanager"}.get(name, "prometheus")
        pytest.skip(f"no {name} here; it comes with Debian's package {package}")
    done = subprocess.run([name, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@cache
def labels() -> dict[str, set[str]]:
    """Of every series that a query may name; a recorded one has those that it is summed by."""
    declared = Declared()
    found = {}
    for each in (*declared.all, *of_notify()):
        own = {*each.labels} | ALWAYS
        parts = ("_bucket", "_sum", "_count") if each.kind == "histogram" else ("",)
        found |= {each.name + part: own | ({"le"} if part == "_bucket" else set()) for part in parts}
    for family in declared.registry.collect():
        found |= {sample.name: ALWAYS for sample in family.samples if sample.name.startswith("process_")}
    found |= {rule.name: ALWAYS | set(re.findall(r"\w+", summed(rule.expression))) for rule in RECORDED}
    return found | {"up": ALWAYS}


def summed(expression: str) -> str:
    by = re.search(r"\b(?:by|on) \(([^)]*)\)", expression)
    return by.group(1) if by else ""


def check_names(expression: str) -> set[str]:
    """The series that a query names: each is there, and has the labels that the query asks of it."""
    plain = re.sub(r'"[^"]*"', '""', expression)
    found = set()
    for name, matchers in re.findall(r"([a-z_][a-z0-9_:]*)(?:\{([^}]*)\})?", re.sub(r"\[[^]]*\]", "", plain)):
        if name in labels():
            found.add(name)
            asked = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
            assert asked <= labels()[name], f"{name} has no label {asked - labels()[name]}: {expression}"
    known = set().union(*(labels()[name] for name in found))
    bare = re.sub(r"\[[^]]*\]|\{[^}]*\}", "", plain)
    for name in re.findall(r"(?<![\w.])[a-zA-Z_][\w:]*", bare):
        assert name in WORDS or name in found or name in known, f"{name} is no metric: {expression}"
    assert found, expression
    return found


@cache
def anchors(page: str) -> set[str]:
    """Of the headings of a page in docs, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", (ROOT / "docs" / page).read_text("utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def assert_leads_somewhere(url: str) -> None:
    assert url.startswith(f"{DOCS}/"), url
    page, _, anchor = url.removeprefix(f"{DOCS}/").partition("#")
    assert anchor in anchors(page), url
