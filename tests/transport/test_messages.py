"""Every message comes over the wire as it was; what is no message is refused with one kind of error."""

from __future__ import annotations

import contextlib
import types
import typing
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given, settings

from beamloom.detectors.geometry import Detector
from beamloom.transport.messages import AnyMessage, Heartbeat, Message, decode, encode
from detectors.geometries import detectors

MESSAGES: tuple[type[Message], ...] = typing.get_args(AnyMessage)


def strategy(kind: Any) -> st.SearchStrategy[Any]:
    """Values of an annotation."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return st.one_of(*map(strategy, inner))
    if origin is list:
        return st.lists(strategy(inner[0]), max_size=3)
    if origin is dict:
        return st.dictionaries(strategy(inner[0]), strategy(inner[1]), max_size=3)
    if origin is tuple:
        if inner[-1] is Ellipsis:
            return st.lists(strategy(inner[0]), max_size=3).map(tuple)
        return st.tuples(*map(strategy, inner))
    if kind is Detector:
        return detectors()  # the decoder refuses one without tiles, as the pipeline file does
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return st.builds(kind, **{name: strategy(of) for name, of in typing.get_type_hints(kind).items()})
    if kind is Any:
        return st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=5)
    if kind is int:
        return st.integers(-(2**63), 2**64 - 1)
    if kind is float:
        return st.floats(allow_nan=False)
    if kind is type(None):
        return st.none()
    return st.from_type(kind)


def test_each_message_has_a_tag_of_its_own() -> None:
    tags = [kind.__struct_config__.tag for kind in MESSAGES]
    assert len(set(tags)) == len(MESSAGES) >= 22


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
def test_a_message_comes_over_the_wire_as_it_was(kind: type) -> None:
    @settings(max_examples=20)
    @given(strategy(kind), st.text())
    def round_trip(message: Any, sender: str) -> None:
        assert decode(encode(sender, message)) == (sender, message)

    round_trip()


@given(st.binary(max_size=60))
def test_anything_else_is_refused_with_a_decode_error(noise: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(noise)


@given(st.data())
def test_a_message_that_was_changed_on_its_way_is_read_or_refused_and_nothing_else(
    data: st.DataObject,
) -> None:
    frame = bytearray(encode("wörker", Heartbeat("tcp://host", {"beats": 1.5}, {"note": ["é", 3]})))
    for _ in range(3):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(msgspec.DecodeError):
        decode(bytes(frame))


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"GET / HTTP/1.1",
        b"\x92\xa1\xff\xc0",
        encode("x", Heartbeat("a", {}, {"k": None}))[:-1] + b"\x91" * 100_000,
    ],
    ids=["nothing", "a web browser", "a name that is no text", "endless nesting"],
)
def test_a_frame_of_a_stranger_is_refused(frame: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(frame)
