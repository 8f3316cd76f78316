"""Decoding of results."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import pathlib
import pickle
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgpack
import numpy as np
import numpy.typing as npt
from msgspec.msgpack import Decoder as Plain

from beamloom.transport.codec import _arrays as arrays
from beamloom.transport.codec import _wire as wire
from beamloom.transport.codec._classes import ClassFinder
from beamloom.transport.codec._errors import UndecodableResult


class _Mark:
    """Stands first in a list that is to become something else."""

    __slots__ = ("rebuild",)

    def __init__(self, rebuild: Callable[[list[Any]], Any]) -> None:
        self.rebuild = rebuild


AS_DATETIME = 3
"""How msgpack is told to make of its own timestamps what msgspec makes of them."""


def _refuse(code: int, payload: memoryview) -> Any:
    raise ValueError("it is not plain")


NOT_PLAIN: Final = (ArithmeticError, RecursionError, TypeError, ValueError)


class Decoder:
    """Decodes results, one at a time; make one for each thread.

    ``trusted_packages``: top-level packages whose modules may be imported to find the class of a result; classes in modules
    that are loaded already are found without.
    ``allow_pickle``: take pickles; they can run any code, so only from workers that you trust as yourself.
    """

    def __init__(self, *, trusted_packages: Iterable[str] = (), allow_pickle: bool = False) -> None:
        self._classes = ClassFinder(trusted_packages)
        self._allow_pickle = allow_pickle
        self._marks: dict[bytes, _Mark] = {}
        self._buffers: Sequence[Any] = ()
        self.plain: Callable[[bytes | memoryview], Any] | None = Plain(ext_hook=_refuse).decode
        """Decodes what is made of JSON's types and bytes, in a fourth of the time; None once a result was something else.

        Raises one of NOT_PLAIN for all that ``decode`` has to be asked for.
        """

    def decode(self, head: bytes | memoryview, buffers: Sequence[Any] = ()) -> Any:
        """The result that was encoded.

        A large array is backed by its buffer: it can be written to where the buffer can, and shares it with every other array
        that is made from the same buffer. Where the buffer is read-only, it is copied, so that what the analysis receives can
        always be written to.

        Raises UndecodableResult.
        """
        if self.plain is not None:
            try:
                return self.plain(head)
            except NOT_PLAIN:
                # The other way takes it, or says what is wrong with it.
                self.plain = None
        self._buffers = buffers
        try:
            return msgpack.unpackb(
                head,
                ext_hook=self._decode_extension,
                list_hook=_decode_list,
                strict_map_key=False,
                unicode_errors="surrogatepass",
                timestamp=AS_DATETIME,
            )
        except UndecodableResult:
            raise
        except Exception as error:
            # Whatever a damaged message makes of the constructors: the reducer must go on.
            raise UndecodableResult(
                f"an encoded result is damaged or of another version ({type(error).__name__}: {error}); run the same version "
                "of Beamloom and of the analysis in worker and reducer."
            ) from error
        finally:
            self._buffers = ()

    def _decode_extension(self, code: int, payload: bytes) -> Any:
        if code == wire.MARK:
            mark = self._marks.get(payload)
            if mark is None:
                mark = self._marks[payload] = self._mark(payload)
            return mark
        if code == wire.ARRAY_IN_BUFFER:
            return self._decode_large_array(payload)
        if code == wire.PICKLE:
            return self._unpickle(payload)
        decoder = _EXTENSIONS.get(code)
        if decoder is None:
            raise ValueError(f"there is no extension type {code}")
        return decoder(payload)

    def _mark(self, payload: bytes) -> _Mark:
        kind = payload[:1]
        container = _CONTAINERS.get(kind)
        if container is not None:
            return _Mark(container)
        rebuild = _INSTANCES[kind]
        cls = self._classes.find(payload[1:].decode(), kind)
        return _Mark(functools.partial(rebuild, cls))

    def _decode_large_array(self, payload: bytes) -> npt.NDArray[Any]:
        dtype, shape, fortran, end = arrays.read_header(payload)
        (index,) = struct.unpack_from("<I", payload, end)
        array = arrays.array_from(self._buffers[index], 0, dtype, shape, fortran)
        return array if array.flags.writeable else array.copy(order="K")

    def _unpickle(self, payload: bytes) -> Any:
        if not self._allow_pickle:
            raise UndecodableResult(
                "a result is pickled, which is not allowed here; return values that need no pickle, or set "
                "pickle_results = True in the worker class where your site permits it (allow_pickle: true in the settings of the reducer)."
            )
        return pickle.loads(payload)


def decode(
    head: bytes | memoryview,
    buffers: Sequence[Any] = (),
    *,
    trusted_packages: Iterable[str] = (),
    allow_pickle: bool = False,
) -> Any:
    """Decode one value; for many, keep a Decoder."""
    return Decoder(trusted_packages=trusted_packages, allow_pickle=allow_pickle).decode(head, buffers)


def _decode_list(items: list[Any]) -> Any:
    if items and type(items[0]) is _Mark:
        return items[0].rebuild(items)
    return items


def _rebuild_tuple(items: list[Any]) -> tuple[Any, ...]:
    return tuple(items[1:])


def _rebuild_dataclass(cls: Any, items: list[Any]) -> Any:
    fields: dict[str, Any] = items[1]
    if fields.keys() != {field.name for field in dataclasses.fields(cls)}:
        raise UndecodableResult(
            f"a result of the class {cls.__qualname__} has the fields {', '.join(fields)}, and the class of that name here has "
            "others; run the same version of the analysis in worker and reducer."
        )
    made = object.__new__(cls)
    for name, value in fields.items():
        # Neither __init__ nor a frozen class may change or refuse what was a valid instance.
        object.__setattr__(made, name, value)
    return made


def _rebuild_model(cls: Any, items: list[Any]) -> Any:
    _, fields, extra, fields_set, private = items
    made = cls.__new__(cls)
    made.__setstate__(
        {
            "__dict__": fields,
            "__pydantic_extra__": extra,
            "__pydantic_fields_set__": set(fields_set),
            "__pydantic_private__": private,
        }
    )
    return made


def _rebuild_named_tuple(cls: Any, items: list[Any]) -> Any:
    if len(items) - 1 != len(cls._fields):
        raise ValueError(f"{len(items) - 1} elements for the {len(cls._fields)} of {cls.__qualname__}")
    return tuple.__new__(cls, items[1:])


_CONTAINERS: dict[bytes, Callable[[list[Any]], Any]] = {
    wire.TUPLE: _rebuild_tuple,
    wire.SET: lambda items: set(items[1:]),
    wire.FROZENSET: lambda items: frozenset(items[1:]),
}

_INSTANCES: dict[bytes, Callable[[Any, list[Any]], Any]] = {
    wire.DATACLASS: _rebuild_dataclass,
    wire.PYDANTIC: _rebuild_model,
    wire.STRUCT: lambda cls, items: cls(**items[1]),
    wire.NAMED_TUPLE: _rebuild_named_tuple,
    wire.ENUM: lambda cls, items: cls[items[1]],
    wire.FLAG: lambda cls, items: cls(items[1]),
    wire.OWN_STATE: lambda cls, items: cls.from_wire_state(items[1]),
}


def _decode_datetime(payload: bytes) -> dt.datetime:
    text, _, zone = payload.decode().partition("@")
    moment = dt.datetime.fromisoformat(text[1:]).replace(fold=int(text[0]))
    return moment.replace(tzinfo=ZoneInfo(zone)) if zone else moment


def _decode_time(payload: bytes) -> dt.time:
    text, _, zone = payload.decode().partition("@")
    moment = dt.time.fromisoformat(text[1:]).replace(fold=int(text[0]))
    return moment.replace(tzinfo=ZoneInfo(zone)) if zone else moment


def _decode_timedelta(payload: bytes) -> dt.timedelta:
    days, seconds, microseconds = struct.unpack("<iii", payload)
    return dt.timedelta(days, seconds, microseconds)


def _decode_path(payload: bytes) -> pathlib.PurePath:
    return _PATHS[payload[:1]](payload[1:].decode("utf-8", "surrogatepass"))


def _decode_array(payload: bytes) -> npt.NDArray[Any]:
    dtype, shape, fortran, end = arrays.read_header(payload)
    return arrays.array_from(payload, end, dtype, shape, fortran).copy(order="K")


_PATHS: dict[bytes, type[pathlib.PurePath]] = {
    wire.PURE_POSIX: pathlib.PurePosixPath,
    wire.PURE_WINDOWS: pathlib.PureWindowsPath,
    wire.POSIX: pathlib.PosixPath,
    wire.WINDOWS: pathlib.WindowsPath,
}

_EXTENSIONS: dict[int, Callable[[bytes], Any]] = {
    wire.INTEGER: lambda payload: int.from_bytes(payload, "little", signed=True),
    wire.COMPLEX: lambda payload: complex(*struct.unpack("<dd", payload)),
    wire.DATETIME: _decode_datetime,
    wire.DATE: lambda payload: dt.date.fromisoformat(payload.decode()),
    wire.TIME: _decode_time,
    wire.TIMEDELTA: _decode_timedelta,
    wire.PATH: _decode_path,
    wire.NUMPY_SCALAR: arrays.scalar_from,
    wire.NUMPY_TEXT: lambda payload: np.str_(payload.decode("utf-8", "surrogatepass")),
    wire.NUMPY_BYTES: np.bytes_,
    wire.ARRAY: _decode_array,
}
