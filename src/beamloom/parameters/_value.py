"""One parameter as an analysis sees it: it behaves as its value, and keeps the bytes that it came from."""

from __future__ import annotations

import hashlib
import json
import math
import operator
from collections.abc import Callable, Iterator
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import UUID

if TYPE_CHECKING:
    import numpy as np

LONGEST_REPR = 100
"""Bytes of a value that its repr shows."""


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def undescribed_value(data: bytes) -> Any:
    """The value of a parameter that nobody described: what the text says as JSON, else the text, else the bytes."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return data
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return text


def _plain(other: Any) -> Any:
    return other.value if isinstance(other, ParameterValue) else other


def _unary(operation: Callable[[Any], Any]) -> Callable[[ParameterValue], Any]:
    def apply(self: ParameterValue) -> Any:
        return operation(self.value)

    return apply


def _binary(operation: Callable[[Any, Any], Any]) -> Callable[[ParameterValue, Any], Any]:
    def apply(self: ParameterValue, other: Any) -> Any:
        return operation(self.value, _plain(other))

    return apply


def _reflected(operation: Callable[[Any, Any], Any]) -> Callable[[ParameterValue, Any], Any]:
    def apply(self: ParameterValue, other: Any) -> Any:
        return operation(_plain(other), self.value)

    return apply


class ParameterValue:
    """A parameter at one version: ``name``, the ``data`` as they were set, and the ``value`` that they mean.

    It stands for its value when it is indexed, iterated, used in arithmetic, compared, converted, formatted, used as an index,
    given to numpy, or asked for one of the value's attributes. Only ``isinstance`` and ``is`` tell the two apart: use ``value``
    there.
    ``data`` given as text are encoded as UTF-8; without a ``value`` it is what ``undescribed_value`` makes of the data.
    """

    __slots__ = ("_digest", "data", "name", "value")

    name: str
    data: bytes
    value: Any
    _digest: bytes | None

    def __init__(
        self, name: str, data: bytes | str = b"", value: Any = None, uuid: UUID | None = None
    ) -> None:
        self.name = name
        self.data = data.encode() if isinstance(data, str) else bytes(data)
        self.value = undescribed_value(self.data) if value is None else value
        self._digest = uuid.bytes if uuid is not None else None

    @property
    def digest(self) -> bytes:
        """SHA-256 over name and data: equal for equal content, in whichever process."""
        if self._digest is None:
            name = self.name.encode()
            self._digest = hashlib.sha256(len(name).to_bytes(8, "big") + name + self.data).digest()
        return self._digest

    @property
    def uuid(self) -> UUID:
        """The version of the parameter; the same content has the same one."""
        return UUID(bytes=self.digest[:16])

    def __repr__(self) -> str:
        if len(self.data) <= LONGEST_REPR:
            return f"ParameterValue(name={self.name!r}, data={self.data!r}, value={self.value!r})"
        return (
            f"ParameterValue(name={self.name!r}, data={self.data[:LONGEST_REPR]!r}... {len(self.data)} bytes)"
        )

    def __reduce__(self) -> tuple[type[ParameterValue], tuple[str, bytes, Any]]:
        return ParameterValue, (self.name, self.data, self.value)

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__") or attribute in ParameterValue.__slots__:
            raise AttributeError(attribute)
        try:
            return getattr(self.value, attribute)
        except AttributeError:
            raise AttributeError(
                f"parameter {self.name!r} is of type {type(self.value).__name__}, which has no attribute {attribute!r}"
            ) from None

    def __str__(self) -> str:
        return str(self.value)

    def __format__(self, spec: str) -> str:
        return format(self.value, spec)

    def __bytes__(self) -> bytes:
        return self.data

    def __bool__(self) -> bool:
        return bool(self.value)

    def __int__(self) -> int:
        return int(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __complex__(self) -> complex:
        return complex(self.value)

    def __index__(self) -> int:
        return operator.index(self.value)

    def __round__(self, digits: int | None = None) -> Any:
        return round(self.value, digits)

    def __fspath__(self) -> str:
        path: str | PathLike[str] = self.value
        return fspath(path)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        import numpy as np

        return np.array(self.value, dtype=dtype) if copy else np.asarray(self.value, dtype=dtype)

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.value)

    def __reversed__(self) -> Iterator[Any]:
        backwards: Iterator[Any] = reversed(self.value)
        return backwards

    def __contains__(self, item: Any) -> bool:
        return _plain(item) in self.value

    def __getitem__(self, key: Any) -> Any:
        return self.value[_plain(key)]

    def __hash__(self) -> int:
        return hash(self.value)

    def __eq__(self, other: object) -> Any:
        return self.value == _plain(other)

    def __ne__(self, other: object) -> Any:
        return self.value != _plain(other)

    __lt__ = _binary(operator.lt)
    __le__ = _binary(operator.le)
    __gt__ = _binary(operator.gt)
    __ge__ = _binary(operator.ge)

    __neg__ = _unary(operator.neg)
    __pos__ = _unary(operator.pos)
    __abs__ = _unary(operator.abs)
    __invert__ = _unary(operator.invert)
    __trunc__ = _unary(math.trunc)
    __floor__ = _unary(math.floor)
    __ceil__ = _unary(math.ceil)

    __add__ = _binary(operator.add)
    __sub__ = _binary(operator.sub)
    __mul__ = _binary(operator.mul)
    __matmul__ = _binary(operator.matmul)
    __truediv__ = _binary(operator.truediv)
    __floordiv__ = _binary(operator.floordiv)
    __mod__ = _binary(operator.mod)
    __divmod__ = _binary(divmod)
    __pow__ = _binary(operator.pow)
    __lshift__ = _binary(operator.lshift)
    __rshift__ = _binary(operator.rshift)
    __and__ = _binary(operator.and_)
    __or__ = _binary(operator.or_)
    __xor__ = _binary(operator.xor)

    __radd__ = _reflected(operator.add)
    __rsub__ = _reflected(operator.sub)
    __rmul__ = _reflected(operator.mul)
    __rmatmul__ = _reflected(operator.matmul)
    __rtruediv__ = _reflected(operator.truediv)
    __rfloordiv__ = _reflected(operator.floordiv)
    __rmod__ = _reflected(operator.mod)
    __rdivmod__ = _reflected(divmod)
    __rpow__ = _reflected(operator.pow)
    __rlshift__ = _reflected(operator.lshift)
    __rrshift__ = _reflected(operator.rshift)
    __rand__ = _reflected(operator.and_)
    __ror__ = _reflected(operator.or_)
    __rxor__ = _reflected(operator.xor)
