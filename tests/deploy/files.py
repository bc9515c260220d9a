"""The files of deployment as their readers see them: compose with its variables filled in, the Dockerfile by stages."""

import importlib.util
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from tests.service.cli import ROOT

OURS = "gruard:local"
CONSOLE = "gruard-console:local"
GRAFANA = "grafana/grafana"
VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


def compose(name: str) -> dict[str, Any]:
    """As `docker compose` reads it where no variable is set."""
    text = VARIABLE.sub(lambda found: found[2], (ROOT / name).read_text("utf-8"))
    assert "${" not in text, "a variable without a default is another step before `up`"
    tree: dict[str, Any] = yaml.safe_load(text)
    return tree


def variables(name: str) -> set[str]:
    return {found[0] for found in VARIABLE.findall((ROOT / name).read_text("utf-8"))}


def published(name: str) -> dict[str, str]:
    """Service to the variable that moves its port."""
    tree = yaml.safe_load((ROOT / name).read_text("utf-8"))
    ports = {service: " ".join(each.get("ports", [])) for service, each in tree["services"].items()}
    return {service: VARIABLE.findall(text)[0][0] for service, text in ports.items() if text}


def together(*names: str) -> dict[str, Any]:
    """Several files, the later over the earlier, as far as ours need it: maps are merged, lists are joined."""
    return _merged([compose(name) for name in names])


def _merged(trees: list[Any]) -> Any:
    last = trees[-1]
    if isinstance(last, dict):
        keys = dict.fromkeys(key for tree in trees for key in tree)
        return {key: _merged([tree[key] for tree in trees if key in tree]) for key in keys}
    if isinstance(last, list) and all(isinstance(tree, list) for tree in trees):
        return [each for tree in trees for each in tree] if len(trees) > 1 else last
    return last


@dataclass
class Stage:
    name: str
    parent: str
    steps: list[tuple[str, str]] = field(default_factory=list)  # instruction, its arguments

    def all(self, instruction: str) -> list[str]:
        return [rest for name, rest in self.steps if name == instruction]


def stages() -> dict[str, Stage]:
    """By name, in their order."""
    found: dict[str, Stage] = {}
    text = (ROOT / "Dockerfile").read_text("utf-8")
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.M)
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        instruction, _, rest = line.strip().partition(" ")
        if instruction == "FROM":
            parent, name = re.fullmatch(r"(\S+) AS (\S+)", rest).groups()  # type: ignore[union-attr]
            found[name] = Stage(name, parent)
        elif instruction and found:
            list(found.values())[-1].steps.append((instruction, rest.strip()))
    return found


def lineage(name: str) -> list[Stage]:
    """The stage and those it is made from, the first first."""
    known = stages()
    stage = known[name]
    return [*(lineage(stage.parent) if stage.parent in known else []), stage]


def image_environment(target: str = "service") -> dict[str, str]:
    """What an image sets for everybody."""
    pairs = [pair for stage in lineage(target) for rest in stage.all("ENV") for pair in rest.split()]
    return dict(pair.split("=", 1) for pair in pairs)


def words(value: str) -> list[str]:
    """A command in exec form."""
    given = json.loads(value)
    assert isinstance(given, list), value
    return [str(word) for word in given]


def module(path: Path) -> ModuleType:
    """A script that is no part of a package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded
