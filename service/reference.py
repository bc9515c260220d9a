"""Settings as pages for people: the reference of every setting, and the effective values with their origins.

Both are made from the settings classes, so neither can say what the code does not. The second is itself a
configuration file: origins are its comments.
"""

import json
import types
import typing
from collections.abc import Iterator
from pathlib import Path as File
from typing import Any

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from service.detector.alerts import Alert
from service.settings import Settings
from service.sources import Loaded, Path, section

HEAD = """# Configuration

Generated from the settings classes by `make docs`; a test fails when it is stale.

One YAML file, named by `--config FILE`; every value is also an environment variable `GRUARD_<SECTION>__<FIELD>`
(`GRUARD_DETECTOR__GAP__POLICY`), and the environment wins over the file. Lists and maps are given as JSON there. An
unknown key or a value out of bounds ends the command with one line and exit code 78. `gruard config` shows the
effective values and where each came from.
"""
SIGNS = {Ge: "≥", Gt: ">", Le: "≤", Lt: "<"}


def reference() -> str:
    return HEAD + "".join(_section_page(name, field) for name, field in Settings.model_fields.items())


def alert_schema() -> str:
    """JSON Schema of an alert's value. Later versions may add members, so it is open to them."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Alert.model_json_schema(mode="serialization"),
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _section_page(name: str, field: FieldInfo) -> str:
    owner, _ = section(field.annotation)
    assert owner is not None
    rows = [_row(path, each) for path, each in settings(owner, (name,))]
    return f"\n## {name}\n\n| setting | type | default | meaning |\n|---|---|---|---|\n" + "".join(rows)


def _row(path: Path, field: FieldInfo) -> str:
    default = "required" if field.is_required() else f"`{_plain(field.default)}`"
    meaning = (field.description or "").replace("<", "\\<")  # a bare <name> would vanish as HTML
    cells = (f"`{'.'.join(path)}`", _type(field), "none" if default == "`null`" else default, meaning)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def settings(owner: type[BaseModel], above: Path = ()) -> Iterator[tuple[Path, FieldInfo]]:
    """Every setting of a section and of the sections in it; `<name>` and `[]` stand for keys and places."""
    for name, field in owner.model_fields.items():
        path = (*above, field.alias or name)
        below, many = section(field.annotation)
        if field.exclude:
            continue
        if below is None or many:
            yield path, field
        if below is not None:
            key = "[]" if typing.get_origin(field.annotation) is tuple else "<name>"
            yield from settings(below, (*path, key) if many else path)


def _type(field: FieldInfo) -> str:
    bounds = (f"{SIGNS[type(each)]} {getattr(each, type(each).__name__.lower())}" for each in _bounds(field))
    return ", ".join([_spelled(field.annotation), *bounds])


def _bounds(field: FieldInfo) -> list[Any]:
    return [each for each in field.metadata if type(each) in SIGNS]


def _spelled(annotation: Any) -> str:
    origin, branches = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return " or ".join(f"`{value}`" for value in branches)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_spelled(branch) for branch in branches if branch is not type(None))
    if origin is dict:
        return f"map of name to {_spelled(branches[1])}"
    if origin is tuple:
        return f"list of {_spelled(branches[0])}"
    if origin is typing.Annotated:
        return _spelled(branches[0])
    names = {
        str: "text",
        int: "whole number",
        float: "number",
        bool: "true or false",
        File: "path",
        SecretStr: "secret",
    }
    return names.get(annotation, "section")


def effective(loaded: Loaded) -> str:
    lines = []
    for name, value in _items(loaded.settings):
        lines += [f"{name}:", *_lines(value, (name,), loaded)]
    return "\n".join(lines) + "\n"


def _lines(owner: BaseModel, path: Path, loaded: Loaded) -> Iterator[str]:
    indent = "  " * len(path)
    for name, value in _items(owner):
        here = (*path, name)
        if isinstance(value, BaseModel):
            yield f"{indent}{name}:"
            yield from _lines(value, here, loaded)
        else:
            yield f"{indent}{name}: {_plain(value)}".ljust(56) + f" # {loaded.origin(here)}"


def _items(owner: BaseModel) -> Iterator[tuple[str, Any]]:
    for name, field in type(owner).model_fields.items():
        if not field.exclude:
            yield field.alias or name, getattr(owner, name)


def _plain(value: Any) -> str:
    """As YAML flow style, which JSON is; a secret is never written out (pydantic masks it)."""
    return json.dumps(_jsonable(value), ensure_ascii=False)


def _jsonable(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    if isinstance(value, dict):
        return {key: _jsonable(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [_jsonable(each) for each in value]
    return str(value) if isinstance(value, File | SecretStr) else value
