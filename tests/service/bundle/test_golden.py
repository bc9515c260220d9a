"""Golden vectors and manifest: what training wrote down is what this runtime must reproduce."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.bundle import load
from service.bundle.golden import allowed
from service.manifest import Array
from tests.service.bundles import Draft, refusal

Damage = Callable[[Draft], Any]


def golden(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Damage:
    def damage(draft: Draft) -> None:
        array = Array.model_validate(draft.manifest["golden"][name]).numpy().copy()
        draft.manifest["golden"][name] = Array.of(change(array)).model_dump(mode="json")

    return damage


def nudge(by: float) -> Callable[[np.ndarray], np.ndarray]:
    def change(array: np.ndarray) -> np.ndarray:
        array.flat[-1] += by * (1 + abs(array.flat[-1]))
        return array

    return change


def put(*path: str, value: Any) -> Damage:
    def damage(draft: Draft) -> None:
        place = draft.manifest
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value

    return damage


DAMAGED_MANIFESTS: dict[str, tuple[Damage, str]] = {
    "mean off": (golden("mean", nudge(3e-5)), "gives mean"),
    "scale off": (golden("scale", nudge(3e-5)), "gives scale"),
    "terms off": (golden("terms", nudge(3e-5)), "gives terms"),
    "state off": (golden("state", nudge(-3e-5)), "gives state"),
    "golden NaN": (golden("state", nudge(np.nan)), "expected nan"),
    "golden values of another width": (golden("values", lambda a: a[:, :, :1]), "golden values of 1 sensors"),
    "golden of no steps": (golden("values", lambda a: a[:0]), "golden values of shape (0, 3, 2)"),
    "golden of too many rows": (golden("values", lambda a: np.tile(a, (1, 99, 1))), "rows up to 256"),
    "golden state of another size": (golden("state", lambda a: a[:, :1]), "golden state as <f4(3, 1)"),
    "golden time as float": (golden("time", lambda a: a.astype("f4")), "golden time as <f4(12, 3)"),
    "wrong format": (put("format", value=2), "format 2, expected 1"),
    "no format": (lambda draft: draft.manifest.pop("format"), "format None, expected 1"),
    "no golden vectors": (lambda draft: draft.manifest.pop("golden"), "golden: Field required"),
    "unknown field": (put("surprise", value=1), "surprise: Extra inputs"),
    "no limit seeds": (put("limit_seeds", value={}), "limit_seeds lacks surprise/15, surprise/4"),
    "state size of nothing": (put("state_size", value=0), "state_size: Input should be greater than 0"),
    "digest that is none": (put("sha256", value="abc"), "sha256: String should match"),
    "base64 that is none": (put("golden", "mean", "data", value="*"), "golden.mean"),
    "array shorter than its shape": (put("golden", "mean", "data", value="AAAA"), "golden.mean"),
}


@pytest.mark.parametrize("kind", DAMAGED_MANIFESTS)
def test_a_damaged_manifest_is_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    damage, said = DAMAGED_MANIFESTS[kind]
    draft = Draft()
    damage(draft)
    folder = draft.write(tmp_path)
    if kind == "digest that is none":
        text = (folder / "manifest.json").read_text()
        digest = json.loads(text)["sha256"]
        (folder / "manifest.json").write_text(text.replace(digest, "abc"))
    assert said in refusal(folder)


@pytest.mark.parametrize("by", [0.5e-5, -0.5e-5])
def test_golden_vectors_within_the_tolerance_are_met(tmp_path: Path, by: float) -> None:
    draft = Draft()
    golden("mean", nudge(by))(draft)
    load(draft.write(tmp_path))


@pytest.mark.parametrize("unit", [1e-6, 1.0, 2.0**20])
def test_a_sensor_may_be_off_by_a_share_of_its_own_size_whatever_its_unit(unit: float) -> None:
    run = np.array([[[3.0, 0.0]], [[0.0, 0.0]], [[-5.0, 0.0]]])  # (steps, rows, sensors); the first one crosses 0
    assert allowed("mean", unit * run)[:, 0, 0] == pytest.approx([5e-5 * unit] * 3)
    assert (allowed("mean", unit * run)[:, 0, 1] < 1e-30).all()
