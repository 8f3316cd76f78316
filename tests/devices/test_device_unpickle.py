"""Pickles from devices are read as well as an ordinary unpickler reads them, and run nothing."""

from __future__ import annotations

import contextlib
import pickle
import struct
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from beamloom.devices.fields import MalformedPacket
from beamloom.devices.pickles import unpickle as unpickling
from beamloom.devices.pickles.unpickle import BadPickle, ForbiddenPickle, unpickle, unpickle_outline

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def parts(array: np.ndarray[Any, Any]) -> Any:
    """What numpy tells pickle of ``array``: how to begin one, and its state."""
    return array.__reduce__()


def same(one: Any, other: Any) -> bool:
    """Equal in value and, but for ordered dictionaries, in type, arrays included."""
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and list(one) == list(other)
            and all(same(one[key], other[key]) for key in one)
        )
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        if one.dtype != other.dtype or one.shape != other.shape:
            return False
        if one.dtype == object:
            return all(same(*pair) for pair in zip(one.flat, other.flat, strict=True))
        return bool(one.tobytes() == other.tobytes())
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(same(*pair) for pair in zip(one, other, strict=True))
    return bool(one == other)


class Attack:
    """Pickles as a call of ``function`` with ``arguments``."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def test_every_pickle_of_the_captures_reads_as_an_ordinary_unpickler_reads_it(
    capture: Callable[[str], list[list[bytes]]],
) -> None:
    frames = [message[0] for message in capture("contrast-dump.cbors")]
    frames += [message[2] for message in capture("xspress3-multipart.cbors")[1:-1]]
    for name in ("xspress3-dump.cbors", "xspress3mini-dump20.cbors"):
        frames += [message[0] for message in capture(name)[3:-1:3]]
    assert len(frames) == 26 + 5 + 20 + 22
    for frame in frames:
        assert same(unpickle(frame), pickle.loads(frame))


NUMBERS = st.one_of(
    hnp.boolean_dtypes(), hnp.integer_dtypes(), hnp.floating_dtypes(), hnp.complex_number_dtypes()
)
FLAT_TYPES = st.one_of(
    NUMBERS,
    hnp.unicode_string_dtypes(max_len=5),
    hnp.byte_string_dtypes(max_len=5),
    hnp.datetime64_dtypes(),
    hnp.timedelta64_dtypes(),
)
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
ARRAYS = st.one_of(
    hnp.arrays(FLAT_TYPES, SHAPES),
    hnp.arrays(hnp.array_dtypes(NUMBERS, max_size=3, allow_subarrays=True), SHAPES),
    hnp.arrays(NUMBERS, SHAPES).map(np.asfortranarray),
)
PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.complex_numbers(allow_nan=False),
    st.text(),
    st.binary(),
    st.binary().map(bytearray),
    st.frozensets(st.integers()),
    st.sets(st.text()),
    st.floats(allow_nan=False).map(np.float64),
)
VALUES = st.recursive(
    PLAIN | ARRAYS,
    lambda inner: st.one_of(
        st.lists(inner),
        st.tuples(inner, inner),
        st.dictionaries(st.text(), inner),
        st.dictionaries(st.text(), inner).map(OrderedDict),
    ),
    max_leaves=8,
)


@given(VALUES, st.sampled_from(PROTOCOLS))
def test_plain_values_and_arrays_survive_every_protocol(value: Any, protocol: int) -> None:
    assert same(value, unpickle(pickle.dumps(value, protocol)))


def test_arrays_of_objects_and_types_survive() -> None:
    value = {
        "things": np.array([["a", None], [np.arange(3), {"b": np.ones(2)}]], dtype=object),
        "type": np.dtype(">f4"),
    }
    assert same(value, unpickle(pickle.dumps(value)))


def test_what_was_one_object_stays_one_and_circles_stay_closed() -> None:
    array = np.arange(3)
    circle: list[Any] = [array, (array,)]
    circle.append(circle)
    read = unpickle(pickle.dumps(circle))
    assert read[0] is read[1][0]
    assert read[2] is read


def test_arrays_may_be_written_to() -> None:
    for protocol in PROTOCOLS:
        read = unpickle(pickle.dumps(np.zeros(3), protocol))
        read[0] = 1
        assert read.tolist() == [1, 0, 0]


def test_strings_and_arrays_that_python_2_wrote_are_read() -> None:
    # pickle.dumps({"x": numpy.array([258], "<u2")}, 2) in Python 2.7, where text is bytes.
    written = (
        b"\x80\x02}q\x00U\x01xq\x01cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nq\x03K\x00\x85U\x01b\x87Rq\x04(K\x01K\x01\x85"
        b"cnumpy\ndtype\nq\x05U\x02u2K\x00K\x01\x87Rq\x06(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x02\x02\x01tbs."
    )
    assert same(unpickle(written), {"x": np.array([258], "<u2")})


@pytest.mark.parametrize("read", [unpickle, unpickle_outline])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_command_in_a_pickle_is_refused_by_name_and_not_run(
    read: Callable[[bytes], Any], protocol: int, tmp_path: Path
) -> None:
    import os

    trace = tmp_path / "was-here"
    with pytest.raises(ForbiddenPickle, match=r"posix\.system"):
        read(pickle.dumps({"status": "running", "x": Attack(os.system, f"touch {trace}")}, protocol))
    assert not trace.exists()


@pytest.mark.parametrize(
    "name",
    [
        "builtins eval",
        "builtins getattr",
        "builtins map",
        "functools partial",
        "numpy load",
        "numpy.ma.core _mareconstruct",
        "operator attrgetter",
        "copyreg _reconstructor",
        "beamloom.devices.pickles.unpickle _Unpickler",
    ],
)
def test_only_listed_names_are_found(name: str) -> None:
    module, attribute = name.split()
    with pytest.raises(ForbiddenPickle, match=f"asks for {module}.{attribute}"):
        unpickle(f"c{module}\n{attribute}\n.".encode())


def test_a_record_that_hides_pointers_behind_false_flags_is_refused() -> None:
    record = np.zeros(1, np.dtype([("pointer", "O")]))
    _, arguments, (version, shape, _, fortran, _) = parts(record)
    names, fields = ("pointer",), {"pointer": (np.dtype("O"), 0)}

    class LyingType:
        def __reduce__(self) -> Any:
            return (np.dtype, ("V8", False, True), (3, "|", None, names, fields, 8, 1, 0))

    class Array:
        def __reduce__(self) -> Any:
            reconstruct = parts(record)[0]
            return (reconstruct, arguments, (version, shape, LyingType(), fortran, struct.pack("<Q", 0xDEAD)))

    with pytest.raises(ForbiddenPickle, match="Python objects inside a structured"):
        unpickle(pickle.dumps(Array(), 2))


def test_pointers_behind_an_array_type_are_refused() -> None:
    lying = b"\x80\x02cnumpy\ndtype\nU\x02V8\x89\x88\x87R(K\x03U\x01|"
    lying += b"cnumpy\ndtype\nU\x02O8\x89\x88\x87RK\x01\x85\x86NNK\x08K\x01K\x00tb."
    with pytest.raises(BadPickle, match="'V8' in an unknown form"):
        unpickle(lying)


def test_an_array_of_a_class_of_its_own_is_refused() -> None:
    with pytest.raises(ForbiddenPickle, match="a class of its own"):
        unpickle(b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n(cbuiltins\nlist\nK\x00\x85U\x01btR.")


def test_only_the_codec_of_pickles_is_used() -> None:
    with pytest.raises(ForbiddenPickle, match="encode with 'idna'"):
        unpickle(b"\x80\x02c_codecs\nencode\nU\x01xU\x04idna\x86R.")


@pytest.mark.parametrize(
    "key", [pickle.dumps(np.zeros(2), 2)[2:-1], pickle.dumps(np.dtype("f8"), 2)[2:-1], b"cnumpy\ndtype\n"]
)
def test_only_plain_values_are_keys(key: bytes) -> None:
    with pytest.raises(BadPickle, match="unhashable"):
        unpickle(b"\x80\x02}" + key + b"K\x01s.")


@pytest.mark.parametrize("setting", [b"}U\x04makeU\x01xsb", b"N}U\x09_functionNs\x86b"])
def test_the_functions_behind_a_pickle_cannot_be_changed_by_it(setting: bytes) -> None:
    with pytest.raises(ForbiddenPickle, match="tries to change a function"):
        unpickle(b"\x80\x02cnumpy\ndtype\n" + setting + b".")
    assert unpickle(pickle.dumps(np.float32(1.5), 2)) == np.float32(1.5)


def test_a_pickle_that_hands_out_a_function_is_refused() -> None:
    with pytest.raises(ForbiddenPickle, match="holds a function"):
        unpickle(b"\x80\x02cnumpy\ndtype\n.")


def claims(shape: tuple[int, ...], code: str, raw: bytes) -> bytes:
    """A pickle of an array that says to be of ``shape`` and ``code`` and holds ``raw``."""
    # An honest pickle whose parts are exchanged: protocol 4 spells each of them out.
    reconstruct, arguments, (version, _, _, fortran, _) = parts(np.zeros(1))

    class Claim:
        def __reduce__(self) -> Any:
            return (reconstruct, arguments, (version, shape, np.dtype(code), fortran, raw))

    return pickle.dumps(Claim(), 4)


@pytest.mark.parametrize(
    ("shape", "code", "raw"),
    [
        ((3,), "f8", bytes(16)),
        ((2**40,), "u1", b""),
        ((-1, -8), "u1", bytes(8)),
        ((10**9,), "U0", b""),
        ((2,), "O", bytes(16)),
    ],
)
def test_an_array_that_is_not_as_large_as_it_says_is_refused(
    shape: tuple[int, ...], code: str, raw: bytes
) -> None:
    with pytest.raises(BadPickle):
        unpickle(claims(shape, code, raw))


def test_a_pickle_that_breaks_off_anywhere_is_refused(capture: Callable[[str], list[list[bytes]]]) -> None:
    whole = capture("contrast-dump.cbors")[2][0]
    for length in range(0, len(whole), 7):
        with pytest.raises(BadPickle):
            unpickle(whole[:length])


@given(st.data())
def test_a_damaged_pickle_raises_nothing_but_a_sentence(data: st.DataObject) -> None:
    damaged = bytearray(
        pickle.dumps(
            {"x": np.arange(3), "y": [1.5, "text"], "z": (b"raw", None)},
            data.draw(st.sampled_from(PROTOCOLS)),
        )
    )
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(damaged) - 1))
        # LONG_BINPUT reserves memory for as many objects as it claims; that is not what is tested here.
        damaged[place] = data.draw(st.integers(0, 255).filter(lambda byte: byte != ord("r")))
    with contextlib.suppress(MalformedPacket):
        unpickle(bytes(damaged))


def test_a_pickle_beyond_all_measure_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpickling, "LARGEST", 10)
    with pytest.raises(BadPickle, match="at most 10 are read"):
        unpickle(pickle.dumps("a text of more than ten bytes"))
