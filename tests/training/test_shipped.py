"""The committed models, as they are, on simulated devices that nobody trained or tuned on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from service import bundle
from service.fleet import CLASSES
from training import datasets, evaluate, replay, shipped
from training.datasets import Dataset

MODELS = Path(__file__).parents[2] / "models"
UNSEEN = 515_151  # seed
WARM = 120  # readings

each_class = pytest.mark.parametrize("name", CLASSES)


def unseen(name: str) -> Dataset:
    return datasets.from_fleet(name, 5, 2 * 3600.0, UNSEEN)


@each_class
def test_each_class_model_beats_last_value_and_the_best_average_by_a_tenth(name: str) -> None:
    made = bundle.load(MODELS / name / "1")
    found = evaluate.of_bundle(made, unseen(name))
    baseline = np.minimum(found["last_value"], found["ewma"])
    assert found["model"].mean() < 0.9 * min(found["last_value"].mean(), found["ewma"].mean())
    assert (found["model"] < 0.9 * baseline).all()  # each sensor of them


def test_without_its_recurrent_weights_a_model_is_no_better_than_its_baselines() -> None:
    made = bundle.load(MODELS / "pump" / "1")
    model = onnx.load_from_string(made.graph)
    for weights in model.graph.initializer:
        if weights.name.startswith("forecaster.cell."):
            weights.CopyFrom(numpy_helper.from_array(np.zeros(list(weights.dims), np.float32), weights.name))
    data = unseen("pump")
    whole = evaluate.of_bundle(made, data)
    deaf = evaluate.of_bundle(replace(made, graph=model.SerializeToString()), data)
    assert deaf["model"].mean() > 1.5 * whole["model"].mean()
    assert deaf["model"].mean() > 0.9 * min(deaf["last_value"].mean(), deaf["ewma"].mean())


@each_class
def test_about_one_healthy_reading_in_twenty_lies_outside_the_band(name: str) -> None:
    made = bundle.load(MODELS / name / "1")
    traces = replay.trace(made.graph, made.manifest.memory[1], unseen(name))
    inside = [(np.abs(t.values - t.mean) <= t.scale)[WARM:][~np.isnan(t.values[WARM:])].mean() for t in traces]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize("name", [*CLASSES, shipped.UNIVERSAL])
def test_a_shipped_bundle_is_small_and_has_its_card(name: str) -> None:
    files = list((MODELS / name / shipped.VERSION).iterdir())
    assert sum(file.stat().st_size for file in files) < 1_000_000
    card = (MODELS / name / shipped.VERSION / "card.md").read_text(encoding="utf-8")
    assert card.startswith("---\n")
    pictures = {word.split(")")[0] for word in card.split("](")[1:] if word.split(")")[0].endswith(".png")}
    assert pictures <= {file.name for file in files}


@each_class
def test_a_shipped_model_keeps_its_device_within_the_promised_state(name: str) -> None:
    manifest = bundle.load(MODELS / name / "1").manifest
    assert manifest.state_size == manifest.units + 8 * len(manifest.sensors)


def test_shipped_history_comes_of_other_seeds_than_the_demo() -> None:
    assert shipped.FIRST_SEED >= 1000
    assert [sensor.name for sensor in shipped.history("fan", devices=1, duration_s=3600).sensors] == [
        sensor.name for sensor in CLASSES["fan"].sensors
    ]
