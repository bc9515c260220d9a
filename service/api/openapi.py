"""The OpenAPI document, made of the routes and the classes of their answers, so it can't say what the code does not."""

import json
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from service.api import answers
from service.api.asked import Asked
from service.api.doors import is_guarded
from service.api.route import JSON, PROBLEM, ROUTES, Route

Tree = dict[str, Any]

REFUSED = {
    400: "A parameter is wrong; `detail` names it",
    401: "The token is missing or wrong",
    403: "Exposed without a token, or asked for under a foreign host name",
    404: "There is no such thing",
    503: "The list of devices is being made; ask again",
}
RETRY = {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}}
REFERENCE = "#/components/schemas/{model}"


def document() -> Tree:
    classes: list[type[BaseModel]] = [answers.Problem, *(route.answer for route in ROUTES if route.answer)]
    _, schemas = models_json_schema(
        [(each, "serialization") for each in dict.fromkeys(classes)], ref_template=REFERENCE
    )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Gruard",
            "version": "1",
            "summary": "What a running service knows of its devices; read only",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": {route.path: {"get": _operation(route)} for route in ROUTES},
        "components": {
            "schemas": _ordered(schemas["$defs"]),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "where `http.token_file` is set"}
            },
        },
    }


def text() -> str:
    """As docs/openapi.json has it."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def _ordered(schemas: Tree) -> Tree:
    return {name: schemas[name] for name in sorted(schemas)}


def _operation(route: Route) -> Tree:
    guarded = is_guarded(route.path)
    statuses = (*route.also, *((401, 403) if guarded else ()))
    operation: Tree = {
        "operationId": route.name,
        "summary": route.summary,
        "parameters": [*_places(route), *_parameters(route.asked)],
        "responses": {"200": _answered(route), **{str(each): _refused(route, each) for each in sorted(statuses)}},
    }
    return {**operation, "security": [{"token": []}, {}]} if guarded else operation


def _places(route: Route) -> list[Tree]:
    if "{id}" not in route.path:
        return []
    told = "device id, percent-encoded, its slashes too"
    schema = {"type": "string", "minLength": 1}
    return [{"name": "id", "in": "path", "required": True, "description": told, "schema": schema}]


def _parameters(asked: type[Asked]) -> list[Tree]:
    properties = asked.model_json_schema()["properties"] if asked.model_fields else {}
    return [_parameter(name, dict(schema)) for name, schema in properties.items()]


def _parameter(name: str, schema: Tree) -> Tree:
    schema.pop("title", None)
    told = schema.pop("description", None)
    described = {"description": told} if told else {}
    return {"name": name, "in": "query", **described, "schema": schema}


def _answered(route: Route) -> Tree:
    if route.answer is not None:
        schema: Tree = {"$ref": REFERENCE.format(model=route.answer.__name__)}
    else:
        schema = {"type": "object" if route.content == JSON else "string"}
    return {"description": route.summary, "content": {route.content: {"schema": schema}}}


def _refused(route: Route, status: int) -> Tree:
    if route.answer is answers.Health:  # a probe says no in the shape in which it says yes
        return {**_answered(route), "description": "It is not; `status` says why"}
    schema = {"$ref": REFERENCE.format(model=answers.Problem.__name__)}
    later = {"headers": RETRY} if status == 503 else {}
    return {"description": REFUSED[status], **later, "content": {PROBLEM: {"schema": schema}}}
