"""What a description accepts, refuses and tells."""

from __future__ import annotations

import io
import json
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stnp

from beamloom.apps.files import array_of
from beamloom.errors import UserError
from beamloom.parameters import (
    AnyParameter,
    ArrayParameter,
    BinaryParameter,
    BoolParameter,
    ChoiceParameter,
    FileParameter,
    FloatParameter,
    IntParameter,
    Parameter,
    ParameterError,
    ParameterSet,
    StrParameter,
    expand,
)


def wrong(**arguments: Any) -> dict[str, Any]:
    """Arguments that a type checker would refuse."""
    return arguments


EXAMPLES: list[Parameter] = [
    StrParameter(name="label", default="iron", description="what the sample is"),
    IntParameter(name="roi_start", default=120, unit="channel", min=0, max=4095),
    FloatParameter(name="energy", default=9.1, unit="keV", min=1),
    BoolParameter(name="dark", default=True),
    ChoiceParameter(name="method", choices=("sum", "fit", 2), default="fit"),
    BinaryParameter(name="mask", default=b"\xff\x00"),
    FileParameter(name="poni", default="/data/a.poni"),
    ArrayParameter(
        name="limits", default=[[1.5, 2.5]], shape=(None, 2), unit="mm", min=-3, max=3, element="float32"
    ),
]


@pytest.mark.parametrize(
    ("parameter", "data", "sentence"),
    [
        (
            IntParameter(name="roi_start"),
            b"abc",
            "parameter 'roi_start': 'abc' is not an integer",
        ),
        (IntParameter(name="n"), b"3.5", "parameter 'n': '3.5' is not an integer"),
        (IntParameter(name="n"), b"", "parameter 'n': an empty value is not an integer"),
        (
            IntParameter(name="roi_start", max=4095, unit="channel"),
            b"5000",
            "parameter 'roi_start': 5000 channel is above the maximum 4095",
        ),
        (
            IntParameter(name="n", default=5, min=1),
            b"0",
            "parameter 'n': 0 is below the minimum 1",
        ),
        (FloatParameter(name="e"), b"warm", "parameter 'e': 'warm' is not a number"),
        (
            FloatParameter(name="e", min=0, max=5.5, unit="keV"),
            b"6",
            "parameter 'e': 6.0 keV is above the maximum 5.5",
        ),
        (
            FloatParameter(name="e", min=0),
            b"nan",
            "parameter 'e': 'nan' is not a number from 0 on",
        ),
        (
            BoolParameter(name="dark"),
            b"maybe",
            "parameter 'dark': 'maybe' is not true or false (1 or 0, yes or no, on or off)",
        ),
        (
            ChoiceParameter(name="c", choices=("a", 2)),
            b"3",
            "parameter 'c': '3' is not one of 'a', 2",
        ),
        (
            StrParameter(name="s"),
            b"\xff\xfe",
            "parameter 's': a value of 2 bytes that is not UTF-8 is not a text in UTF-8",
        ),
        (
            ArrayParameter(name="a"),
            b"[1, [2]]",
            "parameter 'a': '[1, [2]]' is not an array of numbers, such as [1, 2.5] in JSON, or npy",
        ),
        (
            ArrayParameter(name="a", element="uint8"),
            b"[1, 300]",
            "parameter 'a': '[1, 300]' is not an array of uint8",
        ),
        (
            ArrayParameter(name="a", default=[[0, 0]], shape=(None, 2)),
            b"[1, 2]",
            "parameter 'a': the array has shape (2,), not (any, 2)",
        ),
        (
            ArrayParameter(name="a", max=4, unit="mm"),
            b"[1, 5]",
            "parameter 'a': 5.0 mm is above the maximum 4",
        ),
    ],
)
def test_a_wrong_value_is_refused_with_a_sentence(parameter: Parameter, data: bytes, sentence: str) -> None:
    with pytest.raises(ParameterError) as refused:
        parameter.parse(data)
    assert str(refused.value) == sentence
    assert isinstance(refused.value, UserError)


def test_a_long_wrong_value_is_quoted_in_short() -> None:
    with pytest.raises(ParameterError) as refused:
        IntParameter(name="n").parse(b"x" * 100_000)
    assert len(str(refused.value)) < 120


@pytest.mark.parametrize("word", ["true", "TRUE", "True", "1", "yes", "On", " true\n"])
def test_a_switch_is_on_for_every_usual_word(word: str) -> None:
    assert BoolParameter(name="dark").parse(word.encode()) is True


@pytest.mark.parametrize("word", ["false", "False", "0", "NO", "off"])
def test_a_switch_is_off_for_every_usual_word(word: str) -> None:
    assert BoolParameter(name="dark").parse(word.encode()) is False


@pytest.mark.parametrize("parameter", EXAMPLES, ids=lambda parameter: parameter.dtype)
def test_a_description_survives_the_wire(parameter: Parameter) -> None:
    packed = msgspec.msgpack.encode(parameter.to_wire())
    assert Parameter.from_wire(msgspec.msgpack.decode(packed)) == parameter


def test_descriptions_can_be_declared_in_a_message() -> None:
    class Registration(msgspec.Struct):
        parameters: list[AnyParameter]

    packed = msgspec.msgpack.encode({"parameters": EXAMPLES})
    assert msgspec.msgpack.decode(packed, type=Registration).parameters == EXAMPLES


def test_what_is_not_a_description_is_refused() -> None:
    with pytest.raises(ParameterError, match="not the description of a parameter"):
        Parameter.from_wire({"dtype": "complex", "name": "z"})


def test_descriptions_are_told_as_json_with_what_is_set() -> None:
    told = [part.describe() for part in expand(EXAMPLES)]
    assert json.loads(json.dumps(told)) == told
    assert told[0] == {
        "name": "label",
        "description": "what the sample is",
        "dtype": "str",
        "default": "iron",
    }
    assert told[1] == {
        "name": "roi_start",
        "description": None,
        "dtype": "int",
        "default": 120,
        "unit": "channel",
        "min": 0,
        "max": 4095,
    }
    assert told[4]["choices"] == ["sum", "fit", 2]
    assert told[5]["default"] == "/wA="
    assert told[5]["encoding"] == "base64"
    assert told[8]["default"] == [[1.5, 2.5]]


def test_a_default_that_json_cannot_hold_is_told_as_null() -> None:
    assert FloatParameter(name="e", default=float("nan")).describe()["default"] is None


def test_a_file_parameter_is_a_name_and_a_content() -> None:
    name, content = FileParameter(name="dest_file", description="where to").parts()
    assert (name.name, name.dtype) == ("dest_file", "file")
    assert (content.name, content.dtype) == ("dest_file_file", "binary")
    assert content.description is not None
    assert content.description.endswith("where to")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: IntParameter(name="n", min=1), "0 is below the minimum 1; that is its default"),
        (
            lambda: IntParameter(**wrong(name="n", default=3.5)),
            "'3.5' is not an integer; that is its default",
        ),
        (lambda: IntParameter(name="n", min=4, max=3), "the minimum 4 is above the maximum 3"),
        (lambda: IntParameter(name=""), "a parameter needs a name"),
        (lambda: ChoiceParameter(name="c"), "needs at least one entry in 'choices'"),
        (lambda: ChoiceParameter(name="c", choices=["a"], default="b"), "'b' is not one of 'a'"),
        (lambda: BinaryParameter(**wrong(name="b", default=5)), "5 is neither bytes nor a text"),
        (lambda: ArrayParameter(name="a", element="text"), "'text' is not a numpy dtype"),
        (lambda: ArrayParameter(name="a", element="object"), "'object' is not a numpy dtype"),
        (lambda: ArrayParameter(name="a", shape=(2,)), "the array has shape (0,), not (2)"),
    ],
)
def test_a_description_that_cannot_be_is_refused(make: Any, sentence: str) -> None:
    with pytest.raises(ParameterError) as refused:
        make()
    assert sentence.replace("(2)", "(2,)") in str(refused.value)


@pytest.mark.parametrize(
    "parameter",
    [
        FloatParameter(name="gain", default=1),
        FloatParameter(**wrong(name="gain", default="1")),
        FloatParameter(**wrong(name="gain", default=np.float32(1))),
    ],
)
def test_a_default_takes_the_type_of_the_parameter(parameter: FloatParameter) -> None:
    assert isinstance(parameter.default, float)
    assert parameter.default == 1.0


def test_a_choice_comes_back_as_it_was_written() -> None:
    parameter = ChoiceParameter(name="binning", choices=[1, 2, 4])
    assert parameter.default == 1
    assert parameter.parse(b"4") == 4
    assert parameter.encode(2) == b"2"


@given(st.integers())
def test_every_integer_survives(value: int) -> None:
    parameter = IntParameter(name="n")
    assert parameter.parse(parameter.encode(value)) == value


@given(st.floats(allow_nan=False))
def test_every_number_survives_exactly(value: float) -> None:
    parameter = FloatParameter(name="x")
    assert parameter.parse(parameter.encode(value)) == value


@given(st.text(st.characters(codec="utf-8")))
def test_every_text_survives(value: str) -> None:
    parameter = StrParameter(name="s")
    assert parameter.parse(parameter.encode(value)) == value


@given(
    stnp.arrays(
        st.sampled_from([np.float64, np.float32, np.int16, np.uint64, np.bool_]),
        stnp.array_shapes(max_side=40),
    )
)
def test_every_array_survives_exactly(array: np.ndarray[Any, Any]) -> None:
    parameter = ArrayParameter(name="a", element=array.dtype.name)
    back = parameter.parse(parameter.encode(array))
    np.testing.assert_array_equal(back, array)
    assert back.dtype == array.dtype
    assert not back.flags.writeable


def test_integers_too_large_for_a_float_stay_exact_beside_small_ones() -> None:
    parameter = ArrayParameter(name="a", element="uint64")
    assert parameter.parse(b"[9223372036854775809, 0]").tolist() == [9223372036854775809, 0]
    with pytest.raises(ParameterError, match="is not an array of"):
        parameter.parse(b"[9223372036854775809, -1]")
    with pytest.raises(ParameterError, match="is not an array of uint64"):
        parameter.parse(b"[1.5, 2]")


def test_an_array_is_read_from_npy_but_never_from_a_pickle_inside_it() -> None:
    plain, objects = io.BytesIO(), io.BytesIO()
    np.save(plain, np.arange(6).reshape(2, 3))
    np.save(objects, np.array([{}], dtype=object), allow_pickle=True)
    parameter = ArrayParameter(name="a", element="int64")
    assert parameter.parse(plain.getvalue()).tolist() == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(ParameterError):
        parameter.parse(objects.getvalue())


@given(st.binary(max_size=40))
def test_no_bytes_are_an_internal_error(data: bytes) -> None:
    for parameter in EXAMPLES:
        try:
            parameter.parse(data)
        except ParameterError:
            continue


def test_a_number_among_choices_may_be_written_as_other_programs_write_it() -> None:
    step = ChoiceParameter(name="step", choices=(0.5, 1.0, "auto"))
    assert [ChoiceParameter(name="binning", choices=(1, 2)).parse(text) for text in (b"2", b"2.0")] == [2, 2]
    assert [step.parse(text) for text in (b"1", b"1.0", b"5e-1", b"auto")] == [1.0, 1.0, 0.5, "auto"]
    with pytest.raises(ParameterError, match="one of"):
        step.parse(b"2")


def damaged_npy() -> list[bytes]:
    """A file cut off within its header, and one whose header promises more than there is memory."""
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    whole = buffer.getvalue()
    return [
        b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f8',\n",
        whole.replace(b"(3,), }            ", b"(3000000000000,), }"),
    ]


@pytest.mark.parametrize("data", [*damaged_npy(), b"[" * 5000 + b"]" * 5000])
def test_damaged_arrays_are_refused_with_a_sentence(data: bytes) -> None:
    with pytest.raises(ParameterError, match=r"'mask'.* is not an array of numbers"):
        ArrayParameter(name="mask").parse(data)


@pytest.mark.parametrize("content", [*damaged_npy(), b"PK\x03\x04 an archive that was cut off"])
def test_damaged_files_of_arrays_are_refused_with_a_sentence(content: bytes) -> None:
    described = [FileParameter(name="mask_file")]
    values = ParameterSet.from_values({"mask_file": "m.npy", "mask_file_file": content}, described)
    with pytest.raises(UserError, match="mask_file: this is no array of numbers"):
        array_of(values, "mask_file")
