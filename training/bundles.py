"""Writes bundles and run folders; reads runs back. The only room here that knows how they lie on disk."""

import json
import os
import re
import shutil
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch
from pydantic import ValidationError

from service import bundle
from service.errors import InputError, UnavailableError
from service.manifest import Manifest
from training import evidence as evidence_room
from training import report
from training.evidence import Evidence
from training.network import Forecaster, Shape
from training.step import Step

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # of a bundle, as the manifest has it


@dataclass(frozen=True)
class Fitted:
    """All that a bundle, its card and its run folder are made of."""

    step: Step
    graph: bytes
    manifest: Manifest
    evidence: Evidence


def next_version(folder: Path) -> str:
    """One more than the newest numbered version of a bundle."""
    numbers = [int(path.name) for path in folder.glob("*") if re.fullmatch(r"[0-9]+", path.name)]
    return str(max(numbers, default=0) + 1)


def write(fitted: Fitted, output: Path) -> Path:
    """The bundle's folder. Made beside its place and moved there once the service accepts it: nobody meets a half."""
    place = output / fitted.manifest.name / fitted.manifest.version
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".making-", dir=place.parent) as making:
            made = Path(making) / place.name
            made.mkdir()
            _fill(made, fitted)
            shutil.rmtree(place, ignore_errors=True)
            made.rename(place)
    except OSError as error:
        raise UnavailableError(f"--output {output}: can't be written ({error.strerror}); give another folder") from None
    return place


def _fill(folder: Path, fitted: Fitted) -> None:
    (folder / bundle.GRAPH).write_bytes(fitted.graph)
    write_manifest(fitted.manifest, folder)
    bundle.load(folder)
    report.write(fitted.manifest, fitted.evidence, folder)


def write_manifest(manifest: Manifest, folder: Path) -> None:
    text = json.dumps(manifest.model_dump(mode="json"), indent=1, allow_nan=False)
    (folder / bundle.MANIFEST).write_text(text + "\n", encoding="utf-8")


def write_run(fitted: Fitted, runs: Path) -> Path:
    """Settings, losses, weights, manifest: what is needed to see how a model came about, and to export it again."""
    folder = runs / f"{fitted.manifest.name}-{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}"
    folder.mkdir(parents=True, exist_ok=True)
    settings = json.dumps(fitted.evidence.settings, indent=1)
    (folder / "settings.json").write_text(settings + "\n", encoding="utf-8")
    (folder / "shape.json").write_text(json.dumps(asdict(fitted.step.shape)) + "\n", encoding="utf-8")
    write_manifest(fitted.manifest, folder)
    evidence_room.save(fitted.evidence, folder)
    torch.save(fitted.step.state_dict(), folder / "weights.pt")
    return folder


def read_run(folder: Path) -> tuple[Step, Manifest, Evidence]:
    """Raises InputError when the folder is not a run's."""
    found = evidence_room.load(folder)
    try:
        manifest = Manifest.model_validate_json((folder / bundle.MANIFEST).read_bytes())
        shape = Shape(**json.loads((folder / "shape.json").read_text(encoding="utf-8")))
        weighted = any(witness.name == "weighted" for witness in manifest.witnesses)
        step = Step(Forecaster(shape), manifest.sample_period_s or 1.0, weighted).eval()
        step.load_state_dict(torch.load(folder / "weights.pt", weights_only=True))
    except (OSError, ValueError, TypeError, RuntimeError, ValidationError) as error:
        raise InputError(f"{folder}: can't be read as a run: {str(error).splitlines()[0]}") from None
    return step, manifest, found
