"""Files become messages of the stream: every reading once, in the order of time, as fast as asked."""

import json
from pathlib import Path

import numpy as np
import pytest

from service.decoding import Decoder
from service.errors import InputError, UnavailableError
from service.feed import feed
from service.settings import Settings
from service.streams.embedded import EmbeddedLog
from service.streams.files import Options, read


class FakeClock:
    def __init__(self) -> None:
        self.ms = 1_800_000_000_000

    def now_ms(self) -> int:
        return self.ms

    def sleep(self, seconds: float) -> None:
        self.ms += round(seconds * 1000)


def configured(folder: Path) -> Settings:
    return Settings.model_validate({"embedded": {"path": folder / "g.db", "partitions": 3}})


def fed(folder: Path, lines: list[str], speed: float = 0.0) -> tuple[Settings, FakeClock]:
    (folder / "in.csv").write_text("\n".join(lines) + "\n")
    settings, clock = configured(folder), FakeClock()
    feed([str(folder / "in.csv")], Options(), settings, speed, lambda line: None, clock)
    return settings, clock


def rows(count: int, step_s: int = 1) -> list[str]:
    start = 1_700_000_000
    return ["time,device,class,a,b"] + [
        f"{start + n // 2 * step_s},d{n % 2},pump,{n}.5,{'' if n % 3 else n}" for n in range(count)
    ]


def records(settings: Settings) -> list[tuple[int, int, bytes, bytes]]:
    log = EmbeddedLog(settings.embedded.path)
    found = [log.readings(p, 0, 1 << 40, 1 << 20) for p in range(log.partitions)]
    log.close()
    return [
        (each.partition, arrival, key or b"", value)
        for each in found
        for arrival, key, value in zip(each.arrivals, each.keys, each.values, strict=True)
    ]


def test_what_is_fed_decodes_to_the_frames_of_the_file(tmp_path: Path) -> None:
    settings, _ = fed(tmp_path, rows(40))
    frames = {frame.device: frame for frame in read([str(tmp_path / "in.csv")])}
    log = EmbeddedLog(settings.embedded.path)
    decoder = Decoder(("a", "b"), {"pump"}, None, 1 << 20)
    for partition in range(log.partitions):
        readings = decoder.decode(log.readings(partition, 0, 1000, 1000))
        assert not readings.rejects
        for device in set(readings.devices):
            mine = [i for i, name in enumerate(readings.devices) if name == device]
            frame = frames.pop(device)
            np.testing.assert_array_equal(readings.times[mine], frame.times)
            np.testing.assert_array_equal(readings.values[mine], frame.over(readings.sensors))
            assert {readings.classes[i] for i in mine} == {"pump"}
    assert not frames
    log.close()


def test_a_device_stays_in_its_partition_in_order(tmp_path: Path) -> None:
    settings, _ = fed(tmp_path, rows(60))
    for device in ("d0", "d1"):
        own = [(p, json.loads(value)["time"]) for p, _, key, value in records(settings) if key == device.encode()]
        assert len({partition for partition, _ in own}) == 1
        assert [time for _, time in own] == sorted(time for _, time in own)
        assert len(own) == 30


def test_at_full_speed_nobody_waits(tmp_path: Path) -> None:
    before = FakeClock().ms
    _, clock = fed(tmp_path, rows(40, step_s=60))
    assert clock.ms == before


def test_arrivals_are_spread_as_event_times_are_divided_by_the_speed(tmp_path: Path) -> None:
    settings, _ = fed(tmp_path, rows(200), speed=10.0)
    arrivals = np.array(sorted({arrival for _, arrival, _, _ in records(settings)})) - FakeClock().ms
    assert arrivals[-1] == pytest.approx(99 / 10 * 1000, abs=1)
    assert np.diff(arrivals).max() <= 300


def test_a_pause_of_days_is_cut_to_an_hour(tmp_path: Path) -> None:
    lines = ["time,a", "1700000000,1.5", "1700000001,2.5", "1710000000,3.5"]
    _, clock = fed(tmp_path, lines, speed=60.0)
    assert (clock.ms - FakeClock().ms) / 1000 == pytest.approx((1 + 3600) / 60, abs=0.1)


def test_a_file_that_cannot_be_read_leaves_the_stream_as_it_was(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        feed([str(tmp_path / "gone.csv")], Options(), configured(tmp_path))
    assert not configured(tmp_path).embedded.path.exists()


def test_a_broker_that_is_not_there_is_told_with_its_address(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("\n".join(rows(4)))
    nobody = {"bootstrap_servers": "127.0.0.1:1", "request_timeout_s": 1}
    settings = Settings.model_validate({"stream": {"kind": "kafka"}, "kafka": nobody})
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:1"):
        feed([str(tmp_path / "in.csv")], Options(), settings, show=lambda line: None)
