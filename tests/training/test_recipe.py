"""A bundle from histories: accepted by the service, made again bit for bit, honest about short or dull history."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from service import bundle
from service.errors import InputError
from service.manifest import Sensor
from tests.training.machines import SENSORS, START_MS, TINY, fitted, machines
from training import bundles
from training.datasets import dataset
from training.recipe import Spec, fit_histories, make

QUICK = TINY.model_copy(update={"epochs": 1})


def test_the_service_accepts_what_training_writes(tmp_path: Path) -> None:
    folder = bundles.write(fitted(), tmp_path)
    found = bundle.load(folder)
    assert [sensor.name for sensor in found.manifest.sensors] == list(SENSORS)
    assert (folder / "card.md").read_text().startswith("---\nname: machine\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["machine"]
    assert [path.name for path in (tmp_path / "machine").iterdir()] == ["1"]


def test_equal_seeds_and_histories_give_the_same_bundle(tmp_path: Path) -> None:
    once, again = (make(machines(2, 300), Spec("m", tmp_path, "1", QUICK, runs=None)) for _ in range(2))
    assert once.graph == again.graph
    one, two = (made.manifest.model_dump(exclude={"trained": {"git_revision"}}) for made in (once, again))
    assert one == two


def test_dull_and_missing_sensors_are_carried_but_not_scored(tmp_path: Path) -> None:
    histories = machines(2, 300).histories
    odd = [np.column_stack([h.values, np.full(300, 7.0), np.full(300, np.nan)]) for h in histories]
    sensors = [*(Sensor(name=name) for name in SENSORS), Sensor(name="constant"), Sensor(name="absent")]
    data = dataset([(h.device, h.times, v) for h, v in zip(histories, odd, strict=True)], sensors)
    found = bundle.load(fit_histories(data, Spec("odd", tmp_path, None, QUICK, tmp_path / "runs"))).manifest
    assert [sensor.scored for sensor in found.sensors] == [True, True, True, False, False]
    assert (found.golden.terms.numpy()[..., 3:] == 0).all()
    (run,) = (tmp_path / "runs").iterdir()
    assert json.loads((run / "settings.json").read_text())["epochs"] == 1
    assert len((run / "losses.jsonl").read_text().splitlines()) == 2


def test_one_sensor_and_a_short_history_are_enough(tmp_path: Path) -> None:
    history = machines(1, 160).histories[0]
    data = dataset([(history.device, history.times, history.values[:, :1])], [Sensor(name="flow")])
    found = make(data, Spec("short", tmp_path, "1", QUICK, runs=None)).manifest
    assert "whole history" in str(found.trained["limits_from"])
    assert [witness.name for witness in found.witnesses] == ["surprise", "level_4", "level_15", "change"]
    assert all(found.limit_seeds.values())


def test_a_history_in_which_nothing_ever_moves_gives_a_bundle_that_scores_nothing(tmp_path: Path) -> None:
    data = dataset([("still", START_MS + np.arange(200) * 1000, np.full((200, 1), 45.0))], [Sensor(name="x")])
    found = bundle.load(fit_histories(data, Spec("still", tmp_path, "1", QUICK, runs=None)))
    assert [sensor.scored for sensor in found.manifest.sensors] == [False]
    assert (found.folder / "forecast.png").exists()


def test_too_little_history_says_how_much_is_needed() -> None:
    with pytest.raises(InputError, match="longest history has 50 readings, expected 120"):
        dataset([("a", START_MS + np.arange(50) * 1000, np.zeros((50, 1), np.float32))], [Sensor(name="x")])


def test_versions_count_up(tmp_path: Path) -> None:
    assert bundles.next_version(tmp_path / "m") == "1"
    for name in ("1", "9", "10", "draft"):
        (tmp_path / "m" / name).mkdir(parents=True)
    assert bundles.next_version(tmp_path / "m") == "11"


def test_the_digest_of_data_follows_every_value() -> None:
    data = machines(1, 200)
    values = data.histories[0].values.copy()
    values[199, 2] += np.float32(0.001)
    other = replace(data, histories=(data.histories[0]._replace(values=values),))
    assert data.digest == machines(1, 200).digest != other.digest
