"""A backtest is the live detector: same alerts as live, whatever the chunk, and files that say what was found."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from service.backtest import Backtest, backtest
from service.bundle import Bundles
from service.decoding import Decoder
from service.detector import Detector
from service.errors import BundleError, InputError, UnavailableError, UsageError
from service.feed import feed
from service.record import record
from service.settings import Settings
from service.streams.embedded import EmbeddedLog, EmbeddedStream, Message
from service.streams.files import Options, read
from service.worker.engine import Engine
from service.worker.loop import Surroundings, Worker
from service.worker.settings import WorkerSettings
from tests.service.bundles import Draft

START_S = 1_700_000_000
HOSTILE = "<img src=x onerror=alert(1)>&\"'\n$x^2$"


@pytest.fixture
def pictures() -> None:
    """Asked for by the tests that need a report: pictures take longer than everything else here."""


@pytest.fixture(autouse=True)
def _no_pictures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "pictures" not in request.fixturenames:
        monkeypatch.setattr("service.report.available", lambda: False)


def configured(folder: Path, **detector: object) -> Settings:
    """Two toy bundles that alarm easily: a budget of many alarms a day."""
    if not (folder / "models").exists():
        Draft("toy").write(folder / "models")
        Draft("other").write(folder / "models")
    budget = {"false_alarms_per_device_day": 50.0} | detector
    return Settings.model_validate(
        {
            "models": {"path": folder / "models", "default": "toy"},
            "embedded": {"path": folder / "g.db", "partitions": 3},
            "detector": budget,
        }
    )


def plant(folder: Path, rows: int = 400, devices: int = 5, name: str = "in.csv", seed: int = 1) -> str:
    """Noise around levels; device 0 jumps, device 1 is gone for a while, one reading is late, one comes twice."""
    random = np.random.default_rng(seed)
    lines = ["time,device,class,a,b"]
    for row in range(rows):
        for device in range(devices):
            if device == 1 and rows // 2 < row < rows // 2 + 60:
                continue
            jump = 40 * (device == 0 and rows // 2 < row < rows // 2 + 50)
            a, b = random.normal(20 + jump, 1), random.normal(5, 0.5)
            line = f"{START_S + 5 * row},d{device},toy,{a:.4g},{b:.4g}"
            lines += [line, line] if row == 77 else [line]
        if row % 50 == 49:
            lines.append(f"{START_S + 5 * (row - 20)},d2,toy,1,1")
    (folder / name).write_text("\n".join(lines) + "\n")
    return str(folder / name)


def run(settings: Settings, source: str, output: Path, **changes: object) -> Backtest:
    return backtest([source], Options(), settings, output, show=lambda line: None, **changes)  # type: ignore[arg-type]


def alerts(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "alerts.jsonl").read_bytes().splitlines()]


@dataclass
class Live:
    """A worker over the embedded stream whose clock and polls are the test's."""

    settings: Settings
    now_ms: int = START_S * 1000

    def __post_init__(self) -> None:
        own = self.settings
        detector = Detector(Bundles(own.models.path, own.models.default), own.detector, own.alerts, own.models.patterns)
        decoder = Decoder(detector.sensors(), detector.classes(), None, own.readings.max_message_bytes)
        self.log = EmbeddedLog(own.embedded.path, own.embedded.partitions)
        rules = WorkerSettings(max_records=61, poll_s=0.0, snapshot_records=500, snapshot_s=1e6)
        around = Surroundings(clock=lambda: self.now_ms, wall_ms=lambda: 0)
        self.worker = Worker(EmbeddedStream(self.log), Engine(detector, decoder), rules, around)

    def catch_up(self) -> None:
        for partition, end in self.log.ends().items():
            while (done := self.log.committed(partition)) is None or done.offset < end:
                self.worker.turn()

    def tick(self, later_s: float) -> None:
        self.now_ms += int(later_s * 1000)
        self.worker.turn()

    def published(self) -> bytes:
        """Every alert's value, partition by partition in the order of the commits."""
        found = sorted(self.log.written("alerts"), key=lambda row: (row[1].partition, row[0]))
        return b"".join(output.value + b"\n" for _, output in found)

    def ticks(self) -> int:
        return len(self.log.written("control"))


def test_scores_have_a_row_for_each_stepped_reading_in_order(tmp_path: Path) -> None:
    settings = configured(tmp_path)
    result = run(settings, plant(tmp_path), tmp_path / "out")
    scores = pl.read_csv(tmp_path / "out" / "scores.csv")
    assert scores.columns == ["device", "time", "score", "evidence", "limit", "alert", "leading_sensor"]
    assert scores.height == result.tally.outcomes["stepped"] == result.tally.readings - 8 - 5, "late and repeated ones"
    assert scores["time"].is_sorted()
    np.testing.assert_allclose(scores["score"].log(), scores["evidence"], atol=1e-4)
    opened = scores.filter(pl.col("device") == "d0", pl.col("alert") == 1)
    assert opened.height > 5
    assert set(scores["leading_sensor"]) == {"a", "b"}


def test_scores_as_parquet_are_the_same_rows(tmp_path: Path) -> None:
    settings, source = configured(tmp_path), plant(tmp_path)
    run(settings, source, tmp_path / "csv")
    run(settings, source, tmp_path / "parquet", scores="parquet", chunk=100)
    csv, parquet = (
        pl.read_csv(tmp_path / "csv" / "scores.csv"),
        pl.read_parquet(tmp_path / "parquet" / "scores.parquet"),
    )
    assert csv.height == parquet.height
    assert csv["evidence"].cast(pl.Float32).to_list() == parquet["evidence"].to_list()
    assert csv.select("device", "time", "leading_sensor").equals(parquet.select("device", "time", "leading_sensor"))
    assert sorted(path.name for path in (tmp_path / "parquet").iterdir()) == [
        "alerts.jsonl",
        "scores.parquet",
    ]


def test_the_chunk_changes_no_byte(tmp_path: Path) -> None:
    settings, source = configured(tmp_path), plant(tmp_path)
    outputs = []
    for chunk in (1, 64, 100_000):
        run(settings, source, tmp_path / str(chunk), chunk=chunk)
        outputs.append([(tmp_path / str(chunk) / name).read_bytes() for name in ("scores.csv", "alerts.jsonl")])
    assert outputs[0][1].count(b"\n") >= 10
    assert all(output == outputs[0] for output in outputs)


def test_a_recording_of_a_live_run_backtests_byte_equal(tmp_path: Path) -> None:
    settings, live = configured(tmp_path), Live(configured(tmp_path))
    feed_log(live, settings, plant(tmp_path, rows=300), arrival_ms=1000)
    live.catch_up()
    live.tick(3600)
    feed_log(live, settings, plant(tmp_path, rows=300, seed=2), arrival_ms=5_000_000)
    live.catch_up()
    live.tick(7200)
    expected = live.published()
    assert expected.count(b'"resolved"') >= 10
    assert b'"silent"' in expected
    assert live.ticks() >= 4
    record(settings, tmp_path / "r.parquet", show=lambda line: None)
    for chunk in (7, 8192):
        run(settings, str(tmp_path / "r.parquet"), tmp_path / "out", chunk=chunk)
        assert (tmp_path / "out" / "alerts.jsonl").read_bytes() == expected


def feed_log(live: Live, settings: Settings, source: str, arrival_ms: int) -> None:
    """The readings of a file, arriving at their times; some messages are no readings."""
    scratch = Settings.model_validate({"embedded": {"path": Path(source).with_suffix(f".{arrival_ms}.db")}})
    feed([source], Options(), scratch, show=lambda line: None)
    log = EmbeddedLog(scratch.embedded.path)
    parts = [log.readings(p, 0, 1 << 40, 1 << 20) for p in range(log.partitions)]
    log.close()
    messages = []
    for part in parts:
        for key, value in zip(part.keys, part.values, strict=True):
            moment = np.datetime64(json.loads(value)["time"].removesuffix("Z"), "ms")
            arrival = int(moment.astype(np.int64)) + arrival_ms
            shifted = {**json.loads(value), "time": arrival - 500}
            messages.append(Message(key, json.dumps(shifted).encode(), arrival))
    messages.sort(key=lambda message: message.arrival)
    messages[10:10] = [Message(b"d1", b"no reading", messages[10].arrival)]
    live.log.append(messages)


def test_files_are_detected_as_they_would_be_live_in_one_partition(tmp_path: Path) -> None:
    settings = configured(tmp_path)
    source = plant(tmp_path, devices=1)
    run(settings, source, tmp_path / "out")
    single = settings.model_copy(update={"embedded": settings.embedded.model_copy(update={"partitions": 1})})
    live = Live(single)
    feed_log(live, single, source, arrival_ms=0)
    live.catch_up()

    def plain(lines: bytes) -> list[tuple[object, ...]]:
        found = [json.loads(line) for line in lines.splitlines()]
        return [(a["event"], a["kind"], a["score"], a["summary"], a["duration_s"]) for a in found]

    assert plain(live.published()) == plain((tmp_path / "out" / "alerts.jsonl").read_bytes())


def test_a_named_bundle_serves_every_class(tmp_path: Path) -> None:
    settings, source = configured(tmp_path), plant(tmp_path)
    run(settings, source, tmp_path / "out", model="other@1")
    assert {alert["model"]["name"] for alert in alerts(tmp_path / "out")} == {"other"}  # type: ignore[index]
    assert {alert["device_class"] for alert in alerts(tmp_path / "out")} == {"toy"}
    run(settings, source, tmp_path / "out")
    assert {alert["model"]["name"] for alert in alerts(tmp_path / "out")} == {"toy"}  # type: ignore[index]


def test_sensors_that_model_and_file_do_not_share_are_told(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("time,a,z\n" + "".join(f"{START_S + n},{n}.5,1.5\n" for n in range(9)))
    lines: list[str] = []
    backtest([str(tmp_path / "in.csv")], Options(), configured(tmp_path), tmp_path / "out", show=lines.append)
    assert "model toy@1: missing in the input: b" in lines
    assert "model toy@1: not known to it and left out: z" in lines


def test_a_model_that_knows_none_of_the_sensors_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("y,z\n1.5,2.5\n")
    with pytest.raises(InputError, match=r"none of the sensors of device 'in' \(y, z\); it knows a, b"):
        run(configured(tmp_path), str(tmp_path / "in.csv"), tmp_path / "out")


def test_mistakes_end_in_one_line(tmp_path: Path) -> None:
    settings, source = configured(tmp_path), plant(tmp_path)
    with pytest.raises(BundleError, match="nobody"):
        run(settings, source, tmp_path / "out", model="nobody")
    with pytest.raises(UnavailableError, match="can't be made a folder"):
        run(settings, source, Path(source) / "out")
    record_of(settings, source, tmp_path / "r.parquet")
    with pytest.raises(UsageError, match="one recording at a time"):
        backtest([str(tmp_path / "r.parquet"), source], Options(), settings, tmp_path / "out")
    with pytest.raises(UsageError, match="leave --time"):
        backtest([str(tmp_path / "r.parquet")], Options(time="t"), settings, tmp_path / "out")


def record_of(settings: Settings, source: str, output: Path) -> None:
    feed([source], Options(), settings, show=lambda line: None)
    record(settings, output, show=lambda line: None)


def test_a_recording_reads_as_the_frames_that_were_fed(tmp_path: Path) -> None:
    settings, source = configured(tmp_path), plant(tmp_path, rows=50)
    record_of(settings, source, tmp_path / "r.parquet")
    fed = {frame.device: frame for frame in read([source])}
    recorded = {frame.device: frame for frame in read([str(tmp_path / "r.parquet")])}
    assert fed.keys() == recorded.keys()
    for device, frame in fed.items():
        assert recorded[device].class_name == "toy"
        np.testing.assert_array_equal(recorded[device].times, frame.times)
        np.testing.assert_array_equal(recorded[device].over(("a", "b")), frame.over(("a", "b")))


@pytest.mark.usefixtures("pictures")
def test_the_report_tells_of_the_worst_devices_and_escapes_their_names(tmp_path: Path) -> None:
    text = Path(plant(tmp_path, devices=3)).read_text().replace(",d0,", ',"' + HOSTILE.replace('"', '""') + '",')
    (tmp_path / "in.csv").write_text(text)
    run(configured(tmp_path), str(tmp_path / "in.csv"), tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert page.index("&lt;img src=x") < page.index("<h2>d1</h2>")
    assert page.count("data:image/png;base64,") >= 5
    assert "http" not in page.replace("http-equiv", "")
    assert "readings: " in page


def test_without_matplotlib_the_rest_is_written_and_one_line_says_so(tmp_path: Path) -> None:
    lines: list[str] = []
    result = backtest([plant(tmp_path)], Options(), configured(tmp_path), tmp_path / "out", show=lines.append)
    assert [path.name for path in result.files] == ["scores.csv", "alerts.jsonl"]
    assert sum("gruard[reports]" in line for line in lines) == 1


@pytest.mark.usefixtures("pictures")
def test_curves_that_do_not_fit_are_collected_in_a_second_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, source = configured(tmp_path), plant(tmp_path, rows=150, devices=2)
    run(settings, source, tmp_path / "once")
    monkeypatch.setattr("service.backtest.KEPT_CELLS", 0)
    run(settings, source, tmp_path / "twice")
    for name in ("scores.csv", "alerts.jsonl", "report.html"):
        assert (tmp_path / "once" / name).read_bytes() == (tmp_path / "twice" / name).read_bytes()
