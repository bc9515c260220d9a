"""Row 10: another model or other settings between two runs: what was learnt is never mixed, and never silently lost."""

import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.conftest import Input, Tell
from tests.chaos.scene import FALSE_ALARMS, Scene
from tests.chaos.test_row_09_state import consistent, half
from tests.chaos.traffic import PARTITIONS
from tests.service.real import MODELS


def other_settings(folder: Path) -> dict[str, dict[str, Any]]:
    return {"detector": {"false_alarms_per_device_day": FALSE_ALARMS / 4}}


def other_model(folder: Path) -> dict[str, dict[str, Any]]:
    """No model of the class any more: the universal one serves its devices."""
    shutil.copytree(MODELS, folder / "models", ignore=shutil.ignore_patterns("meter"))
    return {"models": {"path": str(folder / "models")}}


CHANGES = {"settings": other_settings, "model": other_model}
RESULTS = {
    ("settings", signal.SIGTERM): {"migrated"},
    ("settings", signal.SIGKILL): {"migrated", "inexact"},  # migrated: killed where nothing was read since its snapshot
    ("model", signal.SIGTERM): {"reset", "migrated"},
    ("model", signal.SIGKILL): {"reset", "migrated", "inexact"},
}


@pytest.mark.chaos
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_a_change_between_two_runs_is_counted_and_never_mixes(
    scene: Scene, given: Input, tmp_path: Path, tell: Tell, change: str, how: signal.Signals
):
    half(scene, how)
    changed = CHANGES[change](tmp_path)
    new = scene.worker(**changed)
    new.until(lambda: len(new.told("restored")) == PARTITIONS, "a restore of all partitions")
    results = {entry["result"] for entry in new.told("restored")}
    assert results <= RESULTS[change, how], results
    if how == signal.SIGKILL:
        assert results & {"inexact", "reset"}
    assert {entry["level"] for entry in new.told("restored")} == {"warning"}, "never silent"
    new.kill()  # what the change made is a state like any other: from here on everything is exact again
    again = scene.finish(**changed)
    assert {entry["result"] for entry in again.told("restored")} <= {"exact", *RESULTS[change, how]}
    tell(10, f"other {change}, worker {how.name}", seed=given.seed, restores=", ".join(sorted(results)))
    consistent(scene.alerts())
