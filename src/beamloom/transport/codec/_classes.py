"""Classes of results: which kinds may travel, and finding them again by name.

A name is resolved only to a class of such a kind, and only in a module that is loaded already or belongs to a trusted package:
a message can make instances of the analysis' own classes, never import or call anything else.
"""

from __future__ import annotations

import dataclasses
import enum
import importlib
import sys
from collections.abc import Iterable
from typing import Any

import msgspec

from beamloom.transport.codec import _wire as wire
from beamloom.transport.codec._errors import UndecodableResult


def kind_of(cls: type[Any]) -> bytes | None:
    """The mark of a class whose instances travel as their fields, or as they say themselves; None for other classes."""
    if hasattr(cls, "wire_state") and hasattr(cls, "from_wire_state"):
        return wire.OWN_STATE
    if issubclass(cls, enum.Flag):
        return wire.FLAG
    if issubclass(cls, enum.Enum):
        return wire.ENUM
    if issubclass(cls, tuple) and isinstance(getattr(cls, "_fields", None), tuple):
        return wire.NAMED_TUPLE
    if issubclass(cls, msgspec.Struct):
        return wire.STRUCT
    # Whoever has a pydantic model has loaded pydantic; nobody else needs it.
    pydantic = sys.modules.get("pydantic")
    if pydantic is not None and issubclass(cls, pydantic.BaseModel):
        return wire.PYDANTIC
    if dataclasses.is_dataclass(cls):
        return wire.DATACLASS
    return None


def class_name(cls: type[Any]) -> str:
    """``module:qualified name``. Raises ValueError for a class that cannot be found by its name."""
    if "<locals>" in cls.__qualname__:
        raise ValueError(
            f"an instance of {cls.__name__}, a class that is defined inside a function; define it at the top of a module"
        )
    return f"{cls.__module__}:{cls.__qualname__}"


class ClassFinder:
    """Finds classes by name; each name is looked up once."""

    def __init__(self, trusted_packages: Iterable[str] = ()) -> None:
        self._trusted = frozenset(trusted_packages)

    def find(self, name: str, kind: bytes) -> type[Any]:
        """The class ``module:qualified name``, which must be of ``kind``. Raises UndecodableResult."""
        module_name, _, qualified = name.partition(":")
        place: Any = sys.modules.get(module_name)
        if place is None:
            place = self._load(module_name, qualified)
        found: type[Any] | None = None
        for part in qualified.split("."):
            place = found = getattr(place, part, None)
            if not isinstance(found, type):
                raise UndecodableResult(
                    f"a result is of the class {qualified} of {module_name}, which has no such class here; "
                    "run the same version of the analysis in worker and reducer."
                )
        if found is None or kind_of(found) != kind:
            raise UndecodableResult(
                f"a result is of the class {qualified} of {module_name}, which is another kind of class here; "
                "run the same version of the analysis in worker and reducer."
            )
        return found

    def _load(self, module_name: str, qualified: str) -> Any:
        if module_name.partition(".")[0] not in self._trusted:
            raise UndecodableResult(
                f"a result is of the class {qualified} of {module_name}, which is not loaded here; import {module_name} in "
                "the module of the reducer, or name its package in result_packages of the reducer's settings."
            )
        try:
            return importlib.import_module(module_name)
        except ImportError as error:
            raise UndecodableResult(
                f"a result is of the class {qualified} of {module_name}, which cannot be imported here ({error}); "
                "install it where the reducer runs."
            ) from error
