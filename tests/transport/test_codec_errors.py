"""What cannot be encoded or decoded is told in a sentence."""

from __future__ import annotations

import contextlib
import dataclasses
import pickle
import sys
import threading
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.transport.codec import Decoder, Encoder, UndecodableResult, UnencodableResult, decode, encode


class Model:
    """An object of somebody's library."""

    def __init__(self, order: int) -> None:
        self.order = order

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and other.order == self.order

    def __hash__(self) -> int:
        return self.order


@dataclasses.dataclass
class Fit:
    model: Any
    unset: int = dataclasses.field(init=False)


@dataclasses.dataclass
class Ok:
    value: Any = 1


class Checked(pydantic.BaseModel):
    value: Any


@pytest.mark.parametrize(
    ("result", "place"),
    [
        (Model(1), "result is a"),
        ({"fit": [1, Ok(Model(1))]}, 'result["fit"][1].value is a'),
        ({(1.5, 2): Checked(value={"a": Model(1)})}, 'result[(1.5, 2)].value["a"] is a'),
        ({Model(1): 2}, "(the key <"),
        ({1, Model(1)}, "result (its element <"),
        ((0, ({}, Model(1))), "result[1][1] is a"),
        ([np.array([None, 1])], "result[0] is a numpy array of Python objects (dtype object)"),
        ({"m": np.ma.masked_array([1], [True])}, "MaskedArray, which results do not carry"),
        ([threading.Lock()], "result[0] is a _thread.lock"),
        ((x for x in "a"), "result is a builtins.generator"),
    ],
    ids=lambda part: part[:30] if isinstance(part, str) else "",
)
def test_what_cannot_travel_is_named_with_its_place_and_what_to_do(result: Any, place: str) -> None:
    with pytest.raises(UnencodableResult) as caught:
        encode(result)
    assert place in str(caught.value)
    assert "pickle_results = True in the worker class." in str(caught.value)


def test_a_class_inside_a_function_is_told() -> None:
    @dataclasses.dataclass
    class Local:
        value: int

    with pytest.raises(
        UnencodableResult, match=r'result\["a"\] is an instance of Local, a class that is defined inside a f'
    ):
        encode({"a": Local(1)})


def test_a_field_that_was_never_set_is_told() -> None:
    with pytest.raises(UnencodableResult, match="a field that was never set"):
        encode(Fit(1))


def test_a_result_that_contains_itself_is_told() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(UnencodableResult, match="contains itself"):
        encode(endless)


def test_an_encoder_works_on_after_a_refusal() -> None:
    encoder = Encoder()
    with pytest.raises(UnencodableResult):
        encoder.encode([1, np.zeros(100_000), Model(1)])
    encoded = encoder.encode([1])
    assert (encoded.head, encoded.buffers) == (b"\x91\x01", [])


def test_pickle_is_used_for_what_needs_it_only_where_both_sides_allow_it() -> None:
    value = {"fit": Model(3), "image": np.arange(3), "objects": np.array([None, Model(1)])}
    encoded = encode(value, allow_pickle=True)
    back = decode(encoded.head, encoded.buffers, allow_pickle=True)
    assert back["fit"] == Model(3)
    assert back["objects"][1] == Model(1)
    with pytest.raises(UndecodableResult, match="a result is pickled, which is not allowed here"):
        decode(encoded.head, encoded.buffers)


def test_what_cannot_even_be_pickled_is_told_with_its_place() -> None:
    with pytest.raises(UnencodableResult) as caught:
        encode({"lock": threading.Lock()}, allow_pickle=True)
    assert 'result["lock"] is a _thread.lock, which cannot be pickled' in str(caught.value)
    assert "pickle_results" not in str(caught.value)


CLASS_OF_AN_ANALYSIS = """
import dataclasses
@dataclasses.dataclass
class Sum:
    total: int
"""


@pytest.fixture
def encoded_sum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """An instance of ``someanalysis.results:Sum``, a module that can be imported but is not loaded."""
    package = tmp_path / "someanalysis"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "results.py").write_text(CLASS_OF_AN_ANALYSIS)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("someanalysis", "someanalysis.results"):
        monkeypatch.setitem(sys.modules, name, None)
        monkeypatch.delitem(sys.modules, name)
    return marked(b"dsomeanalysis.results:Sum", {"total": 4})


def marked(mark: bytes, *items: Any) -> bytes:
    packed: bytes = msgpack.packb([msgpack.ExtType(1, mark), *items])
    return packed


def test_a_class_is_imported_from_trusted_packages_only(encoded_sum: bytes) -> None:
    with pytest.raises(
        UndecodableResult, match=r"which is not loaded here; import someanalysis.results in the module"
    ):
        decode(encoded_sum)
    assert "someanalysis.results" not in sys.modules
    back = Decoder(trusted_packages=["someanalysis"]).decode(encoded_sum)
    assert (type(back).__name__, back.total) == ("Sum", 4)


@pytest.mark.parametrize(
    ("mark", "sentence"),
    [
        (b"dos:path", "no such class"),
        (b"dos:_Environ", "another kind of class"),
        (b"esubprocess:Popen", "another kind of class"),
        (b"dbeamloom.nowhere:Thing", "not loaded here"),
        (b"dbeamloom.events:Gone", "run the same version of the analysis"),
        (b"mbeamloom.events:Packet.parse", "no such class"),
        (b"d", "not loaded here"),
        (b"z", "damaged"),
    ],
)
def test_a_mark_makes_nothing_but_instances_of_known_kinds(mark: bytes, sentence: str) -> None:
    with pytest.raises(UndecodableResult, match=sentence):
        decode(marked(mark, {}))


def test_a_trusted_package_that_cannot_be_imported_is_told() -> None:
    with pytest.raises(UndecodableResult, match="cannot be imported here"):
        Decoder(trusted_packages=["nowhere"]).decode(marked(b"dnowhere.at_all:X", {}))


def test_another_version_of_a_class_is_told() -> None:
    mark = f"d{__name__}:Ok".encode()
    with pytest.raises(
        UndecodableResult, match="has the fields value, added, and the class of that name here has others"
    ):
        decode(marked(mark, {"value": 1, "added": 2}))


def test_a_missing_buffer_is_told() -> None:
    encoded = encode(np.zeros(100_000))
    with pytest.raises(UndecodableResult, match="damaged"):
        decode(encoded.head, [])
    with pytest.raises(UndecodableResult, match="another number of bytes"):
        decode(encoded.head, [bytes(800_001)])
    with pytest.raises(UndecodableResult, match="damaged"):
        decode(encoded.head, [bytes(799_999)])


@given(head=st.binary(max_size=60))
def test_noise_gives_an_error_of_ours_or_a_value(head: bytes) -> None:
    with contextlib.suppress(UndecodableResult):
        decode(head)


@given(position=st.integers(min_value=0), byte=st.integers(0, 255))
def test_a_damaged_head_gives_an_error_of_ours_or_a_value(position: int, byte: int) -> None:
    value = {"a": (1, np.int64(3)), "b": np.arange(4.0), "c": Ok({2**70}), "d": np.zeros(2, "M8[s]")}
    head = bytearray(encode(value).head)
    head[position % len(head)] = byte
    with contextlib.suppress(UndecodableResult):
        decode(bytes(head))


def test_no_pickle_is_hidden_in_what_is_encoded_without_it() -> None:
    head = encode({"a": np.zeros(3, "M8[s]"), "b": Ok(2)}).head
    assert pickle.PROTO + b"\x05" not in head
