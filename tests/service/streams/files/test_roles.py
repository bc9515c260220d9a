"""Each column gets its part as asked, else by name and content; every guess is told."""

import polars as pl
import pytest

from service.errors import InputError
from service.streams.files.frames import Options
from service.streams.files.roles import Reader, Roles

TIMES = [f"2026-01-01 00:{minute:02d}:00" for minute in range(30)]
FLOW = [f"{1 + minute / 7:.3f}" for minute in range(30)]


def read(options: Options | None = None, **columns: list[object]) -> Roles:
    return Reader(pl.DataFrame(columns), options or Options(), "x.csv").read()


def told(roles: Roles) -> str:
    return "\n".join(roles.lines)


@pytest.mark.parametrize(
    "name", ["time", "Timestamp", "event_time", "DateTime", "ts", "@timestamp", "Zeitstempel", "when?"]
)
def test_the_time_column_is_found_by_name_or_else_by_content(name: str) -> None:
    roles = read(**{"flow": FLOW, name: TIMES})  # type: ignore[arg-type]
    assert roles.ms is not None
    assert name in told(roles)
    assert list(roles.sensors) == ["flow"]


def test_a_zone_less_time_is_told() -> None:
    assert "read as UTC" in told(read(time=TIMES, flow=FLOW))
    assert "read as Europe/Berlin" in told(read(Options(zone="Europe/Berlin"), time=TIMES, flow=FLOW))
    assert "read as" not in told(read(time=[f"{time}Z" for time in TIMES], flow=FLOW))


def test_numbers_called_time_that_are_no_epoch_are_no_time() -> None:
    roles = read(time=[str(row * 0.5) for row in range(30)], flow=FLOW)
    assert roles.ms is None


def test_a_date_and_a_time_of_day_are_one_time() -> None:
    days = ["21/11/2026"] * 30
    roles = read(Date=days, Time=[time[-8:] for time in TIMES], flow=FLOW)
    assert roles.ms is not None
    assert roles.ms.diff().drop_nulls().unique().to_list() == [60_000]
    assert list(roles.sensors) == ["flow"]


@pytest.mark.parametrize("name", ["device", "device_id", "Machine ID", "asset", "hostname", "unit_number"])
def test_the_device_column_is_found_by_name(name: str) -> None:
    roles = read(**{"time": TIMES, name: ["a", "b", "c"] * 10, "flow": FLOW})  # type: ignore[arg-type]
    assert roles.device is not None
    assert roles.device.to_list() == ["a", "b", "c"] * 10


def test_numbers_of_devices_are_names() -> None:
    roles = read(time=TIMES, device=[1.0, 2.0, 17.0] * 10, flow=FLOW)
    assert roles.device is not None
    assert roles.device.unique(maintain_order=True).to_list() == ["1", "2", "17"]


def test_a_number_called_pump_is_a_sensor_and_no_device() -> None:
    roles = read(time=TIMES, pump=["0", "1", "0"] * 10)
    assert roles.device is None
    assert list(roles.sensors) == ["pump"]


def test_the_class_column_is_text_that_is_constant_for_each_device() -> None:
    kinds = ["pump", "fan", "fan"] * 10
    roles = read(time=TIMES, device=["a", "b", "c"] * 10, **{"class": kinds}, flow=FLOW)  # type: ignore[arg-type]
    assert roles.classes is not None
    changing = read(time=TIMES, device=["a", "b"] * 15, **{"class": kinds}, flow=FLOW)  # type: ignore[arg-type]
    assert changing.classes is None
    given = read(Options(class_name="pump"), time=TIMES, **{"class": ["x"] * 30}, flow=FLOW)  # type: ignore[arg-type]
    assert given.classes is None
    assert "the class is given" in told(given)


def test_what_is_no_sensor_is_left_out_with_its_reason() -> None:
    roles = read(
        time=TIMES, flow=FLOW, note=["ok"] * 30, empty=[None] * 30, row=[str(n) for n in range(30)], updated_at=TIMES
    )  # type: ignore[arg-type]
    assert list(roles.sensors) == ["flow"]
    for reason in ("note (not numbers, 'ok')", "empty (empty)", "row (counts rows)", "updated_at (not numbers"):
        assert reason in told(roles)


def test_a_cycle_that_restarts_with_each_device_counts_rows() -> None:
    roles = read(unit_number=["1"] * 15 + ["2"] * 15, cycle=[str(n % 15 + 1) for n in range(30)], flow=FLOW)
    assert list(roles.sensors) == ["flow"]


def test_a_label_that_is_read_as_a_sensor_is_warned_about() -> None:
    roles = read(time=TIMES, flow=FLOW, is_anomaly=["0", "1"] * 15)
    assert list(roles.sensors) == ["flow", "is_anomaly"]
    assert "--ignore is_anomaly" in told(roles)


def test_ignored_columns_are_left_out_and_absent_ones_are_no_error() -> None:
    roles = read(Options(ignore=("label", "nowhere")), time=TIMES, flow=FLOW, label=["0"] * 30)
    assert list(roles.sensors) == ["flow"]
    assert "nowhere" not in told(roles)


def test_an_ignored_column_is_no_time_either() -> None:
    assert read(Options(ignore=("time",)), time=TIMES, flow=FLOW).ms is None


def test_what_is_asked_for_is_taken_whatever_it_is_called() -> None:
    options = Options(time="x", device="y", sensors=("z",))
    roles = read(options, x=TIMES, y=["1", "2"] * 15, z=FLOW, time=FLOW, device=FLOW)
    assert roles.ms is not None
    assert roles.device is not None
    assert list(roles.sensors) == ["z"]
    assert "not among --sensors" in told(roles)


@pytest.mark.parametrize(("options", "option"), [(Options(time="t"), "time"), (Options(device="t"), "device")])
def test_a_column_that_is_absent_is_named_with_those_there_are(options: Options, option: str) -> None:
    with pytest.raises(InputError, match=rf"--{option} 't' is not a column; there are: time, flow"):
        read(options, time=TIMES, flow=FLOW)


@pytest.mark.parametrize(
    ("options", "flow", "says"),
    [
        (Options(time="flow"), FLOW, "holds no times, but '1.000'"),
        (Options(sensors=("flow",)), ["on", "off"] * 15, "holds no numbers, but 'on'"),
        (Options(), ["1,5", "2,5"] * 15, "write a decimal point"),
    ],
)
def test_columns_that_are_not_what_was_asked_are_refused(options: Options, flow: list[object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        read(options, clock=TIMES, flow=flow)  # type: ignore[arg-type]


def test_a_device_column_may_name_another_device_in_every_row() -> None:
    names = [f"d{row}" for row in range(30)]
    assert read(device=names, flow=FLOW).device is not None
    assert read(asset_id=names, flow=FLOW).device is None, "what never repeats names rows"
