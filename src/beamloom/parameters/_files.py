"""Parameter files: the values of a run on disk, for people to write and for recordings to keep.

A file is a list of ``{"name": ..., "data": ...}`` or a plain mapping of names to values, as JSON, CBOR or pickle; which one
it is shows in its content, whatever its name. Values that are neither text nor bytes are kept as JSON.
"""

from __future__ import annotations

import base64
import binascii
import json
import pickle
from collections import Counter
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from beamloom.parameters._errors import ParameterError

PICKLE_SUFFIXES = frozenset({".pkl", ".pkls", ".pickle"})
NEWEST_PICKLE = 5


def encode_value(name: str, value: Any) -> bytes:
    """The bytes of a parameter that nobody described: bytes as they are, a text in UTF-8, everything else as JSON.

    Numpy arrays and scalars become JSON lists and numbers. Raises ParameterError for what JSON cannot hold.
    """
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, str):
        return encode_text(name, value)
    try:
        return json.dumps(value, default=_as_json).encode()
    except (TypeError, ValueError):
        raise ParameterError(
            f"parameter {name!r}: a value of type {type(value).__name__} cannot be written as JSON; give it as text or as bytes"
        ) from None


def encode_text(name: str, text: str) -> bytes:
    """The text in UTF-8. Raises ParameterError where it is no Unicode, as the names of some files are not."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ParameterError(
            f"parameter {name!r}: {text!r} is no Unicode; give it as bytes, or rename the file that it is the name of"
        ) from None


def check_name(name: str) -> None:
    """Raises ParameterError for a name that cannot travel."""
    if not name:
        raise ParameterError("a parameter needs a name, and this one is empty")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ParameterError(f"the name {name!r} of a parameter is no Unicode; give it another one") from None


def _as_json(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError


def is_text(data: bytes) -> bool:
    """Whether the data can stand in a JSON file: UTF-8 without NUL."""
    try:
        return "\0" not in data.decode()
    except UnicodeDecodeError:
        return False


def dump_parameters(values: Mapping[str, bytes]) -> bytes:
    """The values as the content of a parameter file: JSON, or CBOR where one of them is not text."""
    if all(map(is_text, values.values())):
        entries = [{"name": name, "data": data.decode()} for name, data in values.items()]
        return json.dumps(entries, indent=1, ensure_ascii=False).encode()
    import cbor2

    return cbor2.dumps([{"name": name, "data": data} for name, data in values.items()])


def load_parameter_file(path: str | Path, *, allow_pickle: bool = False) -> dict[str, bytes]:
    """The values in a parameter file, by name.

    A pickle runs code of whoever wrote it while it is read: it is only read with ``allow_pickle``. Raises ParameterError with a
    sentence that names the file.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ParameterError(f"there is no parameter file {path}") from None
    except OSError as error:
        raise ParameterError(f"the parameter file {path} cannot be read: {error.strerror}") from error
    return parse_parameter_file(content, path, allow_pickle=allow_pickle)


def parse_parameter_file(content: bytes, path: Path, *, allow_pickle: bool = False) -> dict[str, bytes]:
    """The values in the content of the parameter file ``path``."""
    if _looks_like_pickle(content, path):
        if not allow_pickle:
            raise ParameterError(
                f"{path} is a pickle, which may run any code while it is read; "
                "write the parameters as JSON instead, or allow pickles if you trust it"
            )
        return values_by_name(_read_pickle(content, path), path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return values_by_name(_read_cbor(content, path), path)
    try:
        read = json.loads(text, object_pairs_hook=_each_once)
    except json.JSONDecodeError as error:
        raise ParameterError(
            f"{path}:{error.lineno}: this is not JSON: {error.msg} (column {error.colno})"
        ) from None
    except (ValueError, RecursionError) as error:
        raise ParameterError(f"{path}: this is not JSON that can be read: {error}") from None
    return values_by_name(read, path)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A mapping in JSON. Raises ValueError for one in which a name stands twice: which one is meant, only its author knows."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise ValueError(f"{twice!r} stands in it twice; remove one of the two")
    return found


def _looks_like_pickle(content: bytes, path: Path) -> bool:
    # 0x80 opens a pickle of protocol 2 and later; in CBOR it is the empty list, after which nothing may follow
    binary = (
        len(content) > 2 and content[0] == 0x80 and content[1] <= NEWEST_PICKLE and content.endswith(b".")
    )
    return binary or (path.suffix in PICKLE_SUFFIXES and content.endswith(b"."))


class _PickledModel:
    """Stands for a pickled model of a parameter: keeps its fields."""

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state.get("__dict__", state))


class _ParameterUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("dranspose.protocol", "WorkParameter"):
            return _PickledModel
        return super().find_class(module, name)


def _read_pickle(content: bytes, path: Path) -> Any:
    try:
        return _ParameterUnpickler(BytesIO(content)).load()
    # unpickling runs code of the file, which may raise anything
    except Exception as error:
        raise ParameterError(f"{path} cannot be unpickled: {type(error).__name__}: {error}") from error


def _read_cbor(content: bytes, path: Path) -> Any:
    import cbor2

    try:
        return cbor2.loads(content)
    except (cbor2.CBORDecodeError, ValueError) as error:
        hint = "; if it is a text, save it in UTF-8" if _looks_like_text(content) else ""
        raise ParameterError(f"{path} is neither JSON nor CBOR nor a pickle: {error}{hint}") from error


def _looks_like_text(content: bytes) -> bool:
    """Whether it may be JSON in an encoding other than UTF-8."""
    return content.startswith((b"\xff\xfe", b"\xfe\xff")) or content.lstrip()[:1] in (b"{", b"[")


def values_by_name(content: Any, path: str | Path) -> dict[str, bytes]:
    """The values in what a parameter file holds, once it is decoded; ``path`` names it in sentences. Raises ParameterError."""
    if isinstance(content, Mapping) and content.keys() != {"name", "data"}:
        for name in content:
            check_name(str(name))
        return {str(name): encode_value(str(name), value) for name, value in content.items()}
    if not isinstance(content, list):
        raise ParameterError(
            f'{path} holds neither a mapping of names to values nor a list of {{"name": ..., "data": ...}}'
        )
    values: dict[str, bytes] = {}
    for place, entry in enumerate(content):
        name, data = _entry(entry, place, path)
        if name in values:
            raise ParameterError(f"{path}: parameter {name!r} stands in it twice; remove one of the two")
        values[name] = data
    return values


def _entry(entry: Any, place: int, path: str | Path) -> tuple[str, bytes]:
    fields = entry if isinstance(entry, Mapping) else getattr(entry, "__dict__", {})
    if not isinstance(fields.get("name"), str) or "data" not in fields:
        raise ParameterError(
            f'{path}: entry {place} has no "name" or no "data"; it should be {{"name": ..., "data": ...}}'
        )
    name, data = fields["name"], fields["data"]
    if fields.get("encoding") != "base64":
        return name, encode_value(name, data)
    try:
        return name, base64.b64decode(data, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise ParameterError(
            f"{path}: the data of parameter {name!r} are not base64, though its encoding says so"
        ) from None
