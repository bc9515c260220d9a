"""Every command, option, setting, metric, exit code and target that a page names exists."""

import argparse
import re

from service import commands, reference
from service.__main__ import Parser
from service.__main__ import parser as service_parser
from service.errors import GruardError
from service.notify.metrics import NotifyMetrics
from service.settings import Settings
from service.telemetry.declared import Declared
from tests.docs import words
from tests.docs.pages import Page
from tests.service.cli import ROOT
from training.__main__ import parser as training_parser

ALWAYS = {0, 2, 130}  # done, usage, Ctrl-C before the command had begun
SUFFIXES = ("", "_bucket", "_sum", "_count")
FILES = ("alerts.jsonl",)  # reads like a setting
VOLUMES = {"gruard_token"}  # of compose; reads like a metric


def known() -> dict[str, dict[str, set[str]]]:
    """Program to command to options; "" has those before any command."""
    found: dict[str, dict[str, set[str]]] = {"gruard": {}, "gruard-train": {}}
    for name in commands.COMMANDS:
        found["gruard"] |= _subparsers(service_parser([name]), name)
    found["gruard-train"] |= _subparsers(training_parser())
    return found


def _subparsers(parser: Parser, only: str = "") -> dict[str, set[str]]:
    choices = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction)).choices
    below = {name: set(sub._option_string_actions) for name, sub in choices.items() if only in ("", name)}
    return {"": set(parser._option_string_actions)} | below


def errors(of: type[GruardError] = GruardError) -> list[type[GruardError]]:
    return [of, *(each for sub in of.__subclasses__() for each in errors(sub))]


CODES = ALWAYS | {error.exit_code for error in errors()}


def test_every_command_and_every_option_of_it_exists() -> None:
    programs = known()
    seen = list(words.calls())
    for call in seen:
        assert call.command in programs[call.program], f"{call.place}: {call.program} {call.command}"
        unknown = set(call.options) - programs[call.program][call.command]
        assert not unknown, f"{call.place}: {call.program} {call.command} has no {', '.join(sorted(unknown))}"
    assert len(seen) > 30


def test_every_option_that_stands_alone_exists_somewhere() -> None:
    options = {option for program in known().values() for own in program.values() for option in own}
    wrong = {(place, option) for place, option in words.bare_options() if option not in options}
    assert not wrong


def test_every_setting_exists() -> None:
    leaves = {".".join(path) for path, _ in reference.settings(Settings)}
    above = {".".join(leaf.split(".")[:depth]) for leaf in leaves for depth in (1, 2, 3)}
    for place, setting in words.settings(tuple(Settings.model_fields)):
        if setting in FILES:
            continue
        if setting.endswith("*"):
            assert any(leaf.startswith(setting[:-1]) for leaf in leaves), f"{place}: {setting}"
        else:
            generic = re.sub(r"(?<=^detector\.sensors\.)\w+", "<name>", setting)
            assert {setting, generic} & (leaves | above), f"{place}: no setting {setting}"


def test_every_metric_exists() -> None:
    notified = {family.name for family in NotifyMetrics([], "0").registry.collect()}
    declared = {each.name for each in Declared().all} | notified | {f"{name}_total" for name in notified}
    names = {name + suffix for name in declared for suffix in SUFFIXES}
    wrong = {(place, name) for place, name in words.metrics() if name not in names | VOLUMES}
    assert not wrong


def test_every_exit_code_exists_and_the_readme_tells_all_of_them() -> None:
    for place, code in words.exit_codes():
        assert code in CODES, f"{place}: exit {code}"
    told = " ".join(line for _, line in Page("README.md").prose)
    assert all(re.search(rf"\b{code}\b", told) for code in CODES - {130})
    table = [int(found[1]) for line in Page("docs/operations.md").lines if (found := words.ROW.match(line))]
    assert set(table) <= CODES


def test_every_target_of_make_exists() -> None:
    there = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    wrong = {(place, target) for place, target in words.targets() if target not in there}
    assert not wrong


def test_every_test_that_is_named_exists() -> None:
    named = {(place, path) for _, place, text in words.texts() for path in re.findall(r"\btests/[\w/.]*\w", text)}
    assert not {(place, path) for place, path in named if not (ROOT / path).exists()}


def test_the_readme_tells_every_command() -> None:
    told = {call.command for call in words.calls() if call.place.startswith("README.md")}
    assert set(commands.COMMANDS) <= told
