"""Frames: one a device over all inputs, in the order of the input, with everything inferred told."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import InputError, UsageError
from service.streams.files import Frames, Options, read
from service.streams.files.assembly import START_MS


def csv(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def told(frames: Frames) -> str:
    return "\n".join(frames.described)


def rig(rows: int, start: int = 0, labels: bool = True) -> str:
    """Like a published valve rig: semicolons, zone-less seconds with gaps, two label columns."""
    lines = ["datetime;Current;Volume Flow RateRMS" + (";anomaly;changepoint" if labels else "")]
    for row in range(start, start + rows):
        time = f"2020-03-09 {row // 3600:02d}:{row // 60 % 60:02d}:{row % 60:02d}"
        lines.append(f"{time};{np.sin(row):.6g};{32 + row % 3}.0" + (";0.0;0.0" if labels else ""))
    return "\n".join(lines) + "\n"


def test_a_folder_of_experiments_reads_without_any_option_but_ignore(tmp_path: Path) -> None:
    (tmp_path / "valve1").mkdir()
    csv(tmp_path / "valve1" / "1.csv", rig(100))
    csv(tmp_path / "valve1" / "2.csv", rig(90))
    csv(tmp_path / "free.csv", rig(80, labels=False))
    frames = read([str(tmp_path)], Options(ignore=("anomaly", "changepoint")))
    assert [frame.device for frame in frames] == ["free", "valve1/1", "valve1/2"]
    assert frames.sensors == ("Current", "Volume Flow RateRMS")
    assert (frames.period_s, frames.readings, frames.time_known) == (1.0, 270, True)
    for line in (
        "semicolons",
        "column 'datetime'",
        "read as UTC",
        "anomaly (asked)",
        "each file is one",
        "1 s (median",
    ):
        assert line in told(frames)


def test_rows_keep_the_order_of_the_file_with_duplicates_and_late_ones(tmp_path: Path) -> None:
    text = "time,x\n2026-01-01T00:00:02Z,1\n2026-01-01T00:00:01Z,2\n2026-01-01T00:00:01Z,2\n"
    (frame,) = read([csv(tmp_path / "a.csv", text)])
    assert np.diff(frame.times).tolist() == [-1000, 0]
    assert frame.values[:, 0].tolist() == [1, 2, 2]


def test_a_device_over_several_files_is_joined_in_the_order_of_the_inputs(tmp_path: Path) -> None:
    one = csv(tmp_path / "a.csv", "device,time,x\np,2026-01-01T00:00:00Z,1\nq,2026-01-01T00:00:00Z,5\n")
    two = csv(tmp_path / "b.csv", "device,time,y\np,2026-01-02T00:00:00Z,2\n")
    p, q = read([one, two])
    assert (p.device, q.device) == ("p", "q")
    np.testing.assert_array_equal(p.values, np.array([[1, np.nan], [np.nan, 2]], np.float32))
    assert q.sensors == ("x",), "what a device never sends is none of its sensors"
    assert read([two, one]).frames[0].values[0, 0] == 2


def test_without_times_rows_count_by_the_period(tmp_path: Path) -> None:
    path = csv(tmp_path / "a.csv", "x\n" + "\n".join(f"{row}.5" for row in range(10)) + "\n")
    (frame,) = read([path])
    assert not frame.time_known
    assert frame.times.tolist() == [START_MS + 60_000 * row for row in range(10)]
    (tail,) = read([f"{path}#4:"], Options(period_s=300))
    assert tail.times.tolist() == [START_MS + 300_000 * row for row in range(4, 10)]
    assert "row x 60 s" in told(read([path]))
    assert "no calendar" in told(read([path]))


def test_without_times_each_device_counts_its_own_rows(tmp_path: Path) -> None:
    path = csv(tmp_path / "a.csv", "device,x\n" + "p,1.5\nq,2.5\n" * 3)
    p, q = read([path])
    assert p.times.tolist() == q.times.tolist() == [START_MS + 60_000 * row for row in range(3)]


def test_rows_that_can_be_no_reading_are_left_out_and_told(tmp_path: Path) -> None:
    good = "".join(f"p,2026-01-01T00:00:{row:02d}Z,1\n" for row in range(30))
    text = f"device,time,x\n{good}p,yesterday,1\n,2026-01-01T00:01:00Z,1\n{'p' * 300},2026-01-01T00:01:00Z,1\n"
    frames = read([csv(tmp_path / "a.csv", text)])
    assert frames.readings == 30
    assert "1 rows without a readable time, row 30 first" in told(frames)
    assert "2 rows without a device name of 1 to 256 bytes, row 31 first" in told(frames)


def test_the_class_is_as_given_or_as_the_column_says(tmp_path: Path) -> None:
    path = csv(tmp_path / "a.csv", "device,class,x\n" + "p,pump,1.5\nf,fan,2.5\n" * 3)
    assert [frame.class_name for frame in read([path])] == ["pump", "fan"]
    assert [frame.class_name for frame in read([path], Options(class_name="meter"))] == ["meter", "meter"]


def test_the_period_is_the_median_step_or_as_given(tmp_path: Path) -> None:
    path = csv(tmp_path / "a.csv", "time,x\n" + "".join(f"{1_700_000_000 + t},1\n" for t in (0, 5, 10, 15, 500)))
    assert read([path]).period_s == 5
    assert read([path], Options(period_s=7)).period_s == 7


def test_sensors_asked_for_are_those_and_in_that_order(tmp_path: Path) -> None:
    path = csv(tmp_path / "a.csv", "a,b,c\n1.5,2.5,3.5\n2.5,3.5,4\n")
    frames = read([path], Options(sensors=("c", "a")))
    assert frames.sensors == ("c", "a")
    assert frames.frames[0].values.tolist() == [[3.5, 1.5], [4, 2.5]]
    with pytest.raises(InputError, match=r"'d' is not a column of any input; there are: a, b, c$"):
        read([path], Options(sensors=("c", "d")))


def test_over_gives_columns_in_any_order_and_nan_for_what_is_not_there(tmp_path: Path) -> None:
    (frame,) = read([csv(tmp_path / "a.csv", "a,b\n1.5,2.5\n")])
    np.testing.assert_array_equal(frame.over(["b", "z", "a"]), np.array([[2.5, np.nan, 1.5]], np.float32))


@pytest.mark.parametrize("period", [0.0, -1.0, float("nan"), float("inf")])
def test_a_period_that_is_none_is_refused(tmp_path: Path, period: float) -> None:
    with pytest.raises(UsageError, match="--period"):
        read([csv(tmp_path / "a.csv", "a\n1.5\n")], Options(period_s=period))


def test_a_row_range_beyond_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="it has 3"):
        read([csv(tmp_path / "a.csv", "a\n1.5\n2\n3\n") + "#3:"])


@settings(max_examples=25)
@given(st.lists(st.integers(1, 199), max_size=4, unique=True), st.booleans())
def test_reading_in_parts_is_reading_the_whole(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], timed: bool
) -> None:
    text = rig(200) if timed else "\n".join(line.split(";", 1)[1] for line in rig(200).splitlines()) + "\n"
    path = csv(tmp_path_factory.mktemp("parts") / "a.csv", text)
    bounds = [0, *sorted(cuts), 200]
    parts = [f"{path}#{start}:{stop}" for start, stop in pairwise(bounds)]
    options = Options(ignore=("anomaly", "changepoint"))
    (whole,), (joined,) = read([path], options), read(parts, options)
    np.testing.assert_array_equal(whole.times, joined.times)
    np.testing.assert_array_equal(whole.values, joined.values)
