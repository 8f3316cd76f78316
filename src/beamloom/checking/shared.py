"""What instances share: attributes of a class and variables of its module that change while events are analysed."""

from __future__ import annotations

import sys
import types
from typing import Any, Final

import numpy as np

_CONTAINERS: Final = (list, dict, set, bytearray, np.ndarray)
_PLAIN: Final = (int, float, str, bytes, tuple, type(None))
Places = dict[str, str]
"""What each shared name holds, as a text."""


def shared_of(*classes: type) -> Places:
    """The shared names of these classes and their modules."""
    places: Places = {}
    for cls in classes:
        for base in cls.__mro__[:-1]:
            if base.__module__.partition(".")[0] not in ("beamloom", "dranspose"):
                places |= _held(vars(base), f"{base.__name__}.")
        module = sys.modules.get(cls.__module__)
        if module is not None and cls.__module__.partition(".")[0] not in ("beamloom", "dranspose"):
            places |= _held(vars(module), f"{cls.__module__}.")
    return places


def changed(before: Places, after: Places) -> list[str]:
    """The names that hold something else now."""
    return sorted(name for name in after if before.get(name) != after[name])


def _held(names: Any, prefix: str) -> Places:
    return {
        f"{prefix}{name}": _text(value)
        for name, value in dict(names).items()
        if not name.startswith("__")
        and not isinstance(value, types.ModuleType | types.FunctionType | type)
        and isinstance(value, (*_CONTAINERS, *_PLAIN))
    }


def _text(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}{hash(value.tobytes())}"
    return repr(value)
