"""A parameter behaves as its value."""

from __future__ import annotations

import copy
import operator
import pickle
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.parameters import ArrayParameter, ParameterValue

ARITHMETIC = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.floordiv,
    operator.mod,
    operator.pow,
    divmod,
]


def value(data: str) -> ParameterValue:
    return ParameterValue("p", data)


def test_a_list_in_json_is_indexed_and_used_as_a_slice() -> None:
    roi = value("[10, 20]")
    spectrum = np.arange(100)
    assert roi[0] == 10
    assert spectrum[roi[0] : roi[1]].sum() == sum(range(10, 20))
    assert list(roi) == [10, 20]
    assert len(roi) == 2
    assert 20 in roi
    assert list(reversed(roi)) == [20, 10]
    first, last = roi
    assert (first, last) == (10, 20)


def test_an_integer_is_an_index() -> None:
    assert np.arange(10)[value("3")] == 3
    assert [0, 1, 2, 3][value("3")] == 3
    assert list(range(value("2"))) == [0, 1]
    assert np.arange(10)[value("2") : value("4")].tolist() == [2, 3]


def test_it_is_converted_as_its_value() -> None:
    assert int(value("3")) == 3
    assert float(value("2.5")) == 2.5
    assert complex(value("2.5")) == 2.5
    assert str(value("abc")) == "abc"
    assert bytes(value("abc")) == b"abc"
    assert f"{value('2.5'):.2f} {value('abc'):>5}" == "2.50   abc"
    assert operator.mod("%d %s", (value("3"), value("x"))) == "3 x"
    assert not value("false")
    assert value("true")
    assert not value("0")
    assert round(value("2.6")) == 3
    assert Path(value("/tmp")) == Path("/tmp")


@pytest.mark.parametrize("operation", ARITHMETIC)
@pytest.mark.parametrize("other", [3, 2.5, np.float64(2.5), np.int32(2), np.arange(1, 4)])
def test_arithmetic_is_that_of_the_value_on_both_sides(operation: Any, other: Any) -> None:
    np.testing.assert_array_equal(operation(value("7"), other), operation(7, other))
    np.testing.assert_array_equal(operation(other, value("7")), operation(other, 7))
    assert operation(value("7"), value("2")) == operation(7, 2)


def test_bitwise_and_unary_operations_are_those_of_the_value() -> None:
    five = value("5")
    assert (five & 4, five | 2, five ^ 1, five << 1, five >> 1) == (4, 7, 4, 10, 2)
    assert (4 & five, 2 | five, 1 ^ five, 1 << five, 64 >> five) == (4, 7, 4, 32, 2)
    assert (-five, +five, abs(-five), ~five) == (-5, 5, 5, -6)
    assert value("ab") + "c" == "abc"
    assert "c" + value("ab") == "cab"
    assert value("[1]") * 2 == [1, 1]


def test_it_is_compared_and_hashed_as_its_value() -> None:
    assert value("3") == 3
    assert value("3") != 4
    assert value("3") == value("3")
    assert 2 < value("3") < 4
    assert 4 > value("3") >= value("3")
    names: dict[Any, str] = {3: "three"}
    assert names[value("3")] == "three"
    assert value("3") in {3}
    with pytest.raises(TypeError, match="unhashable"):
        hash(value("[3]"))


def test_numpy_takes_it_as_its_value() -> None:
    np.testing.assert_array_equal(np.asarray(value("[1, 2]")), [1, 2])
    assert np.array(value("[1, 2]"), dtype=np.float32).dtype == np.float32
    assert np.add(value("1"), 2) == 3
    assert np.sum(value("[1, 2]")) == 3
    np.testing.assert_array_equal(np.arange(3) * value("2"), [0, 2, 4])
    mask = ArrayParameter(name="mask", element="bool")
    described = ParameterValue("mask", b"[true, false]", mask.parse(b"[true, false]"))
    assert np.arange(2)[described].tolist() == [0]
    assert described.shape == (2,)


def test_attributes_are_those_of_the_value() -> None:
    assert value("a,b").split(",") == ["a", "b"]
    assert value('{"x": 1}').get("x") == 1
    with pytest.raises(AttributeError, match="parameter 'p' is of type int, which has no attribute 'split'"):
        value("3").split(",")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"[10, 20]", [10, 20]),
        (b"3", 3),
        (b"007", "007"),
        (b"true", True),
        (b"NaN", "NaN"),
        (b"", ""),
        (b"wavelength: 1", "wavelength: 1"),
        (b"\xff\x00", b"\xff\x00"),
        (b"[" * 100_000, "[" * 100_000),
        (b"9" * 5000, "9" * 5000),
    ],
    ids=repr,
)
def test_without_description_the_text_says_what_the_value_is(data: bytes, expected: object) -> None:
    assert ParameterValue("p", data).value == expected


@given(st.binary())
def test_any_bytes_have_a_value_and_are_kept(data: bytes) -> None:
    assert ParameterValue("p", data).data == data


def test_a_long_value_is_shown_in_short() -> None:
    assert len(repr(ParameterValue("p", b"x" * 100_000))) < 200
    assert repr(value("[1, 2]")) == "ParameterValue(name='p', data=b'[1, 2]', value=[1, 2])"


def test_it_is_copied_and_pickled_whole() -> None:
    original = ParameterValue("p", b"5", "five")
    for twin in (copy.deepcopy(original), pickle.loads(pickle.dumps(original))):
        assert (twin.name, twin.data, twin.value) == ("p", b"5", "five")


def test_the_same_content_is_the_same_version() -> None:
    assert value("5").uuid == value("5").uuid != value("6").uuid
    assert ParameterValue("a", b"bc").digest != ParameterValue("ab", b"c").digest
    given_uuid = UUID(int=7)
    assert ParameterValue("p", b"5", uuid=given_uuid).uuid == given_uuid
