"""The page of settings is as fresh as the classes, and the effective values are a file that says the same again."""

import json
from pathlib import Path

import jsonschema
import yaml

from service import reference
from service.settings import Settings
from service.sources import load

DOCS = Path(__file__).parents[2] / "docs"
PAGE, SCHEMA = DOCS / "configuration.md", DOCS / "alert.schema.json"


def test_the_page_in_docs_is_the_one_that_the_classes_make():
    assert PAGE.read_text("utf-8") == reference.reference(), "run `make docs`"


def test_the_schema_of_alerts_in_docs_is_the_one_that_the_model_makes():
    assert SCHEMA.read_text("utf-8") == reference.alert_schema(), "run `make docs`"
    jsonschema.Draft202012Validator.check_schema(json.loads(reference.alert_schema()))


def test_every_setting_is_told_with_its_bounds_and_its_default():
    page = reference.reference()
    for path, field in reference.settings(Settings):
        assert f"| `{'.'.join(path)}` | " in page
        assert field.is_required() or field.default is None or reference._plain(field.default) in page
    assert "| `http.port` | whole number, ≥ 0, ≤ 65535 | `8080` |" in page


def test_the_effective_configuration_is_a_file_that_gives_the_same_settings(tmp_path):
    environ = {
        "GRUARD_MODELS__PATTERNS": '{"a*": "pump"}',
        "GRUARD_READINGS__MAPPING__DEVICE": "key",
        "GRUARD_DETECTOR__SENSORS": '{"flow": {"low": 1}}',
        "GRUARD_ALERTS__MAINTENANCE": '[{"start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"}]',
    }
    first = load(None, environ=environ)
    file = tmp_path / "again.yaml"
    file.write_text(reference.effective(first))
    assert load(file, environ={}).settings == first.settings


def test_each_value_comes_with_its_origin():
    lines = reference.effective(load(None, environ={"GRUARD_HTTP__PORT": "9"})).splitlines()
    assert "# environment GRUARD_HTTP__PORT" in next(line for line in lines if "port:" in line)
    assert "# default" in next(line for line in lines if "kind:" in line)


def test_what_is_for_tests_alone_is_in_neither():
    assert "crash_at" not in reference.reference()
    assert "crash_at" not in yaml.safe_load(reference.effective(load(None, environ={})))["worker"]
