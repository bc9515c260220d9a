"""CSV of many dialects gives the same cells; what is no table is refused in one line that says where."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import InputError
from service.streams.files.delimited import sniff, table

ROWS = [["time", "flow rate", "note"], ["2026-01-01", "1.5", "a"], ["2026-01-02", "-2e3", "b"]]


def written(rows: list[list[str]], delimiter: str = ",", end: str = "\n", quoting: int = csv.QUOTE_MINIMAL) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(rows)  # type: ignore[arg-type]
    return text.getvalue().encode()


def cells(data: bytes) -> list[list[str]]:
    frame, _ = table(data, "x.csv")
    return [frame.columns, *([cell or "" for cell in row] for row in frame.iter_rows())]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_delimiters_line_ends_and_quotes_change_no_cell(delimiter: str, end: str, quoting: int) -> None:
    assert cells(written(ROWS, delimiter, end, quoting)) == ROWS


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + written(ROWS),
        written(ROWS).decode().encode("utf-16"),
        b"\n\n" + written(ROWS) + b"\n  \n",
        written(ROWS).rstrip(b"\n"),
        written(ROWS).replace(b"\n", b"\n\n"),
        written(ROWS, ",").replace(b",", b" , "),
    ],
    ids=["bom", "utf-16", "blank lines around", "no last newline", "blank lines between", "spaces around cells"],
)
def test_decoration_changes_no_cell(data: bytes) -> None:
    assert cells(data) == ROWS


def test_spaces_delimit_where_nothing_else_does() -> None:
    assert cells(b"a b\n1 2\n3 4\n") == [["a", "b"], ["1", "2"], ["3", "4"]]


def test_one_column_needs_no_delimiter() -> None:
    assert cells(b"value\n1\n2\n") == [["value"], ["1"], ["2"]]


def test_a_quoted_cell_may_hold_delimiters_quotes_and_line_ends() -> None:
    rows = [["a", "b"], ['x, "y"\nz', "1"], ["", "2"]]
    assert cells(written(rows)) == rows


def test_commas_inside_the_cells_of_a_semicolon_file_do_not_delimit() -> None:
    assert cells(b"t;a;b\n1;1,5;2,5\n2;3,5;4,5\n")[0] == ["t", "a", "b"]


def test_latin_1_is_read_and_said() -> None:
    frame, notes = table("température,x\n1,2\n".encode("latin-1"), "x.csv")
    assert frame.columns == ["température", "x"]
    assert any("Latin-1" in note for note in notes)


def test_a_column_without_name_gets_its_place_as_name() -> None:
    assert cells(b",a\n0,1.5\n1,2.5\n")[0] == ["(column 1)", "a"]


@pytest.mark.parametrize("header", ["0,1,2", "1,2,3", "time,1,2", "0,1,label"])
def test_numbered_columns_are_a_header(header: str) -> None:
    assert cells(f"{header}\n0.5,0.6,0.7\n".encode())[0] == header.split(",")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"2026-01-01 00:00:00,1.5\n2026-01-01 00:01:00,1.6\n", "no header line"),
        (b"1.5,2.5\n3.5,4.5\n", "no header line"),
        (b"pump-1,2.5,3.5\npump-1,4.5,6\n", "no header line"),
        (b"a,b\n1,2\n3\n", "line 3 has 1 fields where the first line has 2"),
        (b"a,b\n1,2\n3,4,5\n", "line 3 has 3 fields"),
        (b"a,b\n", "one line"),
        (b"a,a\n1,2\n", "two columns are called 'a'"),
        (b'a,b\n"1,2\n3,4\n', "never closed"),
        (b"a,b\n1,\x00\n", "binary"),
        (bytes(range(1, 256)) * 4, "binary"),
        (b"\xff\xfea", "UTF-16"),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(data: bytes, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        table(data, "x.csv")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("x.csv: ")


CELL = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Z")), min_size=1, max_size=8).filter(
    lambda text: text.strip() == text
)


@given(
    st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=2, max_size=8),
    st.sampled_from([",", ";", "\t", "|"]),
)
def test_any_quoted_cells_survive(rows: list[list[str]], delimiter: str) -> None:
    table_rows = [["a", "b", "c"], *rows]
    assert cells(written(table_rows, delimiter, quoting=csv.QUOTE_ALL)) == table_rows


def test_the_delimiter_that_cuts_all_lines_alike_wins() -> None:
    assert sniff(b"a;b|c;d\n1;2;3\n") == ";"
