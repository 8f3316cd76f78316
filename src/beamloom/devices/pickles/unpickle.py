"""Pickles from devices, read without trusting them.

Some devices speak pickle. An ordinary unpickler lets the sender run any code in the reader, so this one builds plain Python values,
times and numpy arrays, and nothing else: the list of names that a pickle may use is ``ALLOWED``, and each of them stands for a function of
this module, never for what the sender's Python had under that name. In particular arrays are built from checked bytes by
``numpy.frombuffer``: numpy's own ``__setstate__`` believes the flags of a type, and would read bytes as pointers for one that lies.

What is not promised: a sender that wants to exhaust our memory can still do so, as it can by sending much.

Pickles of protocol 0 to 5 are read, in the spellings of numpy 1 (``numpy.core``) and numpy 2 (``numpy._core``), also those that
Python 2 wrote.
"""

from __future__ import annotations

import datetime as dt
import functools
import io
import math
import pickle
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Literal

import numpy as np

from beamloom.devices.fields import MalformedPacket
from beamloom.devices.pickles.memo import check_memo

LARGEST: Final = 256 * 2**20
"""Bytes of the largest pickle that is read."""

_PLAIN: Final = (str, int, float, bytes, type(None))


class ForbiddenPickle(MalformedPacket):
    """A pickle that asks for more than plain values and arrays; nothing of it was run."""


class BadPickle(MalformedPacket):
    """Bytes that are no whole pickle, or one that contradicts itself."""


class _Callable:
    """What a name in a pickle stands for. It cannot be changed: a pickle may set attributes on whatever it holds."""

    __slots__ = ("_function",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)

    def __setstate__(self, state: object) -> None:
        raise ForbiddenPickle(
            "the pickle tries to change a function; only plain values and numpy arrays are read"
        )


class TypeOutline:
    """A numpy type on its way through a pickle; it becomes one when it is first needed."""

    __slots__ = ("_built", "_code", "_state")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, code: str) -> None:
        self._code = code
        self._state: tuple[Any, ...] = ()
        self._built: np.dtype[Any] | None = None

    def __setstate__(self, state: object) -> None:
        if self._state or not isinstance(state, tuple) or len(state) < 2:
            raise BadPickle("the pickle describes a numpy type in an unknown way")
        self._state = state

    def build(self) -> np.dtype[Any]:
        if self._built is None:
            self._built = _build_type(self._code, self._state)
        return self._built


class ArrayOutline:
    """A numpy array on its way through a pickle."""

    __slots__ = ("_order", "_shape", "_type", "raw")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self) -> None:
        self.raw: Any = b""
        """Its bytes, or the list of its objects."""
        self._shape: Any = (0,)
        self._type = TypeOutline("u1")
        self._order: Literal["C", "F"] = "C"

    def __setstate__(self, state: object) -> None:
        match state:
            case (int(), tuple() as shape, TypeOutline() as type_, order, bytes() | list() as raw):
                pass
            case (
                int(),
                tuple() as shape,
                TypeOutline() as type_,
                order,
                str() as text,
            ):  # as Python 2 wrote it
                raw = text.encode("latin1")
            case _:
                raise BadPickle("the pickle describes a numpy array in an unknown way")
        self.raw, self._shape, self._type, self._order = raw, shape, type_, "F" if order else "C"

    @classmethod
    def of(cls, raw: Any, type_: Any, shape: Any, order: Any, axes: Any = None) -> ArrayOutline:
        """The array of a pickle of protocol 5, which hands over its bytes in place."""
        if (
            not isinstance(type_, TypeOutline)
            or not isinstance(raw, bytes | bytearray)
            or axes is not None
            or order not in ("C", "F")
        ):
            raise BadPickle("the pickle describes a numpy array in an unknown way")
        array = cls()
        array.raw, array._type, array._shape, array._order = raw, type_, shape, order
        return array

    def build(self, settle: Callable[[Any], Any]) -> np.ndarray[Any, np.dtype[Any]]:
        """The array itself, writable. ``settle`` replaces what stands in the items of an array of objects."""
        shape, dtype, order = self.layout()
        count = math.prod(shape)
        if dtype == np.dtype(object):
            items = self.raw if isinstance(self.raw, list) else []
            if len(items) != count:
                raise BadPickle(f"the pickle holds {len(items)} items for a numpy array of shape {shape}")
            objects = np.empty(count, dtype)
            for position, item in enumerate(items):
                objects[position] = settle(item)
            return objects.reshape(shape, order=order)
        if (
            isinstance(self.raw, list)
            or len(self.raw) != count * dtype.itemsize
            or (count and not dtype.itemsize)
        ):
            raise BadPickle(
                f"the pickle holds {len(self.raw)} bytes for a numpy array of shape {shape} and type {dtype}"
            )
        if not count:
            return np.empty(shape, dtype)
        return np.frombuffer(self.raw, dtype).reshape(shape, order=order).copy(order="K")

    def layout(self) -> tuple[tuple[int, ...], np.dtype[Any], Literal["C", "F"]]:
        """Shape, type and order. Raises BadPickle."""
        shape = self._shape if isinstance(self._shape, tuple) else (self._shape,)
        if not all(isinstance(length, int) and length >= 0 for length in shape):
            raise BadPickle(f"the pickle holds a numpy array of shape {shape!r}")
        return shape, self._type.build(), self._order


_TYPE_CODE: Final = re.compile(r"[biufcSUmMV]\d{1,9}|O8?|\?")
_TIME_UNIT: Final = re.compile(rb"generic|as|fs|ps|ns|us|ms|s|m|h|D|W|M|Y")


def _build_type(code: str, state: tuple[Any, ...]) -> np.dtype[Any]:
    """The numpy type for a code such as ``f8`` and the state that a pickle gives it (``numpy.dtype.__reduce__``)."""
    byteorder = state[1] if state else "|"
    if byteorder not in ("<", ">", "|", "="):
        raise BadPickle(f"the pickle holds a numpy type of byte order {byteorder!r}")
    subtype, names, fields, itemsize = state[2:6] if len(state) >= 8 else (None, None, None, -1)
    match code[0], subtype, names, fields, state[8] if len(state) > 8 else None:
        case "V", None, tuple(), dict(), _:
            return _build_record(names, fields, itemsize)
        case "V", (TypeOutline() as base, shape), None, None, _:
            part = base.build()
            if not part.hasobject:
                return np.dtype((part, shape))
        case "m" | "M", None, None, None, (_, (bytes() as unit, int() as step, 1, int())) if (
            _TIME_UNIT.fullmatch(unit)
        ):
            suffix = "" if unit == b"generic" else f"[{step}{unit.decode()}]"
            return np.dtype(f"{byteorder}{code}{suffix}")
        case "m" | "M", *_:
            pass
        case _, None, None, None, _:
            return np.dtype(byteorder + code)
    raise BadPickle(f"the pickle holds a numpy type {code!r} in an unknown form")


def _build_record(names: tuple[Any, ...], fields: dict[Any, Any], itemsize: Any) -> np.dtype[Any]:
    parts = [(name, *fields.get(name, ())) for name in names]
    if not all(
        len(part) >= 3 and isinstance(part[1], TypeOutline) and isinstance(part[2], int) for part in parts
    ):
        raise BadPickle("the pickle holds a structured numpy type in an unknown form")
    formats = [part[1].build() for part in parts]
    if any(each.hasobject for each in formats):
        raise ForbiddenPickle(
            "the pickle holds Python objects inside a structured numpy array; only numbers and text are read there"
        )
    return np.dtype(
        {
            "names": list(names),
            "formats": formats,
            "offsets": [part[2] for part in parts],
            "titles": [part[3] if len(part) > 3 else None for part in parts],
            "itemsize": itemsize,
        }
    )


def _type(code: object, align: object = False, copy: object = False) -> TypeOutline:
    if not isinstance(code, str) or not _TYPE_CODE.fullmatch(code):
        raise ForbiddenPickle(
            f"the pickle asks for the numpy type {code!r}; only numbers, text, times and records are read"
        )
    return TypeOutline(code)


def _reconstruct(subtype: object, shape: object, code: object) -> ArrayOutline:
    if subtype is not _NDARRAY:
        raise ForbiddenPickle(
            "the pickle holds a numpy array of a class of its own; only plain arrays are read"
        )
    return ArrayOutline()


def _scalar(type_: object, raw: object = b"") -> Any:
    if not isinstance(type_, TypeOutline) or not isinstance(raw, bytes | str):
        raise BadPickle("the pickle describes a numpy scalar in an unknown way")
    octets = raw.encode("latin1") if isinstance(raw, str) else raw
    return ArrayOutline.of(octets, type_, (1,), "C").build(lambda item: item)[0]


def _encode(text: object, codec: object = "latin1") -> bytes:
    if not isinstance(text, str) or codec not in ("latin1", "latin-1"):
        raise ForbiddenPickle(
            f"the pickle asks to encode with {codec!r}; only latin1 is used by pickles of plain values"
        )
    return text.encode("latin1")


def _bytes(*arguments: object) -> bytes:
    return _encode(*arguments) if arguments and not isinstance(arguments[0], bytes) else b"".join(arguments)  # type: ignore[arg-type]


def _bytearray(*arguments: object) -> bytearray:
    return bytearray(_bytes(*arguments))


def _time(kind: type[dt.date | dt.time], size: int) -> Callable[..., Any]:
    def make(raw: object, *zone: object) -> Any:
        octets = raw.encode("latin1") if isinstance(raw, str) else raw
        if not isinstance(octets, bytes) or len(octets) != size:
            raise BadPickle(f"the pickle describes a {kind.__name__} in an unknown way")
        return kind(octets, *zone)  # type: ignore[arg-type]

    return make


def _collected(kind: Callable[..., Any]) -> Callable[..., Any]:
    def collect(items: object = ()) -> Any:
        if not isinstance(items, list | tuple | dict):
            raise BadPickle("the pickle fills a container from something else than a list")
        return kind(items)

    return collect


def _refuse(*arguments: object) -> Any:
    raise ForbiddenPickle("the pickle calls a numpy class directly; only plain arrays are read")


_NDARRAY: Final = _Callable(_refuse)
_MULTIARRAY: Final = {"_reconstruct": _Callable(_reconstruct), "scalar": _Callable(_scalar)}
_NUMERIC: Final = {"_frombuffer": _Callable(ArrayOutline.of)}
_BUILTINS: Final = {
    "bytearray": _Callable(_bytearray),
    "bytes": _Callable(_bytes),
    "complex": _Callable(complex),
    "dict": _Callable(_collected(dict)),
    "frozenset": _Callable(_collected(frozenset)),
    "list": _Callable(_collected(list)),
    "set": _Callable(_collected(set)),
    "tuple": _Callable(_collected(tuple)),
}

ALLOWED: Final[Mapping[tuple[str, str], Callable[..., Any]]] = MappingProxyType(
    {
        ("collections", "OrderedDict"): _BUILTINS["dict"],
        ("datetime", "date"): _Callable(_time(dt.date, 4)),
        ("datetime", "datetime"): _Callable(_time(dt.datetime, 10)),
        ("datetime", "time"): _Callable(_time(dt.time, 6)),
        ("datetime", "timedelta"): _Callable(dt.timedelta),
        ("datetime", "timezone"): _Callable(dt.timezone),
        ("_codecs", "encode"): _Callable(_encode),
        ("numpy", "ndarray"): _NDARRAY,
        ("numpy", "dtype"): _Callable(_type),
        **{
            (f"numpy.{core}.multiarray", name): made
            for core in ("core", "_core")
            for name, made in _MULTIARRAY.items()
        },
        **{
            (f"numpy.{core}.numeric", name): made
            for core in ("core", "_core")
            for name, made in _NUMERIC.items()
        },
        **{
            (spelling, name): made
            for spelling in ("builtins", "__builtin__")
            for name, made in _BUILTINS.items()
        },
    }
)
"""Every name that a pickle may use, and what it stands for here."""


class _Unpickler(pickle.Unpickler):
    enums = False
    """Whether members of enumerations are read as their values."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return ALLOWED[module, name]
        except KeyError:
            if self.enums:
                return _Callable(functools.partial(_member, f"{module}.{name}"))
            raise ForbiddenPickle(
                f"the pickle asks for {module}.{name}; only plain values and numpy arrays are read from a device"
            ) from None

    def persistent_load(self, pid: Any) -> Any:
        raise ForbiddenPickle(
            "the pickle refers to objects outside of it; only plain values and numpy arrays are read"
        )


class _MarkedUnpickler(_Unpickler):
    marks: Sequence[Any] = ()

    def persistent_load(self, pid: Any) -> Any:
        return self.marks[pid]


def _member(name: str, *arguments: object) -> Any:
    """What a member of an enumeration is worth; a pickle calls the enumeration with that."""
    if len(arguments) != 1 or type(arguments[0]) not in (str, int):
        raise ForbiddenPickle(
            f"the pickle asks for {name}; only plain values, enumerations and numpy arrays are read from a device"
        )
    return arguments[0]


def unpickle_outline(frame: Any, *, enums: bool = False) -> Any:
    """The plain values of the pickle in ``frame``, arrays left unbuilt: enough to see what a message is, at half the cost.

    ``enums``: members of enumerations are read as their values; what looks like one, a name called with a single text or whole number,
    is worth just that text or number. Raises ForbiddenPickle and BadPickle.
    """
    if len(frame) > LARGEST:
        raise BadPickle(f"the pickle has {len(frame)} bytes; at most {LARGEST} are read")
    try:
        check_memo(frame)
    except MalformedPacket as problem:
        raise BadPickle(str(problem)) from None
    unpickler = _Unpickler(io.BytesIO(frame), encoding="latin1")
    unpickler.enums = enums
    return _loaded(unpickler)


def unpickle_marked(frame: bytes, marks: Sequence[Any]) -> Any:
    """The outline of a pickle of our own making, in which the instruction BINPERSID takes one of ``marks`` by its place.

    Raises ForbiddenPickle and BadPickle.
    """
    unpickler = _MarkedUnpickler(io.BytesIO(frame), encoding="latin1")
    unpickler.marks = marks
    return _loaded(unpickler)


def _loaded(unpickler: pickle.Unpickler) -> Any:
    try:
        return unpickler.load()
    except MalformedPacket:
        raise
    # A pickle program can make any operation fail in any way; whatever it is, the pickle is to blame.
    except Exception as error:  # noqa: BLE001
        raise BadPickle(f"the pickle cannot be read: {error or type(error).__name__}") from None


def unpickle(frame: Any, *, enums: bool = False) -> Any:
    """The value in the pickle ``frame`` (bytes or another buffer): plain values, and numpy arrays that may be written to.

    Ordered dictionaries come as ordinary ones, which keep their order. ``enums`` as for ``unpickle_outline``. Raises ForbiddenPickle
    and BadPickle.
    """
    outline = unpickle_outline(frame, enums=enums)
    try:
        return _Settling().settle(outline)
    except MalformedPacket:
        raise
    except (ValueError, TypeError, OverflowError, MemoryError, RecursionError) as error:
        raise BadPickle(f"the pickle holds a value that cannot be built: {error}") from None


class _Settling:
    """Replaces every array that is still on its way by the array, in place; each object once, however often it is referred to."""

    def __init__(self) -> None:
        # By id: all objects that are asked for came with the pickle, so none of them can have the id of one that is gone.
        self._settled: dict[int, Any] = {}

    def settle(self, value: Any) -> Any:
        if isinstance(value, _PLAIN):
            return value
        if (done := self._settled.get(id(value))) is not None:
            return done
        settled = value
        if isinstance(value, dict):
            self._settled[id(value)] = value
            for name, item in value.items():
                value[name] = self.settle(item)
        elif isinstance(value, list):
            self._settled[id(value)] = value
            value[:] = map(self.settle, value)
        elif isinstance(value, tuple):
            settled = tuple(map(self.settle, value))
        elif isinstance(value, ArrayOutline):
            settled = value.build(self.settle)
        elif isinstance(value, TypeOutline):
            settled = value.build()
        elif isinstance(value, _Callable):
            raise ForbiddenPickle("the pickle holds a function; only plain values and numpy arrays are read")
        self._settled[id(value)] = settled
        return settled
