"""Arrays in chunks: what was read once never changes, and reading follows numpy."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from beamloom.results import chunked
from beamloom.results.arrays import is_array_like
from beamloom.results.chunked import FrozenArray, GrowingArray


def grown(values: np.ndarray[Any, Any], start: int = 0) -> FrozenArray:
    """``values[start:]`` as an array in chunks of about 100 bytes."""
    growing = GrowingArray(values.shape[1:], values.dtype, 0)
    growing.start_at(start)
    growing.place(np.arange(len(values), dtype=np.int64), values)
    return growing.snapshot()


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunked, "CHUNK_BYTES", 100)


@st.composite
def keyed(draw: st.DrawFn) -> tuple[int, tuple[int, ...], Any]:
    """A start, a shape behind it, and a key for that shape."""
    shape = draw(st.sampled_from([(40,), (1,), (0,), (40, 3), (23, 3, 2)]))
    start = draw(st.integers(0, min(17, shape[0])))
    behind = (shape[0] - start, *shape[1:])
    basic = npst.basic_indices(behind, allow_ellipsis=True, allow_newaxis=True)
    if behind[0] == 0:
        return start, shape, draw(basic)
    fancy = st.lists(st.integers(-behind[0], behind[0] - 1), max_size=8)
    points = npst.integer_array_indices(behind, result_shape=npst.array_shapes(max_dims=2, max_side=4))
    masks = npst.arrays(np.bool_, behind[0])
    with_rest = st.tuples(
        fancy, *[st.sampled_from([0, -1, slice(None), slice(1, 2), [0, 1, 0]])] * (len(behind) - 1)
    )
    late = st.tuples(st.sampled_from([1 % behind[0], slice(2, 30, 3), Ellipsis]), st.just([1, 0]))
    options = [basic, fancy, points, masks, with_rest, *([late] if len(behind) == 2 else [])]
    return start, shape, draw(st.one_of(options))


@settings(deadline=None, max_examples=400)
@given(keyed())
def test_an_array_in_chunks_is_indexed_as_numpy_indexes(case: tuple[int, tuple[int, ...], Any]) -> None:
    start, shape, key = case
    values = np.arange(int(np.prod(shape)), dtype=np.float64).reshape(shape)
    array, expected = grown(values, start), values[start:]
    assert array.shape == expected.shape
    try:
        wanted = expected[key]
    except IndexError:
        with pytest.raises(IndexError):
            array[key]
        return
    got = array[key]
    assert np.shape(got) == np.shape(wanted)
    assert np.array_equal(np.asarray(got), wanted)


@pytest.mark.parametrize(
    "values",
    [np.array(["one", "two", "three"]), np.array([b"one", b"two"]), np.array(["2026-11-22"], "M8[s]")],
    ids=["text", "bytes", "times"],
)
@pytest.mark.parametrize("key", [0, -1, (0,), (0, ...), ...], ids=str)
def test_single_elements_that_are_no_numbers_are_indexed_so_too(
    values: np.ndarray[Any, Any], key: Any
) -> None:
    got, wanted = grown(values)[key], values[key]
    assert type(got) is type(wanted)
    assert np.array_equal(got, wanted)


@pytest.mark.parametrize("key", [40, -41, (0, 0), [41], np.ones(39, bool), (..., ...), "name", 1.5])
def test_what_numpy_refuses_is_refused(key: Any) -> None:
    with pytest.raises((IndexError, ValueError, TypeError)):
        grown(np.arange(40))[key]


def test_a_snapshot_stays_as_it_is_while_the_array_grows_and_changes() -> None:
    growing = GrowingArray((2,), np.dtype(np.int64), -1)
    growing.place(np.arange(50), np.arange(100).reshape(50, 2))
    before = growing.snapshot()
    held = np.asarray(before).copy()
    growing.place(np.array([0, 49, 80]), np.full((3, 2), 7))
    assert np.array_equal(before, held)
    after = np.asarray(growing.snapshot())
    assert after.shape == (81, 2)
    assert after[[0, 49, 80]].tolist() == [[7, 7]] * 3
    assert (after[50:80] == -1).all()


def test_only_the_chunk_that_is_written_to_is_copied() -> None:
    growing = GrowingArray((), np.dtype(np.int64), 0)
    growing.place(np.arange(100), np.arange(100))
    before = growing.snapshot()
    growing.place(np.array([99]), np.array([0]))
    after = growing.snapshot()
    assert np.shares_memory(before[0:5], after[0:5])
    assert not np.shares_memory(before[98:], after[98:])


def test_what_is_read_in_place_cannot_be_written_to() -> None:
    array = grown(np.arange(40).reshape(20, 2))
    for part in (array[3], array[0:2]):
        assert not part.flags.writeable
    assert np.shares_memory(array[0:2], array[1])


def test_a_pickle_is_that_of_a_numpy_array() -> None:
    array = grown(np.arange(40))
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        back = pickle.loads(pickle.dumps({"a": array}, protocol))["a"]
        assert type(back) is np.ndarray
        assert np.array_equal(back, np.arange(40))


def test_it_counts_as_an_array_and_becomes_one() -> None:
    array = grown(np.arange(40, dtype=np.int32))
    assert is_array_like(array)
    assert np.asarray(array, np.float64).dtype == np.float64
    assert (len(array), array.ndim, array.size, array.nbytes) == (40, 1, 40, 160)
    assert np.array(array).flags.writeable
    with pytest.raises(ValueError, match="without a copy"):
        np.array(array, copy=False)


def test_fields_of_records_are_read_in_place() -> None:
    values = np.array([(n, n / 2) for n in range(40)], [("a", "i4"), ("b", "f8")])
    array = grown(values)
    field = array["b"]
    assert isinstance(field, FrozenArray)
    assert np.array_equal(field, values["b"])
    assert np.array_equal(array[["a", "b"]][3:5], values[3:5])


def test_rows_before_the_start_are_let_go_with_their_chunks() -> None:
    growing = GrowingArray((), np.dtype(np.int64), 0)
    for n in range(0, 10_000, 10):
        growing.place(np.arange(n, n + 10), np.arange(n, n + 10))
        growing.start_at(n - 20)
    growing.place(np.array([3]), np.array([-1]))
    assert np.array_equal(growing.snapshot(), np.arange(9970, 10_000))
    assert len(growing.snapshot()._chunks) <= 5


@pytest.mark.parametrize("dtype", [">f8", ">u2", [("n", ">i4"), ("x", ">f4")]])
def test_it_is_in_the_byte_order_that_it_says_however_many_chunks_are_read(dtype: Any) -> None:
    values = np.zeros(40, dtype)
    array = grown(values)
    for part in (np.asarray(array), array[:], array[3:35], array[::-1], array[[1, 30]], array[0:2]):
        assert part.dtype == np.dtype(dtype)
