"""Where settings come from: options of the command over the environment over one YAML file over the defaults.

Comes in: a file's path, GRUARD_<SECTION>__<FIELD> variables, options. Goes out: checked settings, each value with
its origin. Whatever is wrong ends as one ConfigurationError that names field, value, where it was set and the way out.
"""

import difflib
import itertools
import json
import os
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from service.errors import ConfigurationError
from service.settings import Settings

PREFIX = "GRUARD_"
CRASH_AT = "GRUARD_CRASH_AT"  # outside the sections, for it is for tests and nobody should have it in a file
WAY_OUT = "`gruard config --reference` lists every setting"

Path = tuple[str, ...]  # of keys, from the section down
Tree = dict[str, Any]


@dataclass(frozen=True)
class Loaded:
    settings: Settings
    origins: dict[Path, str]  # of what was set; anything else is a default

    def origin(self, path: Path) -> str:
        """Where the value at `path` was set: there, above it, or at something inside it."""
        for known, origin in self.origins.items():
            if known == path[: len(known)] or path == known[: len(path)]:
                return origin
        return "default"


def load(
    file: File | None = None, options: Mapping[Path, Any] | None = None, environ: Mapping[str, str] | None = None
) -> Loaded:
    """Raises ConfigurationError. A value set twice is the last one's: file, environment, options."""
    tree: Tree = {}
    origins: dict[Path, str] = {}
    layers = (_from_file(file), _from_environment(os.environ if environ is None else environ), _from_options(options))
    for path, value, origin in (entry for layer in layers for entry in layer):
        _put(tree, path, value, origin)
        origins = {known: told for known, told in origins.items() if known[: len(path)] != path} | {path: origin}
    try:
        return Loaded(Settings.model_validate(tree), origins)
    except ValidationError as error:
        raise ConfigurationError(_one_line(error, Loaded(Settings(), origins))) from None


Entries = Iterator[tuple[Path, Any, str]]


def _from_options(options: Mapping[Path, Any] | None) -> Entries:
    for path, value in (options or {}).items():
        if value is not None:
            yield path, value, "option"


def _from_environment(environ: Mapping[str, str]) -> Entries:
    for name in sorted(environ):
        if name.startswith(PREFIX):
            path = ("worker", "crash_at") if name == CRASH_AT else tuple(name.removeprefix(PREFIX).lower().split("__"))
            if path[0] not in Settings.model_fields or len(path) < 2:
                raise ConfigurationError(_unknown(".".join(path), path[0], Settings, f"environment {name}"))
            yield path, _parsed(name, environ[name]), f"environment {name}"


def _parsed(name: str, text: str) -> Any:
    """Lists and maps are JSON; anything else stays text and takes the field's type."""
    if not text.lstrip().startswith(("[", "{")):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"{name}={_shown(text)}: a list or a map is given as JSON, {error}") from None


def _from_file(file: File | None) -> Entries:
    if file is None:
        return
    for path, value in _leaves(_read(file)):
        yield path, value, f"file {file}"


def _read(file: File) -> Tree:
    try:
        tree = yaml.load(file.read_bytes(), _Strict)
    except OSError as error:
        raise ConfigurationError(f"cannot read the configuration {file}: {error.strerror}") from None
    except yaml.MarkedYAMLError as error:
        mark, problem = error.problem_mark, error.problem or error
        where = f" line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigurationError(f"{file}{where}: {_squash(problem)}; it has to be one YAML mapping") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} is not YAML in UTF-8: {_squash(error)}") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigurationError(f"{file} holds {_shown(tree)} where sections are expected, such as `http:`")
    return tree


def _leaves(tree: Tree, above: Path = ()) -> Iterator[tuple[Path, Any]]:
    for key, value in tree.items():
        path = (*above, str(key))
        if isinstance(value, dict) and value:
            yield from _leaves(value, path)
        elif value is not None:  # `http:` with nothing under it says nothing
            yield path, value


def _put(tree: Tree, path: Path, value: Any, origin: str) -> None:
    for key in path[:-1]:
        tree = tree.setdefault(key, {})
        if not isinstance(tree, dict):
            raise ConfigurationError(
                f"{'.'.join(path)} ({origin}): {key} already has a plain value; set one of the two"
            )
    tree[path[-1]] = value


class _Strict(yaml.SafeLoader):
    """YAML without two surprises: a key given twice is an error, and a time stays the text it was."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        if twice := [key for key in keys if keys.count(key) > 1]:
            raise yaml.constructor.ConstructorError(None, None, f"key `{twice[0]}` is given twice", node.start_mark)
        return super().construct_mapping(node, deep)


_Strict.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _one_line(error: ValidationError, loaded: Loaded) -> str:
    """The first thing wrong, and how many more there are."""
    details = error.errors(include_url=False)
    first, more = details[0], len({_field(each["loc"])[0] for each in details}) - 1
    path, owner = _field(first["loc"])
    origin = loaded.origin(path)
    if first["type"] == "extra_forbidden":
        line = _unknown(".".join(path), path[-1], owner, origin)
    else:
        value = "" if first["type"] == "missing" else f" = {_shown(first['input'])}"
        line = f"{'.'.join(path)}{value} ({origin}): {_reason(details, path)}; {WAY_OUT}"
    return line + (f" ({more} more like this)" if more else "")


def _reason(details: list[ErrorDetails], path: Path) -> str:
    """What the field wanted; a field that takes one of several types tells all of them."""
    reasons = [each["msg"] for each in details if _field(each["loc"])[0] == path]
    return _squash(" or ".join(dict.fromkeys(reason[:1].lower() + reason[1:] for reason in reasons)))


def _field(location: tuple[int | str, ...]) -> tuple[Path, type[BaseModel]]:
    """The named part of pydantic's location (which goes on into union branches), and the class that holds it."""
    owner: type[BaseModel] = Settings
    path: list[str] = []
    parts = iter(location)
    for part in parts:
        path.append(str(part))
        annotation = annotations(owner).get(str(part))
        below, many = section(annotation)
        if below is None:
            break
        path += [str(key) for key in itertools.islice(parts, 1 if many else 0)]
        owner = below
    return tuple(path), owner


def annotations(owner: type[BaseModel]) -> dict[str, Any]:
    """Types of a section's fields, by the key that a file spells them with."""
    return {field.alias or name: field.annotation for name, field in owner.model_fields.items()}


def section(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """The section that a field holds, if it does, and whether it holds many of them (in a list or a map)."""
    branches = typing.get_args(annotation) or (annotation,)
    below = next((each for each in branches if isinstance(each, type) and issubclass(each, BaseModel)), None)
    return below, typing.get_origin(annotation) in (tuple, dict)


def _unknown(setting: str, key: str, owner: type[BaseModel], origin: str) -> str:
    known = list(annotations(owner))
    near = difflib.get_close_matches(key, known, 1)
    hint = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(known)}"
    return f"no setting {setting} ({origin}): {hint}; {WAY_OUT}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _squash(text: object) -> str:
    return " ".join(str(text).split())
