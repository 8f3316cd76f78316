"""What counts as an array in a publish tree, and the kinds of elements that viewers and files can hold.

An array is anything with ``shape``, ``dtype`` and ``__getitem__``: it is read part by part and never copied as a whole, so that a
growing array in chunks or a dataset of a file may be published as it is. Elements have one of the kinds of HDF5; what numpy has beyond
them is converted while a part is read:

=========================  ===================================================================
numpy                      held as
=========================  ===================================================================
bool, integers, complex    themselves, in their byte order
float 16, 32, 64           themselves; longer ones as float64 (complex likewise)
byte strings               themselves
text (``U``, ``T``)        text of any length, UTF-8 (within records: of fixed length)
datetime64, timedelta64    int64 counts of their unit; NaT is the lowest number
records                    records, fields without gaps, each converted
objects                    only those that say what they are (text, bytes or arrays of one kind)
=========================  ===================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeGuard

import numpy as np
import numpy.typing as npt

from beamloom.texts import encodable

TEXT: np.dtype[Any] = np.dtype("O", metadata={"vlen": str})
"""The data type of text of any length, marked as h5py marks it."""


class ArrayLike(Protocol):
    """An array that can be read part by part; what was read once from it never changes."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis; ``()`` for a single value."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The data type of the elements."""

    def __getitem__(self, key: Any, /) -> Any:
        """A part, by numpy's rules."""


def is_array_like(value: object) -> TypeGuard[ArrayLike]:
    """Whether ``value`` is an array in the sense of this module, which takes positions and not labels."""
    return (
        # A text of numpy's has a shape and a data type, and is indexed by its characters.
        not isinstance(value, type | str | bytes)
        and isinstance(getattr(value, "dtype", None), np.dtype)
        and isinstance(getattr(value, "shape", None), tuple)
        and hasattr(type(value), "__getitem__")
        and not hasattr(value, "iloc")
    )


def filled(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """An array without a mask: what is masked is NaN, in integers and others the fill value."""
    if not isinstance(array, np.ma.MaskedArray):
        return array
    return np.asarray(array.filled(np.nan) if array.dtype.kind in "fc" else array.filled())


def arrays_of(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The data type of elements that are themselves arrays of ``dtype``, each of its own length."""
    return np.dtype("O", metadata={"vlen": dtype})


def element_kind(dtype: np.dtype[Any]) -> Any:
    """What each element of an object array is: ``str``, ``bytes``, a data type (of arrays), or None where nobody says."""
    metadata: Mapping[str, Any] = dtype.metadata or {}
    return metadata.get("vlen")


def held_dtype(dtype: np.dtype[Any]) -> np.dtype[Any] | None:
    """The data type as which elements of ``dtype`` are held; None where there is none."""
    if dtype.names is not None:
        return _held_record(dtype)
    if dtype.subdtype is not None:
        base = _held_field(dtype.subdtype[0])
        return None if base is None else np.dtype((base, dtype.subdtype[1]))
    match dtype.kind:
        case "b" | "i" | "u":
            return dtype
        case "f":
            return dtype if dtype.itemsize <= 8 else np.dtype(np.float64)
        case "c":
            return dtype if dtype.itemsize <= 16 else np.dtype(np.complex128)
        case "S":
            return dtype if dtype.itemsize else np.dtype("S1")
        case "U" | "T":
            return TEXT
        case "M" | "m":
            return np.dtype(np.int64).newbyteorder(dtype.byteorder)
        case "V":
            return dtype if dtype.itemsize else None
        case "O":
            return dtype if element_kind(dtype) is not None else None
    return None


def held(values: ArrayLike) -> ArrayLike | None:
    """``values`` with a data type that can be held: itself, or a view that converts what is read. None where there is none."""
    dtype = held_dtype(values.dtype)
    if dtype is None:
        return None
    if dtype is values.dtype or (dtype == values.dtype and values.dtype.kind != "O"):
        return values
    return Converted(values, dtype, lambda part: converted(part, dtype))


def unit_of_time(dtype: np.dtype[Any]) -> str | None:
    """The unit in which a datetime64 or timedelta64 is counted, as CF conventions write it; None for other data types."""
    if dtype.kind not in "Mm":
        return None
    unit, count = np.datetime_data(dtype)
    if unit == "generic":
        return None
    counted = unit if count == 1 else f"{count} {unit}"
    return f"{counted} since 1970-01-01T00:00:00" if dtype.kind == "M" else counted


class Converted:
    """An array each part of which is converted when it is read."""

    def __init__(
        self,
        values: ArrayLike,
        dtype: np.dtype[Any],
        convert: Callable[[npt.NDArray[Any]], npt.NDArray[Any]],
    ) -> None:
        self._values = values
        self._convert = convert
        self.dtype = dtype
        self.source: ArrayLike = values
        """What is converted."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self._values.shape

    def __getitem__(self, key: Any, /) -> npt.NDArray[Any]:
        """A part, converted; a single element as an array without axes."""
        return self._convert(np.asarray(self._values[key]))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """All of it."""
        return self[...].astype(dtype or self.dtype, copy=False)


def converted(part: npt.NDArray[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """``part`` with the data type ``dtype``, which is the one that ``held_dtype`` gives for its own."""
    if dtype.names is not None:
        result = np.empty(part.shape, dtype)
        for name in dtype.names:
            result[name] = converted(part[name], result.dtype[name].base)
        return result
    if dtype == TEXT and part.dtype.kind in "UT":
        return _texts(part)
    if part.dtype.kind in "Mm":
        return part.view(dtype)
    if part.dtype.kind == "U":
        return np.char.encode(part, "utf-8", "replace").astype(dtype)
    return part.astype(dtype, copy=False)


def clean_text(text: str) -> str:
    """Text as HDF5 can hold it: no NUL, no halves of characters."""
    return encodable(text.replace("\0", "\\x00"))


def _texts(part: npt.NDArray[Any]) -> npt.NDArray[Any]:
    elements = part.ravel().tolist()
    try:
        is_clean = b"\0" not in "".join(elements).encode()
    except (TypeError, UnicodeEncodeError):
        is_clean = False
    if not is_clean:
        # What is missing is no text either.
        elements = [clean_text(one) if isinstance(one, str) else "" for one in elements]
    texts = np.empty(len(elements), TEXT)
    texts[:] = elements
    return texts.reshape(part.shape)


def _held_record(dtype: np.dtype[Any]) -> np.dtype[Any] | None:
    fields: list[tuple[str, np.dtype[Any]]] = []
    for name in dtype.names or ():
        field = _held_field(dtype[name])
        if field is None:
            return None
        fields.append((name, field))
    packed = np.dtype(fields)
    return dtype if packed == dtype and dtype.type is np.void else packed


def _held_field(dtype: np.dtype[Any]) -> np.dtype[Any] | None:
    if dtype.kind == "U":
        # Four bytes are the longest character of UTF-8.
        return np.dtype(f"S{max(dtype.itemsize, 1)}", metadata={"h5py_encoding": "utf-8"})
    if dtype.kind in "OT":
        return None
    return held_dtype(dtype)
