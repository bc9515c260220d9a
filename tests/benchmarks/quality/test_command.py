"""The command writes what the live detector says of every row, and figures of it where there are labels."""

import json
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.__main__ import main
from benchmarks.quality import command, product, run, summary
from benchmarks.quality.baselines import BASELINES
from benchmarks.quality.marks import Marks, beginnings, marks
from benchmarks.quality.run import PRODUCT, SHIPPED, WITHOUT_NETWORK, Job, Plan
from benchmarks.quality.series import SETS, Series, series_of
from benchmarks.quality.summary import Case
from service.backtest import backtest
from service.bundle import Bundles
from service.detector.scoring import NOTHING
from service.settings import Settings
from service.streams.files import Options
from tests.service.cli import ROOT

MODELS = ROOT / "models"
TRAIN, TEST, SENSORS = 200, 120, 3
START = np.datetime64("2024-03-01T00:00:00", "s")
every_set = pytest.mark.parametrize("name", list(SETS))


def machine(rows: int, sensors: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    waves = np.sin(np.arange(rows)[:, None] / np.arange(5, 5 + sensors))
    return (waves + random.normal(0, 0.2, (rows, sensors))).round(4).astype(np.float32)


def faulty(rows: int, sensors: int, at: slice, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    values, anomaly = machine(rows, sensors, seed), np.zeros(rows, np.uint8)
    values[at] += 6
    anomaly[at] = 1
    return values, anomaly


def make_nab(folder: Path, labelled: bool) -> None:
    values, _ = faulty(400, 1, slice(300, 330))
    times = [str(START + 300 * row).replace("T", " ") for row in range(400)]
    times[360] = times[359]
    path = folder / "data" / "realMade" / "one.csv"
    path.parent.mkdir(parents=True)
    pl.DataFrame({"timestamp": times, "value": values[:, 0]}).write_csv(path)
    if labelled:
        windows = {"realMade/one.csv": [[f"{times[290]}.000000", f"{times[340]}.000000"]]}
        (folder / "labels").mkdir()
        (folder / "labels" / "combined_windows.json").write_text(json.dumps(windows))


def make_skab(folder: Path, labelled: bool) -> None:
    for group, rows in (("valve1", 600), ("anomaly-free", 420)):
        values, anomaly = faulty(rows, SENSORS, slice(555, 590))
        columns = {"datetime": [str(START + row).replace("T", " ") for row in range(rows)]}
        columns |= {f"Sensor {s}": values[:, s] for s in range(SENSORS)}
        if labelled and group != "anomaly-free":
            columns |= {"anomaly": anomaly * 1.0, "changepoint": (np.diff(anomaly, prepend=0) != 0) * 1.0}
        (folder / group).mkdir(parents=True)
        pl.DataFrame(columns).write_csv(folder / group / "0.csv", separator=";")


def make_machines(folder: Path, labelled: bool) -> None:
    values, anomaly = faulty(TRAIN + TEST, SENSORS, slice(TRAIN + 60, TRAIN + 100))
    arrays = {"train": values[:TRAIN], "test": values[TRAIN:]}
    folder.mkdir(parents=True)
    np.savez(folder / "m-1.npz", **arrays, **({"labels": anomaly[TRAIN:]} if labelled else {}))


MAKE: dict[str, Callable[[Path, bool], None]] = {
    "nab": make_nab,
    "skab": make_skab,
    "smd": make_machines,
    "asd": make_machines,
}
WRITTEN = {"nab": ("realMade/one", 400), "skab": ("valve1/0", 600), "smd": ("smd/m-1", TEST), "asd": ("asd/m-1", TEST)}


class Here:
    """A pool that works in this process, for who has waited for torch once."""

    def __init__(self, *_: object) -> None: ...

    def __enter__(self) -> "Here":
        return self

    def __exit__(self, *_: object) -> None: ...

    def shutdown(self, cancel_futures: bool) -> None: ...

    def submit(self, work: Callable[[Job], object], job: Job) -> Future[object]:
        future: Future[object] = Future()
        future.set_result(work(job))
        return future


def quality(name: str, data: Path, output: Path, *more: str) -> int:
    return main(["quality", name, "--data", str(data), "--output", str(output), *more])


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "ProcessPoolExecutor", Here)
    monkeypatch.setattr(command, "CUTS", 1)


@pytest.fixture
def zero_shot(tmp_path: Path, here: None) -> Callable[[str, bool], Path]:
    """The output folder of a run on made data."""

    def told(name: str, labelled: bool) -> Path:
        MAKE[name](tmp_path / "data", labelled)
        output = tmp_path / "out"
        assert quality(name, tmp_path / "data", output, "--zero-shot", "--no-baselines", "--models", str(MODELS)) == 0
        return output

    return told


def written(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, schema_overrides={"time": pl.String, "score": pl.String, "event": pl.Float64})


def summary_of(output: Path) -> dict:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads((output / "summary.json").read_text(), parse_constant=refuse)


@pytest.mark.parametrize("name", ["nab", "skab", "smd"])
def test_a_row_per_input_row_and_figures_of_labelled_sets(name: str, zero_shot: Callable[[str, bool], Path]) -> None:
    output = zero_shot(name, True)
    path, rows = WRITTEN[name]
    table = written(output / f"{path}.csv")
    assert table.columns == ["time", "score", "event", "alert"]
    assert len(table) == rows
    assert [p.name for p in output.rglob("*.csv")] == [Path(path).name + ".csv"]
    score = table["score"].cast(pl.Float64).to_numpy()
    event = table["event"].to_numpy()
    np.testing.assert_array_equal(event[event > 0], score[event > 0])
    found = summary_of(output)
    assert set(found["detectors"]) == {PRODUCT, SHIPPED}
    for figures in found["detectors"].values():
        assert figures["alerts"]["events"] == 1
    assert found["detectors"][PRODUCT]["alerts"]["recall"] == 1
    assert found["detectors"][PRODUCT]["false_alarms"]["budget_per_10_000"] == pytest.approx(8)
    assert found["settings"]["zero_shot"]
    if name == "nab":
        assert table["score"][360] == table["score"][359]
        assert event[360] == 0
    if name == "skab":
        assert found["detectors"][PRODUCT]["change_of_f1_when_cut"]["hindsight"] <= 0.1
        assert found["false_alarms_on_healthy_files"][PRODUCT]["healthy_rows"] == 20


def test_without_labels_files_are_the_same_and_figures_left_out(
    zero_shot: Callable[[str, bool], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    output = zero_shot("asd", False)
    path, rows = WRITTEN["asd"]
    assert len(written(output / f"{path}.csv")) == rows
    assert summary_of(output)["detectors"] == {}
    assert "no labels" in capsys.readouterr().out


@every_set
def test_labels_change_nothing_but_what_is_known_of_a_series(name: str, tmp_path: Path) -> None:
    for labelled in (True, False):
        MAKE[name](tmp_path / str(labelled), labelled)
    with_labels, without = (series_of(name, tmp_path / each)[0] for each in ("True", "False"))
    assert summary.labels(with_labels) is not None
    assert summary.labels(without) is None
    np.testing.assert_array_equal(with_labels.values, without.values)
    assert (with_labels.times, with_labels.history) == (without.times, without.history)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Series]:
    folder = tmp_path_factory.mktemp("made") / "data"
    make_machines(folder, True)
    return folder, series_of("asd", folder)[0]


def test_files_of_a_fitted_run_are_what_a_backtest_says_with_the_same_bundle(
    made: tuple[Path, Series], tmp_path: Path, here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, series = made
    fit = product.fit
    monkeypatch.setattr(product, "fit", lambda series, seed, _: fit(series, seed, tmp_path / "models"))
    monkeypatch.setattr("service.report.available", lambda: False)  # its pictures take longer than all of this
    assert quality("asd", data, tmp_path / "out") == 0
    values = {name: series.values[:, s] for s, name in enumerate(series.sensors)}
    pl.DataFrame(values).write_csv(tmp_path / "rows.csv")
    budget = {"false_alarms_per_device_day": product.per_day(command.BUDGET, series.period_s)}
    settings = Settings.model_validate(
        {"models": {"path": tmp_path / "models", "default": product.NAME}, "detector": budget}
    )
    backtest([str(tmp_path / "rows.csv")], Options(period_s=series.period_s), settings, tmp_path / "backtest")
    live = pl.read_csv(tmp_path / "backtest" / "scores.csv", schema_overrides={"score": pl.String})[series.shown :]
    table = written(tmp_path / "out" / "asd" / "m-1.csv")
    assert table["time"].to_list() == [str(row) for row in range(TEST)]
    assert table["score"].to_list() == live["score"].to_list()
    assert table["alert"].to_list() == live["alert"].to_list()
    assert table["alert"].sum() > 0

    found = summary_of(tmp_path / "out")
    names = {PRODUCT, SHIPPED, WITHOUT_NETWORK, *(each.name for each in BASELINES)}
    assert set(found["detectors"]) | {"isolation forest"} == names
    for name, figures in found["detectors"].items():
        assert ("vus_pr" in figures) == (name != SHIPPED)
    assert found["made"]["torch"]


def test_another_process_writes_what_this_one_says(made: tuple[Path, Series], tmp_path: Path) -> None:
    data, series = made
    assert quality("asd", data, tmp_path / "out", "--zero-shot", "--no-baselines", "--models", str(MODELS)) == 0
    told = product.judge(series, Bundles(MODELS, "universal"), product.per_day(command.BUDGET, series.period_s))
    run.write(series, told.since(series.shown), tmp_path / "here")
    one, other = (tmp_path / folder / "asd" / "m-1.csv" for folder in ("out", "here"))
    assert one.read_bytes() == other.read_bytes()


def test_the_product_says_of_a_prefix_what_it_says_of_the_whole(made: tuple[Path, Series]) -> None:
    series, bundles = made[1], Bundles(MODELS, "universal")
    whole = product.judge(series, bundles, 100.0)
    for rows in (1, TRAIN + 40, TRAIN + 63):  # the last ends inside an alert
        part = product.judge(prefix(series, rows), bundles, 100.0)
        for of_whole, of_part in zip(columns(whole), columns(part), strict=True):
            np.testing.assert_array_equal(of_part, of_whole[:rows])
    assert whole.alert[TRAIN + 62]


def prefix(series: Series, rows: int) -> Series:
    return replace(series, times=series.times[:rows], time_ms=series.time_ms[:rows], values=series.values[:rows])


def columns(told: Marks) -> list[np.ndarray]:
    return [told.score, told.event, told.begun, told.alert]


def test_further_seeds_have_folders_of_their_own(made: tuple[Path, Series], tmp_path: Path) -> None:
    told = run.run(Job(prefix(made[1], TRAIN + 20), Plan(8.0, (4, 7), MODELS, (), tmp_path)))
    assert len(told.detectors[PRODUCT]) == 2
    first, second = tmp_path / "asd" / "m-1.csv", tmp_path / "seed-7" / "asd" / "m-1.csv"
    assert first.read_bytes() == second.read_bytes()  # nothing was fitted


@given(st.lists(st.floats(-3, 3, width=32, allow_subnormal=False), min_size=1, max_size=80), st.data())
def test_a_row_that_is_not_stepped_repeats_the_one_before_and_begins_nothing(said: list[float], data: st.DataObject):
    rows = len(said)
    stepped = np.array(data.draw(st.lists(st.booleans(), min_size=rows, max_size=rows)))
    evidence = np.where(stepped, np.array(said, np.float32), NOTHING)
    told = marks(evidence, evidence >= 0, stepped, 5)
    for row in np.flatnonzero(~stepped):
        assert told.score[row] == (told.score[row - 1] if row else 0)
        assert told.alert[row] == (told.alert[row - 1] if row else False)
    assert not told.event[~stepped].any()
    assert not told.begun[~stepped].any()
    np.testing.assert_array_equal(told.begun[stepped], beginnings(evidence[stepped], 5, 0.0))
    assert (told.score[told.begun] >= 1).all()


def perfect(series: Series) -> Marks:
    found = summary.labels(series)
    assert found is not None
    begun = np.diff(found.astype(int), prepend=0) > 0
    return Marks(found * 2.0, begun * 2.0, begun, found)


@every_set
def test_a_detector_that_knows_the_labels_has_the_best_figures(name: str, tmp_path: Path) -> None:
    MAKE[name](tmp_path / "data", True)
    series = series_of(name, tmp_path / "data")[0]
    found = summary.plain(summary.figures(name, [Case(series, perfect(series).since(series.shown), 8.0)]))
    assert found["alerts"]["recall"] == found["alerts"]["precision"] == 1
    assert found["false_alarms"]["count"] == 0
    if name == "nab":
        assert found["default_limit"]["standard"] == found["hindsight"]["standard"] == pytest.approx(100)
    elif name == "skab":
        assert found["alert"] == {"f1": 1, "far": 0, "mar": 0}
        assert found["hindsight"]["f1"] == 1
        assert found["changepoints_hindsight"]["found"] == 1  # its end is a changepoint too, and no event begins there
    else:
        assert found["vus_pr"]["mean"] > 0.9
        assert found["recall_at_5"]["recall"] == 1


def test_a_cut_that_changes_nothing_told_changes_no_figure(tmp_path: Path) -> None:
    make_skab(tmp_path / "data", True)
    series = series_of("skab", tmp_path / "data")[0]
    told, rows = perfect(series), 70
    short = run.shortened(series, rows)
    assert len(short.values) == len(short.time_ms) == len(series.values) - rows
    assert set(np.diff(short.time_ms)) == {1000}
    np.testing.assert_array_equal(short.anomaly[series.history :], series.anomaly[series.history + rows :])
    cut = told.at(run.kept_rows(series, rows))
    assert summary.change_when_cut([Case(series, told, 8.0)], [[cut]], [[rows]]) == {"alert": 0, "hindsight": 0}
    never = replace(cut, alert=np.zeros_like(cut.alert))
    assert summary.change_when_cut([Case(series, told, 8.0)], [[never]], [[rows]]) == {"alert": 1, "hindsight": 0}


def test_several_seeds_give_mean_deviation_and_each() -> None:
    found = summary.over_seeds({0: {"f1": 0.5, "of": (1.0, 2.0)}, 3: {"f1": 1.0, "of": (3.0, float("nan"))}})
    assert found["f1"] == 0.75
    assert found["of"] == [2.0, None]
    assert found["standard_deviation"]["f1"] == pytest.approx(0.5 / np.sqrt(2))
    assert found["seeds"] == {"0": {"f1": 0.5, "of": [1.0, 2.0]}, "3": {"f1": 1.0, "of": [3.0, None]}}


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        ([], 66, "no such folder"),
        (["--jobs", "0"], 2, "--jobs"),
        (["--budget", "nan"], 2, "--budget"),
        (["--seeds", "0,-1"], 2, "--seeds"),
        (["--zero-shot", "--seeds", "0,1"], 2, "--zero-shot"),
    ],
    ids=["absent", "jobs", "budget", "seeds", "zero-shot-seeds"],
)
def test_a_mistake_is_one_line(
    more: list[str], code: int, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert quality("asd", tmp_path / "absent", tmp_path / "out", *more) == code
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1


def test_a_series_that_cannot_be_fitted_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    np.savez(folder / "short.npz", train=machine(20, 2), test=machine(20, 2))
    with pytest.raises(Exception, match=r"asd/short: the longest history has 20 readings"):
        run.run(Job(series_of("asd", folder)[0], Plan(8.0, (0,), None, (), tmp_path)))
