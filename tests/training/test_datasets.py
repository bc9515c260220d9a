"""Histories from files and arrays: every device in time order, each time once, nothing shuffled or lost in silence."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import InputError
from service.manifest import Sensor
from service.streams.files import Options
from tests.training.machines import SENSORS, START_MS, machines
from training import datasets


@given(order=st.permutations(list(range(150))), again=st.lists(st.integers(0, 149), max_size=20))
@settings(max_examples=20, deadline=None)
def test_rows_are_put_in_time_order_and_the_first_of_a_time_wins(order: list[int], again: list[int]) -> None:
    rows = np.array([*order, *again])
    values = np.stack([rows, np.arange(len(rows))], axis=1).astype(np.float32)
    made = datasets.dataset([("a", START_MS + rows * 1000, values)], [Sensor(name="x"), Sensor(name="row")])
    (history,) = made.histories
    assert (np.diff(history.times) == 1000).all()
    np.testing.assert_array_equal(history.values[:, 0], np.arange(150))
    assert (history.values[:, 1] < 150).all()
    assert made.period_s == 1


def test_devices_with_too_little_history_are_left_out_and_said_so() -> None:
    long, short = machines(2, 200).histories
    made = datasets.dataset(
        [long, (short.device, short.times[:50], short.values[:50])], [Sensor(name=n) for n in SENSORS]
    )
    assert [history.device for history in made.histories] == [long.device]
    assert "1 devices left out" in made.described[0]


def test_files_with_other_sensors_become_one_table(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 100, (130, 2))
    for name, columns in (("one", "a,b"), ("two", "b,c")):
        rows = "\n".join(f"{1_767_600_000 + n * 5},{left},{right}.5" for n, (left, right) in enumerate(values))
        (tmp_path / f"{name}.csv").write_text(f"time,{columns}\n{rows}\n")
    made = datasets.from_files([str(tmp_path / "one.csv"), str(tmp_path / "two.csv")], Options())
    assert [sensor.name for sensor in made.sensors] == ["a", "b", "c"]
    assert made.period_s == 5
    first, second = made.histories
    assert np.isnan(first.values[:, 2]).all()
    assert np.isnan(second.values[:, 0]).all()
    np.testing.assert_array_equal(first.values[:, 1], values[:, 1] + 0.5)
    np.testing.assert_array_equal(second.values[:, 1], values[:, 0])


def test_sensors_are_found_by_name_and_absent_ones_are_missing() -> None:
    data = machines(1, 150)
    turned = datasets.in_order_of(data, ("level", "absent", "flow"))
    np.testing.assert_array_equal(turned.histories[0].values[:, [0, 2]], data.histories[0].values[:, [2, 0]])
    assert np.isnan(turned.histories[0].values[:, 1]).all()


def test_a_file_without_readings_is_named(tmp_path: Path) -> None:
    file = tmp_path / "empty.csv"
    file.write_text("time,a\n")
    with pytest.raises(InputError, match=r"empty\.csv"):
        datasets.from_files([str(file)], Options())


def test_the_fleet_gives_ranges_and_units() -> None:
    made = datasets.from_fleet("pump", 2, 1800.0, 1)
    assert made.period_s == 5
    assert all(sensor.unit and sensor.low is not None and sensor.high is not None for sensor in made.sensors)
