"""Cells become float32, and what could not is told, never guessed."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.streams.files.numbers import numbers


@pytest.mark.parametrize("missing", ["", "NA", "n/a", "nan", "NaN", "NULL", "None", "-", "?", None])
def test_words_for_nothing_are_missing_without_a_remark(missing: str | None) -> None:
    found = numbers(pl.Series(["1.5", missing, "2"], dtype=pl.String))
    assert found.column is not None
    np.testing.assert_array_equal(found.column, np.array([1.5, np.nan, 2], np.float32))
    assert found.refused == 0


@pytest.mark.parametrize("odd", ["ERR", "inf", "-Infinity", "1e39", "1.2.3"])
def test_odd_cells_among_many_are_missing_and_told(odd: str) -> None:
    found = numbers(pl.Series(["1"] * 50 + [odd]))
    assert found.column is not None
    assert np.isnan(found.column[-1])
    assert (found.refused, found.odd) == (1, odd)


def test_a_column_of_words_is_no_column_of_numbers() -> None:
    assert numbers(pl.Series(["on", "off", "1"])).column is None


def test_decimal_commas_are_told_apart_from_words() -> None:
    assert numbers(pl.Series(["1,5", "2,5", "3"])).decimal_comma
    assert not numbers(pl.Series(["a,b", "c", "3"])).decimal_comma


def test_booleans_are_no_measurement() -> None:
    assert numbers(pl.Series([True, False])).column is None


@given(st.lists(st.floats(width=32, allow_infinity=False, allow_subnormal=False), min_size=1))
def test_every_float32_survives_as_text_and_as_number(values: list[float]) -> None:
    given_values = np.array(values, np.float32)
    plain = numbers(pl.Series(values, dtype=pl.Float64))
    assert plain.column is not None
    np.testing.assert_array_equal(plain.column, given_values)
    if not np.isnan(given_values).all():
        text = numbers(pl.Series([repr(value) for value in values], dtype=pl.String))
        assert text.column is not None
        np.testing.assert_array_equal(text.column, given_values)
