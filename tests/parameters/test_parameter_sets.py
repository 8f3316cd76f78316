"""Sets of parameters, and the registry that makes them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.parameters import (
    ArrayParameter,
    BinaryParameter,
    FileParameter,
    FloatParameter,
    IntParameter,
    ParameterError,
    Parameters,
    ParameterSet,
    StrParameter,
    UnknownParameter,
    load_parameter_file,
)

TEXTS = st.text(st.characters(codec="utf-8"))
NAMES = st.text(st.characters(codec="utf-8"), min_size=1)
ROI = IntParameter(name="roi_start", default=120, max=4095)


def test_equal_content_has_an_equal_hash_in_any_order() -> None:
    one = ParameterSet({"a": b"1", "b": b"2"})
    other = ParameterSet({"b": b"2", "a": b"0"}).replace("a", b"1")
    assert one == other
    assert one.hash == other.hash
    assert hash(one) == hash(other)
    assert len(one.hash) == 64


@pytest.mark.parametrize(
    "other", [{"a": b"2"}, {"b": b"1"}, {}, {"a": b"1", "b": b""}, {"a1": b""}, {"a": b"1 "}]
)
def test_other_content_has_another_hash(other: dict[str, bytes]) -> None:
    assert ParameterSet({"a": b"1"}) != ParameterSet(other)


def test_a_set_does_not_change_when_one_parameter_is_replaced() -> None:
    before = ParameterSet({"roi_start": b"1", "label": b"x"}, [ROI])
    after = before.replace("roi_start", b"2")
    assert (before["roi_start"].value, after["roi_start"].value) == (1, 2)
    with pytest.raises(ParameterError, match="above the maximum"):
        after.replace("roi_start", b"9999")


@given(st.dictionaries(NAMES, st.binary()))
def test_a_set_survives_the_wire(values: dict[str, bytes]) -> None:
    original = ParameterSet(values)
    back = ParameterSet.from_wire(original.to_wire())
    assert back == original
    assert back.to_wire() == values


@given(
    st.dictionaries(
        NAMES,
        st.binary() | TEXTS.map(str.encode),
    )
)
def test_a_dumped_set_is_a_parameter_file(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, bytes]
) -> None:
    original = ParameterSet(values)
    path = tmp_path_factory.mktemp("dump") / "parameters"
    path.write_bytes(original.dump())
    assert load_parameter_file(path) == values
    assert original.is_text == path.read_bytes().lstrip().startswith(b"[")


def test_a_text_dump_is_the_list_that_existing_tools_read() -> None:
    dumped = ParameterSet({"roi1": b"[10, 20]"}).dump()
    assert json.loads(dumped) == [{"name": "roi1", "data": "[10, 20]"}]


def test_described_parameters_have_their_defaults_and_types() -> None:
    parameters = ParameterSet(
        {"energy": b"9"}, [ROI, FloatParameter(name="energy"), FileParameter(name="poni")]
    )
    assert parameters["roi_start"].value == 120
    assert parameters["roi_start"].data == b"120"
    assert parameters["energy"].value == 9.0
    assert parameters["poni"].value == ""
    assert parameters["poni_file"].value == b""
    assert dict(parameters.items()).keys() == {"energy", "roi_start", "poni", "poni_file"}


def test_python_values_make_a_set() -> None:
    parameters = ParameterSet.from_values({"roi1": [10, 20], "roi_start": 7, "label": "iron"}, [ROI])
    assert parameters.to_wire() == {"roi1": b"[10, 20]", "roi_start": b"7", "label": b"iron"}
    with pytest.raises(ParameterError, match="'x' is not an integer"):
        ParameterSet.from_values({"roi_start": "x"}, [ROI])


def test_a_parameter_that_is_not_there_is_named_with_its_neighbour() -> None:
    parameters = ParameterSet({}, [FileParameter(name="poni")])
    with pytest.raises(UnknownParameter) as missing:
        parameters["poni_fil"]
    assert "no parameter 'poni_fil' (did you mean 'poni_file'?)" in str(missing.value)
    assert parameters.get("poni_fil") is None
    assert "poni_fil" not in parameters


def test_the_registry_fills_defaults_and_keeps_what_was_set() -> None:
    parameters = Parameters()
    parameters.set("roi_start", b"7")
    parameters.describe([ROI, StrParameter(name="label", default="iron")])
    assert parameters.current["roi_start"].value == 7
    assert parameters.current["label"].value == "iron"


def test_a_refused_value_changes_nothing() -> None:
    parameters = Parameters()
    before = parameters.describe([ROI])
    with pytest.raises(ParameterError, match="'abc' is not an integer"):
        parameters.set_many({"label": b"copper", "roi_start": b"abc"})
    assert parameters.current is before
    assert "label" not in parameters.current
    assert parameters.set("roi_start", b"5")["roi_start"].value == 5


def test_one_name_in_two_types_is_refused() -> None:
    parameters = Parameters()
    parameters.describe([ROI], owner="worker")
    with pytest.raises(ParameterError) as refused:
        parameters.describe([FloatParameter(name="roi_start")], owner="reducer")
    assert str(refused.value) == (
        "parameter 'roi_start' is described as int and as float; "
        "describe it in one type, or give one of the two another name"
    )
    assert [part.dtype for part in parameters.descriptions] == ["int"]
    with pytest.raises(ParameterError, match="as int and as str"):
        Parameters().describe([ROI, StrParameter(name="roi_start")])


def test_an_owner_that_starts_anew_takes_back_what_it_described() -> None:
    parameters = Parameters()
    parameters.describe([ROI, StrParameter(name="old")], owner="worker")
    parameters.describe([FloatParameter(name="roi_start", default=2.5)], owner="worker")
    assert parameters.current.to_wire() == {"roi_start": b"2.5"}


def test_a_value_has_to_satisfy_everyone_who_described_it() -> None:
    parameters = Parameters()
    parameters.describe([IntParameter(name="n", max=10)], owner="worker")
    parameters.describe([IntParameter(name="n", default=2, max=100)], owner="reducer")
    assert parameters.current["n"].value == 2
    with pytest.raises(ParameterError, match="50 is above the maximum 10"):
        parameters.set("n", b"50")


def test_a_value_that_was_set_before_has_to_fit_its_description() -> None:
    parameters = Parameters()
    parameters.set("roi_start", b"abc")
    with pytest.raises(ParameterError, match="'abc' is not an integer"):
        parameters.describe([ROI])
    assert parameters.current["roi_start"].value == "abc"


def test_the_prefix_of_recordings_is_always_described_but_not_set() -> None:
    parameters = Parameters()
    parameters.describe([ROI, BinaryParameter(name="mask")])
    assert [entry["name"] for entry in parameters.listing()] == ["dump_prefix", "mask", "roi_start"]
    assert "dump_prefix" not in parameters.current
    assert parameters.set("dump_prefix", b"007")["dump_prefix"].data == b"007"
    with pytest.raises(ParameterError, match="dump_prefix"):
        parameters.set("dump_prefix", b"\xff")
    with pytest.raises(ParameterError, match="as str and as int"):
        parameters.describe([IntParameter(name="dump_prefix")])


def test_a_parameter_without_a_name_is_refused() -> None:
    with pytest.raises(ParameterError, match="needs a name"):
        Parameters().set("", b"1")


def test_a_dump_with_bytes_is_cbor(tmp_path: Path) -> None:
    path = tmp_path / "parameters.cbor"
    mask = ParameterSet({"mask": b"\xff\x00", "label": b"iron"})
    assert not mask.is_text
    path.write_bytes(mask.dump())
    assert load_parameter_file(path) == mask.to_wire()


def test_a_set_is_readable_as_plain_values_and_files_by_their_digests() -> None:
    described = [
        ArrayParameter(name="band", default=[1, 2], element="int64"),
        BinaryParameter(name="table"),
        FloatParameter(name="top", default=float("inf")),
        IntParameter(name="line", default=5),
    ]
    given = {"table": b"a,b\n1,2\n", "free": b"[1, 2]", "word": b"fast"}
    assert ParameterSet(given, described).readable == {
        "band": [1, 2],
        "free": [1, 2],
        "line": 5,
        "top": "inf",
        "table": f"8 bytes, SHA-256 {hashlib.sha256(given['table']).hexdigest()}",
        "word": "fast",
    }


def test_what_would_be_refused_is_told_without_a_change() -> None:
    parameters = Parameters()
    parameters.describe([ROI])
    before = parameters.current
    assert list(parameters.problems({"roi_start": b"9999", "other": b"x"})) == ["roi_start"]
    assert parameters.problems({"roi_start": b"7"}) == {}
    assert parameters.current is before
