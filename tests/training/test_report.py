"""The card says what the manifest says, and pictures are drawn again from a run folder alone."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.training.machines import fitted
from training import bundles, evidence, report


def test_the_front_matter_is_yaml_and_agrees_with_the_manifest() -> None:
    card = report.card(fitted().manifest, fitted().evidence)
    front = yaml.safe_load(card.split("---")[1])
    assert front["name"] == "machine"
    assert front["version"] == "1"
    assert front["sha256"] == fitted().manifest.sha256
    assert front["metrics"]["error_model"] == fitted().manifest.metrics["error_model"]
    for heading in (
        "Model details",
        "Intended use",
        "Factors",
        "Metrics",
        "Training data",
        "Evaluation data",
        "Caveats",
    ):
        assert f"\n## {heading}\n" in card
    assert all(f"| {name} |" in card for name in fitted().manifest.strengths)


def test_a_run_folder_gives_back_the_step_and_its_evidence(tmp_path: Path) -> None:
    folder = bundles.write_run(fitted(), tmp_path)
    step, manifest, found = bundles.read_run(folder)
    assert manifest == fitted().manifest
    assert all((step.state_dict()[name] == value).all() for name, value in fitted().step.state_dict().items())
    np.testing.assert_array_equal(found.losses, fitted().evidence.losses)
    assert report.card(manifest, found) == report.card(manifest, fitted().evidence)
    evidence.save(found, tmp_path)
    for name in ("losses.jsonl", "evidence.json"):
        assert (tmp_path / name).read_text() == (folder / name).read_text()


def test_limits_are_the_detectors_order_statistic() -> None:
    maxima = np.arange(1, 168, dtype=np.float64)
    day = 86_400.0
    # Half an alarm in a hundred readings is more than 16 in 10,000, the most that is spent: rank 168 x (1 - 0.096).
    assert report.limit(maxima, period_s=day / 100) == 152
    few = report.limit(maxima, period_s=5.0)
    assert few == pytest.approx(167 * (1 / (168 * 60 * 0.5 * 5 / day)) ** 0.3)
