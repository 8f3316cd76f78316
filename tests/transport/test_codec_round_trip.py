"""What is encoded comes back equal and of the same type."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import enum
import math
import pathlib
import struct
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pydantic
import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from beamloom.events import Packet
from beamloom.transport.codec import Decoder, Encoder, decode, encode


class Element(enum.Enum):
    FE = 26
    CU = "copper"


class Line(enum.IntEnum):
    K_ALPHA = 1


class Status(enum.Flag):
    MOVING = 1
    MOVED = 2


class Position(NamedTuple):
    x: float
    y: float


@dataclasses.dataclass(frozen=True, slots=True)
class Peak:
    channel: int
    area: Any = 0.0


@dataclasses.dataclass
class Fit:
    peaks: list[Peak]
    residual: Any
    derived: float = dataclasses.field(init=False, default=1.0)
    made_from: dataclasses.InitVar[int] = 0

    def __post_init__(self, made_from: int) -> None:
        self.derived = made_from * 2.0


class Header(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(arbitrary_types_allowed=True, frozen=True)
    frame: int
    scale: float = pydantic.Field(default=1.0, alias="Scale")
    image: Any = None
    _seen: int = pydantic.PrivateAttr(default=0)


class Open(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")


class Reading(msgspec.Struct, frozen=True, rename="camel"):
    encoder_value: float
    tags: frozenset[str] = frozenset()


class Outer:
    @dataclasses.dataclass
    class Inner:
        value: int


def through(value: Any) -> Any:
    encoded = encode(value)
    # As a channel gives it: other memory, writable.
    return decode(encoded.head, [bytearray(buffer) for buffer in encoded.buffers])


def same(one: Any, other: Any) -> bool:
    """Equal, of the same type, all the way down."""
    if type(one) is not type(other):
        return False
    match one:
        case np.ndarray() if one.dtype.names:
            # The bytes between the fields are nobody's.
            return one.dtype == other.dtype and all(same(one[name], other[name]) for name in one.dtype.names)
        case np.ndarray():
            return bool(
                one.dtype == other.dtype
                and one.shape == other.shape
                and one.tobytes() == other.tobytes()
                and other.flags.writeable
            )
        case np.void() if one.dtype.names:
            return one.dtype == other.dtype and all(same(one[name], other[name]) for name in one.dtype.names)
        case np.generic() if not isinstance(one, np.str_ | np.bytes_):
            return bool(one.dtype == other.dtype and one.tobytes() == other.tobytes())
        case float():
            return struct.pack("<d", one) == struct.pack("<d", other)
        case complex():
            return same(one.real, other.real) and same(one.imag, other.imag)
        case list() | tuple():
            return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
        case dict():
            return len(one) == len(other) and all(
                same(k, k_) and same(v, v_)
                for (k, v), (k_, v_) in zip(one.items(), other.items(), strict=True)
            )
        case pydantic.BaseModel():
            return same(one.__getstate__(), other.__getstate__())
        case dt.datetime():
            return bool(one == other) and one.tzinfo == other.tzinfo and one.fold == other.fold
    if dataclasses.is_dataclass(one):
        return all(same(getattr(one, f.name), getattr(other, f.name)) for f in dataclasses.fields(one))
    return bool(one == other)


zones = st.none() | st.sampled_from(
    [dt.UTC, dt.timezone(dt.timedelta(hours=-3, minutes=-30)), ZoneInfo("Europe/Stockholm")]
)
hashables = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**200), 2**200)
    | st.floats(allow_nan=False)
    | st.text(alphabet=st.characters(exclude_categories=()))
    | st.binary()
    | st.complex_numbers(allow_nan=False)
    | st.sampled_from([*Element, *Line, Status.MOVING, Status.MOVING | Status.MOVED, Status(0)])
    | st.datetimes(timezones=zones)
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.builds(pathlib.Path, st.text("abc/. é", min_size=1))
    | st.builds(pathlib.PureWindowsPath, st.text("abc\\: ", min_size=1)).filter(
        # Some that Python itself cannot pickle: they are another path when they are read.
        lambda path: pathlib.PureWindowsPath(str(path)) == path
    )
    | st.builds(np.int64, st.integers(-(2**63), 2**63 - 1))
    | st.builds(np.float32, st.floats(width=32, allow_nan=False))
    | st.builds(np.str_, st.text())
    | st.builds(np.bytes_, st.binary()),
    lambda inner: (
        st.lists(inner, max_size=3).map(tuple)
        | st.builds(Position, inner, inner)
        | st.builds(Peak, inner, inner)
        | st.builds(Reading, st.floats(allow_nan=False), st.frozensets(st.text(), max_size=2))
        | st.frozensets(inner, max_size=3)
    ),
    max_leaves=4,
)
dtypes = (
    npst.scalar_dtypes()
    | npst.byte_string_dtypes(max_len=5)
    | npst.unicode_string_dtypes(max_len=5)
    | npst.array_dtypes(npst.scalar_dtypes(), max_size=3)
)
some_arrays = npst.arrays(dtypes, npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5))
values = st.recursive(
    hashables | st.floats() | some_arrays,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(hashables, inner, max_size=3)
        | st.sets(hashables, max_size=3)
        | st.builds(Fit, st.lists(st.builds(Peak, inner, inner), max_size=2), inner)
        | st.builds(Header, frame=st.integers(), image=inner)
    ),
    max_leaves=8,
)


@given(value=values)
def test_any_result_comes_back_as_it_was(value: Any) -> None:
    assert same(value, through(value))


@given(values_=st.lists(values, min_size=2, max_size=4))
def test_an_encoder_and_a_decoder_carry_nothing_over_to_the_next_result(values_: list[Any]) -> None:
    encoder, decoder = Encoder(), Decoder()
    encoded = [encoder.encode(value) for value in values_]
    for value, one in zip(values_, encoded, strict=True):
        assert same(value, decoder.decode(one.head, [bytearray(buffer) for buffer in one.buffers]))


@pytest.mark.parametrize("size", [10, 100_000])
@pytest.mark.parametrize(
    "dtype",
    [
        *["<f4", ">i2", "?", "<c16", "S7", "<U3", "M8[us]", "m8[25s]", "V5", ">f8", "f2", "g"],
        [("x", "<f4"), ("y", ">i2", (2, 3)), ("name", "U4")],
        {"names": ["a", "b"], "formats": ["i1", "f8"], "offsets": [4, 16], "itemsize": 32},
    ],
    ids=str,
)
def test_arrays_of_every_data_type_and_layout_come_back(dtype: Any, size: int) -> None:
    rng = np.random.default_rng(7)
    dtype = np.dtype(dtype)
    raw = rng.integers(0, 2 if dtype.kind == "b" else 100, (4, size, dtype.itemsize), dtype=np.uint8)
    if dtype.kind == "U" or dtype.names:
        raw[...] = 0
    array = raw.view(dtype)[..., 0]
    for layout in (
        array,
        array.T,
        array[::-2, ::3],
        np.asfortranarray(array),
        array[:, :0],
        np.broadcast_to(array[0, 0], (3, size)),
        np.moveaxis(array.reshape(2, 2, size), 0, 1),
    ):
        back = through(layout)
        assert same(np.asarray(layout), back)
        assert back.flags.f_contiguous == layout.flags.f_contiguous or not layout.flags.contiguous


def test_an_aligned_structured_type_comes_back() -> None:
    array = np.zeros(3, dtype=np.dtype([("flag", "i1"), ("value", "f8")], align=True))
    assert same(array, through(array))
    assert same(array[1], through(array[1]))


def test_large_arrays_travel_uncopied_and_small_ones_inside() -> None:
    image = np.arange(32 * 1024, dtype="<u2").reshape(128, 256)
    encoded = encode({"image": image, "transposed": image.T, "roi": image[:2, :2]})
    assert len(encoded.head) < 200
    assert [buffer.nbytes for buffer in encoded.buffers] == [65536, 65536]
    assert encoded.nbytes == len(encoded.head) + 2 * 65536
    assert all(np.shares_memory(np.frombuffer(buffer, np.uint8), image) for buffer in encoded.buffers)
    assert encode(image[:-1]).buffers == []

    received = [bytearray(buffer) for buffer in encoded.buffers]
    back = decode(encoded.head, received)
    assert np.shares_memory(back["image"], np.frombuffer(received[0], np.uint8))
    assert np.array_equal(back["transposed"], image.T)
    assert back["transposed"].flags.f_contiguous


def test_what_is_received_can_be_written_to_even_from_a_read_only_buffer() -> None:
    image = np.ones((200, 200))
    encoded = encode([image, image[0]])
    back = decode(encoded.head, [bytes(buffer) for buffer in encoded.buffers])
    back[0] += 1
    back[1] += 1
    assert image.max() == 1


def test_a_detached_result_stays_when_the_analysis_goes_on() -> None:
    running_sum = np.zeros((200, 200))
    encoded = encode({"sum": running_sum}).detached()
    running_sum += 1
    assert not decode(encoded.head, encoded.buffers)["sum"].any()
    small = encode({"sum": 1})
    assert small.detached() is small


def test_large_arrays_come_back_from_zeromq_frames_without_a_copy() -> None:
    image = np.arange(200_000.0)
    encoded = encode(image)
    with zmq.Context() as context, context.socket(zmq.PAIR) as one, context.socket(zmq.PAIR) as other:
        one.bind("inproc://codec")
        other.connect("inproc://codec")
        one.send_multipart([encoded.head, *encoded.buffers])
        head, *buffers = other.recv_multipart(copy=False)
        back = decode(head.bytes, buffers)
        assert np.array_equal(back, image)
        assert np.shares_memory(back, np.frombuffer(buffers[0].buffer, np.uint8))
        del back


def test_instances_come_back_with_all_their_fields() -> None:
    fit = Fit([Peak(3, np.float32(1.5))], None, made_from=4)
    model = Header(frame=1, Scale=2.0, image=np.ones(3))
    object.__setattr__(model, "_seen", 5)
    for value in (
        fit,
        model,
        Open.model_validate({"anything": (1, 2)}),
        Outer.Inner(3),
        Reading(1.5),
        Packet("STINS", [b"{}"]),
    ):
        assert same(value, through(value))
    back = through(model)
    assert (back._seen, back.model_fields_set) == (5, {"frame", "scale", "image"})


def test_times_keep_zone_and_fold() -> None:
    stockholm = ZoneInfo("Europe/Stockholm")
    twice = dt.datetime(2026, 10, 25, 2, 30, tzinfo=stockholm, fold=1)
    assert through(twice).tzinfo is stockholm
    assert through(twice).utcoffset() == dt.timedelta(hours=1)
    assert same(dt.time(2, 30, fold=1), through(dt.time(2, 30, fold=1)))
    assert through(dt.time(2, tzinfo=stockholm)).tzinfo is stockholm


def test_the_numbers_that_are_not_numbers_come_back() -> None:
    for value in (
        math.nan,
        math.inf,
        -0.0,
        complex(math.nan, -0.0),
        np.float32("nan"),
        2**63,
        -(2**63) - 1,
        2**64,
    ):
        assert same(value, through(value))


@pytest.mark.parametrize(
    ("value", "arrives"),
    [
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"ab"), b"ab"),
        (zmq.Frame(b"ab"), b"ab"),
        (collections.OrderedDict(a=1), {"a": 1}),
        (collections.Counter("aab"), {"a": 2, "b": 1}),
        (collections.defaultdict(lambda: 0, {(1, 2): 3}), {(1, 2): 3}),
    ],
)
def test_a_few_types_arrive_in_their_plain_form(value: Any, arrives: Any) -> None:
    assert same(arrives, through([value])[0])


def test_the_first_analysis_needs_a_head_of_few_bytes() -> None:
    assert len(encode({"position": (1.0, 2.0), "roi": np.int64(3)}).head) < 60


GOLDEN = {
    "81 a8706f736974696f6e 93 d40174 cb3ff0000000000000 cb4000000000000000": {"position": (1.0, 2.0)},
    "96 c0 c3 ff a2c3a9 c40101 c70902 000000000000000001": [None, True, -1, "é", b"\x01", 2**64],
    "c70c09 033c6938 0300000000000000": np.int64(3),
    "c71b0c 00 02 0300 0100000000000000 0200000000000000 3c7532 01000200": np.array([[1, 2]], "<u2"),
    "c7130d 00 01 0300 0000010000000000 7c7531 00000000": np.zeros(65536, "u1"),
    "92 d40173 03": {3},
    "c71a04 30 323032362d31312d32305432313a35323a31392b30303a3030": dt.datetime(
        2026, 11, 20, 21, 52, 19, tzinfo=dt.UTC
    ),
}


@pytest.mark.parametrize("encoded", GOLDEN)
def test_the_bytes_on_the_wire_never_change(encoded: str) -> None:
    assert encode(GOLDEN[encoded]).head.hex() == encoded.replace(" ", "")


def test_an_instance_is_its_class_and_its_fields_on_the_wire() -> None:
    name = f"d{__name__}:Peak".encode()
    head = bytes([0x92, 0xC7, len(name), 1]) + name + b"\x82\xa7channel\x01\xa4area\x02"
    assert encode(Peak(1, 2)).head == head
