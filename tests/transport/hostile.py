"""Any message of the wire contract, with any content that its types allow: strategies that are built from the types themselves."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import strategies as st

from beamloom.transport.messages import AnyMessage

KINDS: tuple[type[msgspec.Struct], ...] = typing.get_args(AnyMessage)

Whatever = st.SearchStrategy[Any]

_plain = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats()
_anything: Whatever = st.recursive(
    _plain | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
PEERS = ["run", "controller", "worker-1", "worker-1@1", "reducer@1", "camera", "", "controller#x"]
"""Names that mean something, so that more than the first look at a message is tried."""
names = st.sampled_from(PEERS) | st.text(max_size=5)
_integers = st.sampled_from([0, 1, -1, 2, 2**63 - 1, -(2**63), 2**64 - 1]) | st.integers(-3, 10)
_OF_TYPE: dict[Any, Whatever] = {
    Any: _anything,
    str: names,
    int: _integers,
    float: st.floats(),
    bool: st.booleans(),
    bytes: st.binary(max_size=8),
    type(None): st.none(),
}


def values(kind: Any) -> Whatever:
    """Values of a type, the extreme ones among them."""
    if kind in _OF_TYPE:
        return _OF_TYPE[kind]
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return values(inner[0])
    if origin is typing.Literal:
        return st.sampled_from(inner)
    if origin is list:
        return st.lists(values(inner[0]), max_size=3)
    if origin is dict:
        return st.dictionaries(values(inner[0]), values(inner[1]), max_size=2)
    if origin is tuple:
        if inner[-1] is Ellipsis:
            return st.lists(values(inner[0]), max_size=2).map(tuple)
        return st.tuples(*map(values, inner))
    if origin in (typing.Union, types.UnionType):
        return st.one_of(*map(values, inner))
    return _made(kind)


def _made(kind: Any) -> Whatever:
    if hasattr(kind, "__members__"):
        return st.sampled_from(list(kind))
    hints = typing.get_type_hints(kind, include_extras=True)
    names_of_fields = kind.__struct_fields__ if issubclass(kind, msgspec.Struct) else kind._fields
    fields = {name: values(hints[name]) for name in names_of_fields}
    return st.builds(_maker(kind), **fields).filter(lambda made: made is not None)


def _maker(kind: Any) -> Callable[..., Any]:
    def make(**fields: Any) -> Any:
        try:
            return kind(**fields)
        except (ValueError, TypeError, msgspec.ValidationError):
            return None  # what cannot be made cannot be decoded either

    return make


frames = st.lists(st.binary(max_size=50), max_size=3)
messages: st.SearchStrategy[tuple[str, AnyMessage, list[bytes]]] = st.sampled_from(KINDS).flatmap(
    lambda kind: st.tuples(names, values(kind), frames)
)
"""Sender, message and the frames that come with it."""
