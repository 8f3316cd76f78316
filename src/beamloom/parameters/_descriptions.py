"""Descriptions of parameters: what an analysis can be told, in which type, unit and limits.

A description is the only judge of a value: whatever does not parse is refused with a sentence, and never becomes a zero.
"""

from __future__ import annotations

import base64
import io
import math
import tokenize
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from beamloom.parameters._errors import ParameterError
from beamloom.parameters._files import encode_text

if TYPE_CHECKING:
    import numpy as np

TRUE_WORDS = frozenset({"true", "1", "yes", "on"})
FALSE_WORDS = frozenset({"false", "0", "no", "off"})
NPY_MAGIC = b"\x93NUMPY"
LONGEST_QUOTE = 60
_UNREADABLE = (ValueError, OverflowError, EOFError, MemoryError, RecursionError, tokenize.TokenError)
"""What is raised for JSON and npy that are cut off or damaged: a header may promise more than any memory holds."""
MOST_ELEMENTS_AS_JSON = 1024
"""Arrays up to this size are encoded as JSON, which people can read; larger ones as npy."""


class Parameter(msgspec.Struct, frozen=True, kw_only=True, tag_field="dtype"):
    """One parameter that an analysis reads: its name, default and meaning.

    ``default`` may be given as anything that ``encode`` takes. Raises ParameterError for a default outside the parameter's own limits.
    """

    name: str
    description: str | None = None
    default: Any = None

    dtype: ClassVar[str]
    noun: ClassVar[str]
    """What a value of this type is called in a sentence."""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ParameterError(f"a parameter needs a name, which is a text; {self.name!r} is none")
        self._check_limits()
        try:
            default = self.parse(self.encode(self.default))
        except ParameterError as error:
            raise ParameterError(f"{error}; that is its default: give it another one") from None
        msgspec.structs.force_setattr(self, "default", self._storable(default))

    def parse(self, data: bytes) -> Any:
        """The value that ``data`` mean; raises ParameterError where they mean none, or one outside the limits."""
        raise NotImplementedError

    def encode(self, value: Any) -> bytes:
        """The bytes that mean ``value``; raises ParameterError for a value that is not of this parameter."""
        encoded = encode_text(self.name, str(value))
        self.parse(encoded)
        return encoded

    def parts(self) -> tuple[Parameter, ...]:
        """The parameters that really exist for this description: itself, and for some types others beside it."""
        return (self,)

    def describe(self) -> dict[str, Any]:
        """The description as JSON: name, description, dtype, default, and what else is set."""
        described: dict[str, Any] = {
            "name": self.name,
            "description": self.description,
            "dtype": self.dtype,
            # JSON knows no NaN and no infinity: they become null
            "default": msgspec.json.decode(msgspec.json.encode(self.default)),
        }
        for field in self.__struct_fields__:
            value = getattr(self, field)
            if field not in described and value is not None:
                described[field] = list(value) if isinstance(value, tuple) else value
        return described

    def to_wire(self) -> dict[str, Any]:
        """The description as plain containers, with bytes as bytes; ``from_wire`` reads it."""
        wire: dict[str, Any] = msgspec.to_builtins(self, builtin_types=(bytes,))
        return wire

    @staticmethod
    def from_wire(wire: Mapping[str, Any]) -> AnyParameter:
        """The description that ``to_wire`` wrote; raises ParameterError for anything else."""
        try:
            description: AnyParameter = msgspec.convert(wire, AnyParameter, builtin_types=(bytes,))
        except msgspec.ValidationError as error:
            raise ParameterError(f"this is not the description of a parameter: {error}") from error
        return description

    def _check_limits(self) -> None:
        """Raise ParameterError where the limits contradict each other."""

    def _storable(self, default: Any) -> Any:
        return default

    def _refuse(self, data: bytes, expected: str = "") -> ParameterError:
        return ParameterError(f"parameter {self.name!r}: {_quote(data)} is not {expected or self.noun}")

    def _text(self, data: bytes) -> str:
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise self._refuse(data) from None


class StrParameter(Parameter, frozen=True, kw_only=True, tag="str"):
    """A text, UTF-8."""

    default: str = ""

    dtype: ClassVar[str] = "str"
    noun: ClassVar[str] = "a text in UTF-8"

    def parse(self, data: bytes) -> str:
        """The text."""
        return self._text(data)


class IntParameter(Parameter, frozen=True, kw_only=True, tag="int"):
    """An integer, in ``unit``, from ``min`` to ``max``, both included."""

    default: int = 0
    unit: str | None = None
    min: int | None = None
    max: int | None = None

    dtype: ClassVar[str] = "int"
    noun: ClassVar[str] = "an integer"

    def parse(self, data: bytes) -> int:
        """The integer."""
        try:
            value = int(self._text(data))
        except ValueError:
            raise self._refuse(data) from None
        _check_within(self, value, str(value))
        return value

    def _check_limits(self) -> None:
        _check_order(self)


class FloatParameter(Parameter, frozen=True, kw_only=True, tag="float"):
    """A number, in ``unit``, from ``min`` to ``max``, both included."""

    default: float = 0.0
    unit: str | None = None
    min: float | None = None
    max: float | None = None

    dtype: ClassVar[str] = "float"
    noun: ClassVar[str] = "a number"

    def parse(self, data: bytes) -> float:
        """The number; NaN and infinities only where there are no limits."""
        try:
            value = float(self._text(data))
        except ValueError:
            raise self._refuse(data) from None
        if math.isnan(value) and not (self.min is None and self.max is None):
            raise self._refuse(data, f"a number {_limits(self)}")
        _check_within(self, value, str(value))
        return value

    def _check_limits(self) -> None:
        _check_order(self)


class BoolParameter(Parameter, frozen=True, kw_only=True, tag="bool"):
    """A switch: true, 1, yes, on, or false, 0, no, off, in upper or lower case."""

    default: bool = False

    dtype: ClassVar[str] = "bool"
    noun: ClassVar[str] = "true or false (1 or 0, yes or no, on or off)"

    def parse(self, data: bytes) -> bool:
        """Whether it is on."""
        word = self._text(data).strip().lower()
        if word not in TRUE_WORDS | FALSE_WORDS:
            raise self._refuse(data)
        return word in TRUE_WORDS


class ChoiceParameter(Parameter, frozen=True, kw_only=True, tag="choice"):
    """One of ``choices``, written as the choice is, numbers in any way that means them; the first one by default."""

    choices: Sequence[str | int | float] = ()
    default: str | int | float | None = None
    unit: str | None = None

    dtype: ClassVar[str] = "choice"
    noun: ClassVar[str] = "one of its choices"

    def parse(self, data: bytes) -> str | int | float:
        """The choice, as it stands in ``choices``."""
        text = self._text(data)
        for choice in self.choices:
            if str(choice) == text or (not isinstance(choice, str) and choice == _number(text)):
                return choice
        raise self._refuse(data, f"one of {', '.join(map(repr, self.choices))}")

    def _check_limits(self) -> None:
        msgspec.structs.force_setattr(self, "choices", tuple(self.choices))
        if not self.choices:
            raise ParameterError(f"parameter {self.name!r}: a choice needs at least one entry in 'choices'")
        if self.default is None:
            msgspec.structs.force_setattr(self, "default", self.choices[0])


class BinaryParameter(Parameter, frozen=True, kw_only=True, tag="binary"):
    """Bytes, as they are: a calibration file, a mask."""

    default: bytes = b""

    dtype: ClassVar[str] = "binary"
    noun: ClassVar[str] = "bytes"

    def parse(self, data: bytes) -> bytes:
        """The bytes."""
        return data

    def encode(self, value: Any) -> bytes:
        """The bytes; a text becomes UTF-8."""
        if isinstance(value, str):
            return encode_text(self.name, value)
        if isinstance(value, bytes | bytearray | memoryview):
            return bytes(value)
        raise ParameterError(f"parameter {self.name!r}: {value!r} is neither bytes nor a text")

    def describe(self) -> dict[str, Any]:
        """The description as JSON, the default in base64."""
        encoded = base64.b64encode(self.default).decode()
        return super().describe() | {"default": encoded, "encoding": "base64"}


class FileParameter(Parameter, frozen=True, kw_only=True, tag="file"):
    """A file: parameter ``NAME`` holds its name or path, parameter ``NAME_file`` its content."""

    default: str = ""

    dtype: ClassVar[str] = "file"
    noun: ClassVar[str] = "a file name in UTF-8"

    def parse(self, data: bytes) -> str:
        """The name or path of the file."""
        return self._text(data)

    def parts(self) -> tuple[Parameter, ...]:
        """The name of the file, and its content."""
        meaning = f"content of the file {self.name}" + (f": {self.description}" if self.description else "")
        return (self, BinaryParameter(name=f"{self.name}_file", description=meaning))


class ArrayParameter(Parameter, frozen=True, kw_only=True, tag="array"):
    """An array of numbers, in ``unit``, each from ``min`` to ``max``.

    ``element`` is the numpy dtype of its elements; ``shape`` the shape that it must have, None for a length that is free, or None for
    any shape. Data are nested lists in JSON, or npy.
    """

    default: Any = ()
    element: str = "float64"
    shape: Sequence[int | None] | None = None
    unit: str | None = None
    min: float | None = None
    max: float | None = None

    dtype: ClassVar[str] = "array"
    noun: ClassVar[str] = "an array of numbers, such as [1, 2.5] in JSON, or npy"

    def parse(self, data: bytes) -> np.ndarray[Any, Any]:
        """The array, read-only, of dtype ``element``."""
        import numpy as np

        try:
            if data.startswith(NPY_MAGIC):
                given = np.load(io.BytesIO(data), allow_pickle=False)
            else:
                given = self._as_given(msgspec.json.decode(data))
        except _UNREADABLE:
            raise self._refuse(data) from None
        if given.dtype.kind not in "biuf":
            raise self._refuse(data)
        with np.errstate(invalid="ignore", over="ignore"):
            array: np.ndarray[Any, Any] = given.astype(self.element)
        exact = array == given if array.dtype.kind in "biu" else np.isfinite(array) == np.isfinite(given)
        if not exact.all():
            raise self._refuse(data, f"an array of {self.element}")
        if not self._has_shape(array.shape):
            wanted = str(tuple("any" if n is None else n for n in self.shape or ())).replace("'", "")
            raise ParameterError(f"parameter {self.name!r}: the array has shape {array.shape}, not {wanted}")
        for value in (array.min(), array.max()) if array.size else ():
            if math.isnan(value) and not (self.min is None and self.max is None):
                raise ParameterError(
                    f"parameter {self.name!r}: the array holds NaN, and not only numbers {_limits(self)}"
                )
            _check_within(self, value, str(value))
        array.setflags(write=False)
        return array

    def encode(self, value: Any) -> bytes:
        """The array as JSON where it is small and finite, else as npy."""
        import numpy as np

        try:
            array = self._as_given(value)
            if array.size == 0 or array.dtype.kind == "b":
                array = array.astype(self.element)
        except (ValueError, TypeError, OverflowError):
            raise self._refuse(repr(value).encode()) from None
        if array.dtype.kind not in "biuf":
            raise self._refuse(repr(value).encode())
        if array.size <= MOST_ELEMENTS_AS_JSON and np.isfinite(array).all():
            encoded = msgspec.json.encode(array.tolist())
        else:
            buffer = io.BytesIO()
            np.save(buffer, array, allow_pickle=False)
            encoded = buffer.getvalue()
        self.parse(encoded)
        return encoded

    def _check_limits(self) -> None:
        import numpy as np

        try:
            numeric = np.dtype(self.element).kind in "biuf"
        except TypeError:
            numeric = False
        if not numeric:
            raise ParameterError(
                f"parameter {self.name!r}: {self.element!r} is not a numpy dtype of numbers, such as 'float64' or 'uint16'"
            )
        if self.shape is not None:
            msgspec.structs.force_setattr(self, "shape", tuple(self.shape))
        _check_order(self)

    def _storable(self, default: Any) -> Any:
        return default.tolist()

    def _as_given(self, numbers: Any) -> np.ndarray[Any, Any]:
        """The numbers as an array, in a type that holds them exactly."""
        import numpy as np

        array = np.asarray(numbers)
        if array.dtype.kind == "f" and np.dtype(self.element).kind in "iu":
            # numpy makes floats of integers where some need uint64 and others int64
            objects = np.asarray(numbers, dtype=object)
            if all(type(number) is int for number in objects.flat):
                return objects.astype(self.element)
        return array

    def _has_shape(self, shape: tuple[int, ...]) -> bool:
        if self.shape is None:
            return True
        return len(shape) == len(self.shape) and all(
            wanted is None or wanted == given for wanted, given in zip(self.shape, shape, strict=True)
        )


AnyParameter = (
    StrParameter
    | IntParameter
    | FloatParameter
    | BoolParameter
    | ChoiceParameter
    | BinaryParameter
    | FileParameter
    | ArrayParameter
)
"""Every description there is: what a message declares that carries descriptions."""

Limited = IntParameter | FloatParameter | ArrayParameter


def expand(descriptions: Iterable[Parameter]) -> list[Parameter]:
    """The parameters that really exist for these descriptions: a FileParameter is two."""
    return [part for description in descriptions for part in description.parts()]


def _quote(data: bytes) -> str:
    """The data as a short text for a sentence."""
    if not data:
        return "an empty value"
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return f"a value of {len(data)} bytes that is not UTF-8"
    return repr(text if len(text) <= LONGEST_QUOTE else text[:LONGEST_QUOTE] + "…")


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _limits(parameter: Limited) -> str:
    if parameter.min is None:
        return f"up to {parameter.max}"
    if parameter.max is None:
        return f"from {parameter.min} on"
    return f"from {parameter.min} to {parameter.max}"


def _check_order(parameter: Limited) -> None:
    if parameter.min is not None and parameter.max is not None and parameter.min > parameter.max:
        raise ParameterError(
            f"parameter {parameter.name!r}: the minimum {parameter.min} is above the maximum {parameter.max}"
        )


def _check_within(parameter: Limited, value: float, text: str) -> None:
    measured = f"{text} {parameter.unit}" if parameter.unit else text
    if parameter.min is not None and value < parameter.min:
        raise ParameterError(f"parameter {parameter.name!r}: {measured} is below the minimum {parameter.min}")
    if parameter.max is not None and value > parameter.max:
        raise ParameterError(f"parameter {parameter.name!r}: {measured} is above the maximum {parameter.max}")
