"""The reference of alerts is the schema's and the detector's: no member, event, type or reason is left out."""

import json
import re
import typing

import jsonschema

from service.detector.alerts import Event, Severity
from service.detector.explain import QUALITY_TEXT
from service.detector.explain import family as type_of
from service.manifest import Manifest
from service.reference import alert_schema
from service.worker.ledger import STATE_LOST
from tests.docs import fields
from tests.docs.pages import Page
from tests.service.cli import ROOT

PAGE = Page("docs/alerts.md")
REASON = re.compile(r'"(recovered|new_normal|open_too_long|forgotten)"')


def test_the_table_of_members_is_the_one_that_the_schema_makes() -> None:
    assert fields.table() in (ROOT / PAGE.name).read_text("utf-8"), "run `make docs`"


def test_the_example_is_an_alert() -> None:
    (example,) = (json.loads(block.text) for block in PAGE.blocks if block.language == "json")
    jsonschema.validate(example, json.loads(alert_schema()))


def test_every_type_event_severity_and_reason_is_told() -> None:
    told = {word for _, word in PAGE.words}
    types = {type_of(name) for path in ROOT.glob("models/*/*/manifest.json") for name in strengths(path.read_text())}
    assert types | set(QUALITY_TEXT) | set(typing.get_args(Event)) | set(typing.get_args(Severity)) <= told
    assert reasons() | {STATE_LOST} <= told


def strengths(manifest: str) -> list[str]:
    return list(Manifest.model_validate_json(manifest).strengths)


def reasons() -> set[str]:
    """As the detector spells them."""
    sources = [path.read_text("utf-8") for path in (ROOT / "service" / "detector").glob("*.py")]
    return {reason for source in sources for reason in REASON.findall(source)}
