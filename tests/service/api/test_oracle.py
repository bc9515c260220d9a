"""What the API shows of a device is what a backtest of the same readings writes: to the last bit of a float32."""

from collections import defaultdict

import numpy as np
import polars as pl
import pytest

from service.backtest import RecordingSource, backtest
from service.bundle import Bundles
from service.detector import Detector
from service.detector.resolve import present_names
from service.host import Guest
from service.streams.files import Options
from service.streams.files.recording import recording
from service.worker.observer import Silent
from tests.service.api.site import fed, served, settings
from tests.service.cli import gruard

READINGS = 300  # http.recent_readings


@pytest.fixture(scope="module")
def recorded(own, messages, tmp_path_factory):
    """The same messages in a file: of the stream that is served, what was read may be pruned."""
    folder = tmp_path_factory.mktemp("recorded")
    fed(settings(folder), messages)
    said = gruard("record", "--output", "all.parquet", cwd=folder, env={
        "GRUARD_EMBEDDED__PATH": str(folder / "stream.db")})  # fmt: skip
    assert said.code == 0, said.error
    return folder / "all.parquet"


@pytest.fixture(scope="module")
def scores(own, recorded, tmp_path_factory):
    """scores.csv, by device."""
    folder = tmp_path_factory.mktemp("backtest")
    backtest([str(recorded)], Options(), own, folder, show=lambda line: None)
    types = dict.fromkeys(("score", "evidence", "limit"), pl.Float32)
    table = pl.read_csv(folder / "scores.csv", schema_overrides=types)
    return {name[0]: group for name, group in table.group_by("device", maintain_order=True)}


def of(values):
    return np.array([np.nan if value is None else value for value in values], np.float32)


def test_scores_evidence_limits_and_alerts_are_those_of_the_backtest(site, scores):
    assert len(scores) == site.get("devices")["total"]
    longest = 0
    for device, table in scores.items():
        recent, last = site.device(device)["recent"], table.tail(READINGS)
        assert recent["time"] == last["time"].to_list(), device
        for name in ("score", "evidence", "limit"):
            np.testing.assert_array_equal(of(recent[name]), last[name].to_numpy(), strict=True)
        assert recent["alert"] == [bool(value) for value in last["alert"]]
        assert recent["leading_sensor"] == [value or "" for value in last["leading_sensor"]]
        longest = max(longest, len(table))
    assert longest > READINGS // 2


def test_observed_expected_and_band_are_those_that_the_detector_worked_with(site, own, recorded):
    found = defaultdict(list)
    bundles = Bundles(own.models.path, own.models.default)
    detector = Detector(bundles, own.detector, own.alerts, own.models.patterns, scores=True)
    for readings, outcome in RecordingSource(recording(str(recorded)), own, 997).steps(detector):
        detector.fold(outcome)
        if readings is None:
            continue
        scores, names = outcome.scores, readings.sensors
        for i, at in enumerate(scores.reading.tolist()):
            sent = present_names(readings, at)
            observed = [sent.get(name, np.nan) for name in names]
            columns = (observed, scores.expected[i], scores.lower[i], scores.upper[i])
            found[readings.devices[at]].append(dict(zip(names, zip(*columns, strict=True), strict=True)))
    for device, rows in found.items():
        sensors = site.device(device)["recent"]["sensors"]
        for name, series in sensors.items():
            told = np.stack([of(series[which]) for which in ("observed", "expected", "lower", "upper")], axis=1)
            np.testing.assert_array_equal(told, np.array([row[name] for row in rows[-READINGS:]], np.float32))


class Dying(Silent):
    """Ends the worker as a bug would, at the turn's end once so many records are committed: no last snapshot."""

    def __init__(self, records: int) -> None:
        self.left = records

    def committed(self, seconds: float, records: int) -> None:
        self.left -= records

    def turned(self) -> None:
        if self.left <= 0:
            raise RuntimeError("killed")


def test_a_restore_that_replays_everything_shows_everything_again(messages, scores, tmp_path):
    again = settings(tmp_path, worker={"snapshot_s": 1e6, "snapshot_records": 10**7})
    guest = Guest((Dying(len(messages)),), lambda: messages[-1].arrival)
    with pytest.raises(RuntimeError, match="killed"):
        _live(again, guest, messages)
    with served(again, Guest(clock=guest.clock)) as up:
        up.says("/readyz", b"ok")
        assert up.heard.records == 0
        for device, table in list(scores.items())[::5]:
            recent = up.device(device)["recent"]
            assert recent["time"] == table.tail(READINGS)["time"].to_list()
            np.testing.assert_array_equal(of(recent["score"]), table.tail(READINGS)["score"].to_numpy())


def _live(own, guest, messages):
    with served(own, guest) as up:
        up.says("/metrics", b"gruard_snapshots_total 3.0")  # those of a first start: of nothing, and the last ones
        fed(own, messages)
        up.until(len(messages))
