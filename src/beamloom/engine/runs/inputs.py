"""What a run is told, one by one: enough to tell it to another one, which then stands as this one does.

Invariant: a run decides by its inputs alone (which method was called, with which arguments, the time among them). So who tells a copy of
its state the same inputs in the same order gets the same leases. Whoever adds a method that changes a run marks it as ``recorded``.
"""

from __future__ import annotations

import functools
import typing
from collections.abc import Callable, Iterable
from typing import Any, Concatenate, NamedTuple, ParamSpec, Protocol, TypeVar

import msgspec


class Input(NamedTuple):
    """One call of a method that changes a run."""

    method: str
    arguments: tuple[Any, ...]
    named: dict[str, Any]


Witness = Callable[[Input], None]


class Witnessed(Protocol):
    """What tells a witness of its inputs."""

    witness: Witness | None


P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S", bound=Witnessed)


def recorded(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """The witness is told of each call of ``method`` from outside, before it happens; not of those that follow from it."""

    @functools.wraps(method)
    def told(self: S, /, *arguments: P.args, **named: P.kwargs) -> T:
        witness = self.witness
        if witness is None:
            return method(self, *arguments, **named)
        witness(Input(method.__name__, arguments, named))
        self.witness = None
        try:
            return method(self, *arguments, **named)
        finally:
            self.witness = witness

    told.is_recorded = True  # type: ignore[attr-defined]
    return told


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(tuple[str, list[msgspec.Raw], dict[str, msgspec.Raw]])


def encode_input(one: Input) -> bytes:
    """An input as msgpack."""
    return _encoder.encode(one)


def replay(run: Witnessed, inputs: Iterable[bytes]) -> int:
    """Tell ``run`` what another one was told; returns how many inputs that were.

    Raises msgspec.ValidationError for what is no input of such a run.
    """
    count = 0
    for body in inputs:
        name, arguments, named = _decoder.decode(body)
        types = _types(type(run), name)
        positional = [
            msgspec.msgpack.decode(value, type=kind)
            for value, kind in zip(arguments, types.values(), strict=False)
        ]
        getattr(run, name)(
            *positional,
            **{key: msgspec.msgpack.decode(value, type=types[key]) for key, value in named.items()},
        )
        count += 1
    return count


@functools.cache
def _types(kind: type, name: str) -> dict[str, Any]:
    """The types of a method's parameters, by name and in their order."""
    method = getattr(kind, name, None)
    if not getattr(method, "is_recorded", False):
        raise msgspec.ValidationError(f"{kind.__name__} is not told anything by {name!r}")
    hints = typing.get_type_hints(method)
    hints.pop("return", None)
    return hints
