"""Encoding of results."""

from __future__ import annotations

import dataclasses
import datetime as dt
import pathlib
import pickle
import struct
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any, Final, NoReturn
from zoneinfo import ZoneInfo

import msgpack
import msgspec
import numpy as np
import zmq
from msgpack import ExtType

from beamloom.transport.codec import _arrays as arrays
from beamloom.transport.codec import _wire as wire
from beamloom.transport.codec._classes import class_name, kind_of
from beamloom.transport.codec._errors import Refused, UnencodableResult
from beamloom.transport.codec._path import path_to

NOT_PACKED: Final = (Refused, ValueError, OverflowError)
"""What packing raises for what cannot be packed, or not in the usual way."""


class Encoded(msgspec.Struct, gc=False):
    """A result as bytes: ``head``, and the bytes of large arrays, which are those of the arrays themselves."""

    head: bytes
    buffers: list[memoryview]

    @property
    def nbytes(self) -> int:
        """Size of head and buffers, in bytes."""
        return len(self.head) + sum(buffer.nbytes for buffer in self.buffers)

    def detached(self) -> Encoded:
        """The same with its own copy of the large arrays, so that they stay when the analysis changes its own."""
        if not self.buffers:
            return self
        return Encoded(self.head, [memoryview(bytearray(buffer)) for buffer in self.buffers])


class Encoder:
    """Encodes results, one at a time; make one for each thread.

    ``allow_pickle``: what is of no known kind is pickled; whoever decodes must allow it, too.
    """

    def __init__(self, *, allow_pickle: bool = False) -> None:
        self._allow_pickle = allow_pickle
        self._buffers: list[memoryview] = []
        self._encoders: dict[type[Any], Callable[[Any], Any]] = dict(_SIMPLE)
        self._encoders[np.ndarray] = self._encode_array
        self._encoders[np.memmap] = self._encode_array
        self._pack: Callable[[Any], bytes] = msgpack.Packer(
            default=self._encode_other, strict_types=True
        ).pack
        """Refuses lone surrogates; to let them pass makes every text cost three times as much."""
        self._pack_surrogates: Callable[[Any], bytes] = msgpack.Packer(
            default=self._encode_other, strict_types=True, unicode_errors="surrogatepass"
        ).pack

    def encode(self, value: Any) -> Encoded:
        """Encode one result. Large arrays are not copied: they must stay as they are until the buffers have been sent.

        Raises UnencodableResult with the place of what cannot be encoded.
        """
        buffers: list[memoryview] = []
        return Encoded(self.head(value, buffers), buffers)

    def packer(self, buffers: list[memoryview]) -> Callable[[Any], bytes]:
        """What does for one result after the other what ``head`` does, as long as nothing else is encoded, in two thirds of the time.

        It raises one of NOT_PACKED where ``head`` has another way or says what is wrong.
        """
        self._buffers = buffers
        return self._pack

    def head(self, value: Any, buffers: list[memoryview]) -> bytes:
        """The head of an encoded result; the bytes of its large arrays are put into ``buffers``, an empty list. Otherwise as ``encode``."""
        self._buffers = buffers
        try:
            try:
                return self._pack(value)
            except UnicodeEncodeError:
                buffers.clear()
                return self._pack_surrogates(value)
        except Refused as refused:
            remedy = "" if self._allow_pickle else ", or set pickle_results = True in the worker class"
            raise UnencodableResult(
                f"{path_to(value, refused.value)} is {refused.reason}{remedy}."
            ) from refused
        except (ValueError, OverflowError) as error:
            raise UnencodableResult(
                f"the result cannot be encoded ({error}): it is nested too deeply, contains itself or holds more than "
                "4 GiB in one piece; return a flatter one."
            ) from error

    def _encode_other(self, value: Any) -> Any:
        cls = type(value)
        encoder = self._encoders.get(cls)
        if encoder is None:
            encoder = self._encoders[cls] = self._encoder_for(value, cls)
        try:
            return encoder(value)
        except ValueError as error:
            if self._allow_pickle:
                return self._pickle(value)
            raise Refused(value, str(error)) from error
        except AttributeError as error:
            raise Refused(value, f"an instance with a field that was never set ({error}); set it") from error

    def _encoder_for(self, value: Any, cls: type[Any]) -> Callable[[Any], Any]:
        if issubclass(cls, np.generic):
            return _scalar_encoder
        kind = kind_of(cls)
        if kind is not None:
            try:
                mark = ExtType(wire.MARK, kind + class_name(cls).encode())
            except ValueError as error:
                if self._allow_pickle:
                    return self._pickle
                raise Refused(value, str(error)) from error
            return _INSTANCE_ENCODERS[kind](cls, mark)
        return self._pickle if self._allow_pickle else _refuse

    def _encode_array(self, array: np.ndarray[Any, Any]) -> ExtType:
        fortran = arrays.is_fortran(array)
        header = arrays.header(array, fortran)
        content = arrays.array_bytes(array, fortran)
        if content.nbytes < wire.INLINE_LIMIT:
            return ExtType(wire.ARRAY, header + content)
        self._buffers.append(content)
        return ExtType(wire.ARRAY_IN_BUFFER, header + struct.pack("<I", len(self._buffers) - 1))

    def _pickle(self, value: Any) -> ExtType:
        try:
            return ExtType(wire.PICKLE, pickle.dumps(value, protocol=5))
        except Exception as error:
            # Pickling runs code of the value's class, which may raise anything.
            cls = type(value)
            raise Refused(
                value,
                f"a {cls.__module__}.{cls.__qualname__}, which cannot be pickled ({error}); leave it out",
            ) from error


def encode(value: Any, *, allow_pickle: bool = False) -> Encoded:
    """Encode one value; for many, keep an Encoder."""
    return Encoder(allow_pickle=allow_pickle).encode(value)


def _refuse(value: Any) -> NoReturn:
    cls = type(value)
    raise ValueError(
        f"a {cls.__module__}.{cls.__qualname__}, which results do not carry; return its values in a dict, a dataclass or arrays"
    )


def _scalar_encoder(value: Any) -> ExtType:
    return ExtType(wire.NUMPY_SCALAR, arrays.scalar_prefix(value.dtype) + value.tobytes())


_TUPLE = ExtType(wire.MARK, wire.TUPLE)
_SET = ExtType(wire.MARK, wire.SET)
_FROZENSET = ExtType(wire.MARK, wire.FROZENSET)


def _encode_integer(value: int) -> ExtType:
    return ExtType(wire.INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True))


def _encode_time(value: dt.datetime | dt.time, code: int) -> ExtType:
    zone = value.tzinfo
    name = ""
    if isinstance(zone, ZoneInfo) and zone.key is not None:
        value, name = value.replace(tzinfo=None), "@" + zone.key
    return ExtType(code, f"{value.fold}{value.isoformat()}{name}".encode())


def _encode_path(value: pathlib.PurePath) -> ExtType:
    return ExtType(wire.PATH, _PATHS[type(value)] + str(value).encode("utf-8", "surrogatepass"))


_PATHS: dict[type[pathlib.PurePath], bytes] = {
    pathlib.PurePosixPath: wire.PURE_POSIX,
    pathlib.PureWindowsPath: wire.PURE_WINDOWS,
    pathlib.PosixPath: wire.POSIX,
    pathlib.WindowsPath: wire.WINDOWS,
}

_SIMPLE: dict[type[Any], Callable[[Any], Any]] = {
    tuple: lambda value: [_TUPLE, *value],
    set: lambda value: [_SET, *value],
    frozenset: lambda value: [_FROZENSET, *value],
    int: _encode_integer,
    complex: lambda value: ExtType(wire.COMPLEX, struct.pack("<dd", value.real, value.imag)),
    dt.datetime: lambda value: _encode_time(value, wire.DATETIME),
    dt.date: lambda value: ExtType(wire.DATE, value.isoformat().encode()),
    dt.time: lambda value: _encode_time(value, wire.TIME),
    dt.timedelta: lambda value: ExtType(
        wire.TIMEDELTA, struct.pack("<iii", value.days, value.seconds, value.microseconds)
    ),
    np.str_: lambda value: ExtType(wire.NUMPY_TEXT, value.encode("utf-8", "surrogatepass")),
    np.bytes_: lambda value: ExtType(wire.NUMPY_BYTES, bytes(value)),
    OrderedDict: dict,
    defaultdict: dict,
    Counter: dict,
    zmq.Frame: lambda value: value.bytes,
    **dict.fromkeys(_PATHS, _encode_path),
}


def _dataclass_encoder(cls: type[Any], mark: ExtType) -> Callable[[Any], Any]:
    names = tuple(field.name for field in dataclasses.fields(cls))
    return lambda value: [mark, {name: getattr(value, name) for name in names}]


def _struct_encoder(cls: type[Any], mark: ExtType) -> Callable[[Any], Any]:
    names: tuple[str, ...] = cls.__struct_fields__
    return lambda value: [mark, {name: getattr(value, name) for name in names}]


def _pydantic_encoder(cls: type[Any], mark: ExtType) -> Callable[[Any], Any]:
    def encode_model(value: Any) -> list[Any]:
        state = value.__getstate__()
        return [
            mark,
            state["__dict__"],
            state["__pydantic_extra__"],
            sorted(state["__pydantic_fields_set__"]),
            state["__pydantic_private__"],
        ]

    return encode_model


_INSTANCE_ENCODERS: dict[bytes, Callable[[type[Any], ExtType], Callable[[Any], Any]]] = {
    wire.DATACLASS: _dataclass_encoder,
    wire.STRUCT: _struct_encoder,
    wire.PYDANTIC: _pydantic_encoder,
    wire.NAMED_TUPLE: lambda cls, mark: lambda value: [mark, *value],
    wire.ENUM: lambda cls, mark: lambda value: [mark, value.name],
    wire.FLAG: lambda cls, mark: lambda value: [mark, value.value],
    wire.OWN_STATE: lambda cls, mark: lambda value: [mark, value.wire_state()],
}
