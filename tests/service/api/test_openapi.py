"""The document in docs is the one that is served, it is one that OpenAPI knows, and every path in it is there."""

import json
from pathlib import Path

import jsonschema
import pytest

from service.api import openapi
from service.api.route import ROUTES

PAGE = Path(__file__).parents[3] / "docs" / "openapi.json"


def test_the_document_in_docs_is_the_one_that_the_classes_make():
    assert PAGE.read_text("utf-8") == openapi.text(), "run `make docs`"


def test_the_document_served_is_the_one_in_docs(site):
    said = site.raw("/openapi.json")
    assert (said.status, said.headers["Content-Type"]) == (200, "application/json")
    assert said.body == openapi.text().encode()


def references(tree):
    if isinstance(tree, dict):
        for name, value in tree.items():
            if name == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from references(value)


def test_every_reference_leads_somewhere_and_every_schema_is_one():
    document = openapi.document()
    schemas = document["components"]["schemas"]
    assert {text.rpartition("/")[2] for text in references(document)} == schemas.keys() - {"Problem"} | {"Problem"}
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_route_tells_what_may_go_wrong_with_it():
    document = openapi.document()
    assert list(document["paths"]) == [route.path for route in ROUTES]
    for path, operations in document["paths"].items():
        assert operations.keys() == {"get"}
        statuses = operations["get"]["responses"].keys()
        guarded = path.startswith("/api/") or path == "/openapi.json"
        assert ({"401", "403"} <= statuses) == guarded == ("security" in operations["get"])
        assert all("content" in response for response in operations["get"]["responses"].values())


@pytest.mark.parametrize("name", ["devices", "alerts"])
def test_parameters_are_told_with_their_bounds(name):
    told = {each["name"]: each for each in openapi.document()["paths"][f"/api/v1/{name}"]["get"]["parameters"]}
    assert {"limit", "after"} <= told.keys()
    assert told["limit"]["schema"] | {"default": 100, "minimum": 1, "maximum": 500} == told["limit"]["schema"]
    assert all(each["in"] == "query" and "required" not in each for each in told.values())
    assert "null" not in json.dumps(list(told.values()))
