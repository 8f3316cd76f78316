"""Rows that arrive out of order make one array."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dranspose.helpers.incremental import IncrementalBuffer


@given(
    st.permutations(range(12)),
    st.integers(1, 5),
    st.floats(1, 3),
    st.sampled_from([np.uint8, np.float32, np.int64]),
)
def test_rows_in_any_order_make_the_same_array(
    order: list[int], rows: int, factor: float, dtype: type
) -> None:
    expected: np.ndarray[Any, Any] = np.arange(12 * 6).reshape(12, 2, 3).astype(dtype)
    buffer = IncrementalBuffer(initial_rows=rows, grow_factor=factor)
    for index in order:
        buffer.add_entry(index, expected[index])
    array = np.asarray(buffer)
    np.testing.assert_array_equal(array, expected)
    assert array.dtype == buffer.dtype == expected.dtype
    assert (buffer.shape, len(buffer)) == ((12, 2, 3), 12)


@given(st.permutations(range(8)))
def test_without_gaps_the_array_ends_before_the_first_missing_row(order: list[int]) -> None:
    buffer = IncrementalBuffer(initial_rows=1, no_gaps=True, filler_value=-1)
    came: set[int] = set()
    for index in order:
        assert not buffer.has_entry(index)
        buffer.add_entry(index, 10 * index)
        came.add(index)
        first_missing = next(number for number in range(9) if number not in came)
        assert np.asarray(buffer).tolist() == [10 * number for number in range(first_missing)]
        assert buffer.preview().tolist() == [10 * n if n in came else -1 for n in range(max(came) + 1)]
        assert all(buffer.has_entry(number) == (number in came) for number in range(9))


def test_rows_that_are_missing_hold_the_filler() -> None:
    buffer = IncrementalBuffer(initial_rows=2, grow_factor=1.4, filler_value=-1)
    assert buffer.is_empty()
    buffer.add_entry(3, 7)
    assert not buffer.is_empty()
    assert np.asarray(buffer).tolist() == [-1, -1, -1, 7]
    assert buffer[1] == -1
    buffer.add_entry(5, 9)
    assert np.asarray(buffer).tolist() == [-1, -1, -1, 7, -1, 9]


def test_a_filler_or_a_row_that_the_elements_cannot_hold_widens_them() -> None:
    counts = IncrementalBuffer(filler_value=np.nan)
    counts.add_entry(1, 5)
    np.testing.assert_array_equal(counts, [np.nan, 5])
    sums = IncrementalBuffer()
    sums.add_entry(0, 1)
    sums.add_entry(1, 2.5)
    np.testing.assert_array_equal(sums, [1, 2.5])
    spectra = IncrementalBuffer(filler_value=np.nan)
    spectra.add_entry(0, np.zeros(3, np.float32))
    assert spectra.dtype == np.float32


def test_an_empty_buffer_is_an_empty_array() -> None:
    buffer = IncrementalBuffer()
    assert np.asarray(buffer).shape == buffer.shape == (0,)
    assert not buffer.has_entry(0)


def test_a_row_that_does_not_fit_is_refused_and_changes_nothing() -> None:
    buffer = IncrementalBuffer()
    buffer.add_entry(0, [1, 2])
    with pytest.raises(ValueError, match=r"row 20 has shape \(3,\), but the rows before it have \(2,\)"):
        buffer.add_entry(20, [1, 2, 3])
    with pytest.raises(IndexError, match="rows are counted from 0"):
        buffer.add_entry(-1, [1, 2])
    assert np.asarray(buffer).tolist() == [[1, 2]]
    assert not buffer.has_entry(-1)
    with pytest.raises(ValueError, match="at least 1 row"):
        IncrementalBuffer(initial_rows=0)


def test_a_row_that_comes_twice_replaces_the_first_and_opens_no_gap() -> None:
    buffer = IncrementalBuffer(no_gaps=True)
    for value in (1, 2):
        buffer.add_entry(0, value)
        buffer.add_entry(1, value)
    assert np.asarray(buffer).tolist() == [2, 2]
    assert buffer._seen == set()
