"""Which files are meant, which rows of them, and what device a path names."""

from pathlib import Path

import pytest

from service.errors import InputError, UsageError
from service.streams.files.sources import sources


def made(folder: Path, *names: str) -> list[str]:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a\n1\n")
    return [str(folder / name) for name in names]


def devices(inputs: list[str]) -> list[str]:
    return [source.device for source in sources(inputs)]


def test_a_single_file_is_a_device_by_its_bare_name(tmp_path: Path) -> None:
    assert devices(made(tmp_path, "pump.csv.gz")) == ["pump"]


def test_files_are_devices_by_their_path_below_the_common_folder(tmp_path: Path) -> None:
    inputs = made(tmp_path, "x/valve1/1.csv", "x/valve2/1.csv", "x/other.parquet")
    assert devices(inputs) == ["valve1/1", "valve2/1", "other"]


def test_only_the_last_extension_and_gz_go(tmp_path: Path) -> None:
    assert devices(made(tmp_path, "data.2020.csv.gz", "machine-1.jsonl")) == ["data.2020", "machine-1"]


def test_a_folder_stands_for_its_files_in_order_of_name(tmp_path: Path) -> None:
    made(tmp_path, "b/2.csv", "b/1.csv", "a/3.ndjson.gz", "a/notes.md")
    assert devices([str(tmp_path)]) == ["a/3", "b/1", "b/2"]


def test_a_folder_names_devices_even_with_one_file_below_it(tmp_path: Path) -> None:
    made(tmp_path, "a/1.csv")
    assert devices([str(tmp_path)]) == ["a/1"]


def test_files_that_differ_by_extension_only_keep_it(tmp_path: Path) -> None:
    assert devices(made(tmp_path, "a.csv", "a.parquet")) == ["a.csv", "a.parquet"]


def test_the_same_file_twice_is_one_device(tmp_path: Path) -> None:
    (one,) = made(tmp_path, "a.csv")
    assert devices([f"{one}#0:10", f"{one}#20:30"]) == ["a", "a"]


@pytest.mark.parametrize(
    ("text", "rows"), [(":400", (0, 400)), ("400:", (400, None)), ("5:6", (5, 6)), (":", (0, None))]
)
def test_a_row_range_counts_from_0_and_leaves_the_last_out(
    tmp_path: Path, text: str, rows: tuple[int, int | None]
) -> None:
    (one,) = made(tmp_path, "a.csv")
    (source,) = sources([f"{one}#{text}"])
    assert (source.start, source.stop) == rows


def test_a_file_whose_name_looks_like_a_row_range_is_itself(tmp_path: Path) -> None:
    (one,) = made(tmp_path, "a.csv#1:2")
    (source,) = sources([one])
    assert (source.path, source.stop) == (Path(one), None)


def test_standard_input_is_a_device_of_its_own() -> None:
    assert devices(["-"]) == ["stdin"]


@pytest.mark.parametrize(
    ("inputs", "error", "says"),
    [
        ([], UsageError, "no input"),
        (["nowhere.csv"], InputError, "nowhere.csv"),
        (["nowhere.csv#1:2"], InputError, "nowhere.csv"),
    ],
)
def test_what_is_not_there_is_named(inputs: list[str], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        sources(inputs)


def test_an_empty_row_range_is_refused(tmp_path: Path) -> None:
    (one,) = made(tmp_path, "a.csv")
    with pytest.raises(UsageError, match="A must be below B"):
        sources([f"{one}#5:5"])


def test_a_folder_without_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.parquet"):
        sources([str(tmp_path)])
