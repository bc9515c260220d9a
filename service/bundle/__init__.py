"""Model bundles: found, read once, checked, held. What leaves this room has stepped its golden vectors.

A bundle is `<models>/<name>/<version>/{model.onnx, manifest.json, card.md}`, made by training and untrusted until every
check here has passed. Anything off is one BundleError: the file, what was found, what was expected, the way out.
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import from_json

from service.bundle.golden import GoldenError, check_golden
from service.bundle.graph import Graph, GraphError, Tensor, read
from service.bundle.inference import assert_denormals_flushed, session
from service.errors import BundleError
from service.manifest import FORMAT, Manifest

__all__ = ["Bundle", "Bundles", "assert_denormals_flushed", "find", "load", "session", "verdict"]

GRAPH = "model.onnx"
MANIFEST = "manifest.json"
GRAPH_CAP = 50 * 2**20  # bytes; the largest shipped graph is far below 1 MiB
MANIFEST_CAP = 20 * 2**20  # golden vectors of 128 sensors stay below 5 MiB

_AGAIN = "copy the bundle again, or rebuild it with gruard-train"


@dataclass(frozen=True)
class Bundle:
    """A bundle that passed every check; `graph` holds the very bytes that were checked."""

    manifest: Manifest
    graph: bytes
    folder: Path

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def version(self) -> str:
        return self.manifest.version


def find(path: Path) -> dict[str, list[str]]:
    """Names to versions, oldest first (numbers compare as numbers). A folder without a manifest is no bundle."""
    found: dict[str, list[str]] = {}
    for manifest in sorted(Path(path).glob(f"*/*/{MANIFEST}")):
        found.setdefault(manifest.parent.parent.name, []).append(manifest.parent.name)
    return {name: sorted(versions, key=_age) for name, versions in found.items()}


def _age(version: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.findall(r"\d+|\D+", version)]


def load(folder: Path) -> Bundle:
    """Read and check a bundle. Raises BundleError; blocks for as long as its golden vectors take to step."""
    folder = Path(folder)
    manifest = _manifest(folder / MANIFEST)
    where = folder / GRAPH
    graph = _bytes(where, GRAPH_CAP)
    digest = hashlib.sha256(graph).hexdigest()
    if digest != manifest.sha256:
        raise _error(where, f"has sha256 {digest[:12]}…, expected {manifest.sha256[:12]}… as {MANIFEST} says")
    try:
        _check_tensors(read(graph), manifest)
        check_golden(graph, manifest)
    except (GraphError, GoldenError) as error:
        raise _error(where, str(error)) from None
    return Bundle(manifest, graph, folder)


def verdict(folder: Path) -> str:
    """One line for `gruard models`: what the bundle is, or what is wrong with it."""
    try:
        manifest = load(folder).manifest
    except BundleError as error:
        return str(error)
    sensors = "any sensors" if manifest.universal else f"{len(manifest.sensors)} sensors"
    period = f", every {manifest.sample_period_s:g} s" if manifest.sample_period_s else ""
    return f"ok: {manifest.cell}, {sensors}{period}, {len(manifest.strengths)} strengths, sha256 {manifest.sha256[:12]}"


class Bundles:
    """Every bundle that a process serves, loaded and checked when this is made.

    `path` is the setting models.path, `default` models.default; both and `pinned` may say `name@version`, otherwise
    a name means its newest version. Raises BundleError for the first bundle that fails.
    """

    def __init__(self, path: Path, default: str, pinned: Iterable[str] = ()) -> None:
        self._path = Path(path)
        self._found = find(self._path)
        if not self._found:
            raise BundleError(
                f"models.path: no bundle in {path}, expected <name>/<version>/{MANIFEST}: run make models"
            )
        self._loaded: dict[str, Bundle] = {}
        for name in [*self._found, default, *(p for p in pinned if "@" in p)]:
            self._load(name)
        self._default = self._loaded[default]

    @property
    def default(self) -> Bundle:
        return self._default

    def get(self, name: str) -> Bundle | None:
        """By name (its newest version), or by name@version if that was pinned. Reads nothing from disk."""
        return self._loaded.get(name)

    def all(self) -> list[Bundle]:
        """Each once, by name and version."""
        unique = {bundle.folder: bundle for bundle in self._loaded.values()}
        return sorted(unique.values(), key=lambda bundle: (bundle.name, _age(bundle.version)))

    def _load(self, wanted: str) -> None:
        name, _, version = wanted.partition("@")
        versions = self._found.get(name, [])
        if not versions or (version and version not in versions):
            has = ", ".join(f"{n}@{v}" for n, vs in self._found.items() for v in vs)
            raise BundleError(f"models.default or models.patterns: no bundle {wanted!r} in {self._path}, it has {has}")
        key = f"{name}@{version or versions[-1]}"
        if key not in self._loaded:
            self._loaded[key] = self._at_its_place(name, version or versions[-1])
        self._loaded[wanted] = self._loaded[key]

    def _at_its_place(self, name: str, version: str) -> Bundle:
        bundle = load(self._path / name / version)
        if (bundle.name, bundle.version) != (name, version):
            says = f"says it is {bundle.name}@{bundle.version}, expected {name}@{version} as its folder does"
            raise _error(bundle.folder / MANIFEST, says, "move the bundle to where it belongs")
        return bundle


def _error(where: Path, found: str, way_out: str = _AGAIN) -> BundleError:
    return BundleError(" ".join(f"{where} {found}: {way_out}".split()))


def _bytes(where: Path, cap: int) -> bytes:
    try:
        # O_NONBLOCK: a named pipe in place of a file must not hang the start
        with open(os.open(where, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise _error(where, "is not a plain file")
            if status.st_size > cap:
                raise _error(where, f"is {status.st_size:,} bytes long, expected at most {cap:,}")
            return file.read(cap)
    except OSError as error:
        raise _error(where, f"can't be read ({error.strerror})") from None


def _manifest(where: Path) -> Manifest:
    text = _bytes(where, MANIFEST_CAP)
    try:
        found = from_json(text)
    except ValueError as error:
        raise _error(where, f"is not JSON ({error})") from None
    version = found.get("format") if isinstance(found, dict) else None
    if version != FORMAT:
        raise _error(
            where, f"has format {version!r:.40}, expected {FORMAT}", "rebuild it with this release's gruard-train"
        )
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"])) or "manifest"
        value = "" if field == "manifest" else f" (found {first['input']!r:.60})"
        raise _error(where, f"{field}: {first['msg']}{value}") from None


def _check_tensors(graph: Graph, manifest: Manifest) -> None:
    """Names, dtypes and shapes against the manifest. Raises GraphError."""
    sensors: int | str = "sensors" if manifest.universal else len(manifest.sensors)
    row: int | str = "row" if manifest.universal else manifest.row_size(0)
    each, plane = ("batch",), ("batch", sensors)
    inputs = {name: Tensor("float32", each) for name in ("elapsed", "learn", "alerting")}
    inputs |= {"values": Tensor("float32", plane), "state": Tensor("float32", ("batch", row))}
    inputs |= {"time": Tensor("int64", each)}
    names = ("mean", "scale", "reference", "reference_scale", "held")
    outputs = {name: Tensor("float32", plane) for name in names}
    outputs["terms"] = Tensor("float32", ("batch", len(manifest.witnesses), sensors))
    outputs["next_state"] = Tensor("float32", ("batch", row))
    _compare("input", graph.inputs, inputs)
    _compare("output", graph.outputs, outputs)


def _compare(kind: str, found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    if set(found) != set(expected):
        raise GraphError(f"has {kind}s {', '.join(sorted(found))}, expected {', '.join(sorted(expected))}")
    for name, tensor in expected.items():
        # what a symbolic axis is called matters to nobody, that it is symbolic does
        shape = tuple(n if isinstance(n, int) else "" for n in found[name].shape)
        if found[name].dtype != tensor.dtype or shape != tuple(n if isinstance(n, int) else "" for n in tensor.shape):
            raise GraphError(f"has {kind} {name} as {_words(found[name])}, expected {_words(tensor)}")


def _words(tensor: Tensor) -> str:
    return f"{tensor.dtype}({', '.join(map(str, tensor.shape))})"
