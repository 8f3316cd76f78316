"""Two publish trees: whether they are the same, and where they are not.

Numbers that differ in their last digits alone are told apart from others: sums of real numbers are rounded in the order in which they are
added.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np

from beamloom.results.types import is_result_type

_COMPARED: Final = "buifcSUmM"
ROUNDED: Final = 1e-9
"""Numbers that differ by less than this, of the largest beside them, differ by rounding."""


class Difference(NamedTuple):
    """One place where two trees differ."""

    path: str
    how: str
    rounding: bool
    """Whether it is no more than what the order of additions does to real numbers."""


def plain(tree: Any) -> Any:
    """A publish tree as readers see it: dictionaries of arrays and plain values, which nothing changes any more."""
    if is_result_type(tree):
        tree = tree.snapshot()
    if isinstance(tree, dict):
        return {key: plain(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [plain(value) for value in tree]
    if hasattr(tree, "__array__"):
        array = np.array(tree)
        if array.dtype.names is not None:
            return {name: plain(array[name]) for name in array.dtype.names}
        return array if array.dtype.kind in _COMPARED else array.tolist()
    return tree


def differences(one: Any, other: Any, path: str = "$") -> Iterator[Difference]:
    """Where two plain trees differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in dict.fromkeys([*one, *other]):
            place = f"{path}.{key}" if isinstance(key, str) else f"{path}[{key!r}]"
            if key not in one or key not in other:
                yield Difference(place, "is in one result alone", False)
            else:
                yield from differences(one[key], other[key], place)
    elif isinstance(one, list) and isinstance(other, list) and not _numbers(one, other):
        if len(one) != len(other):
            yield Difference(path, f"has {len(one)} entries, and {len(other)}", False)
        else:
            for index, (mine, theirs) in enumerate(zip(one, other, strict=True)):
                yield from differences(mine, theirs, f"{path}[{index}]")
    else:
        difference = _values(one, other, path)
        if difference is not None:
            yield difference


def _numbers(*lists: list[Any]) -> bool:
    return all(isinstance(value, int | float | np.number) for one in lists for value in one)


def _values(one: Any, other: Any, path: str) -> Difference | None:
    mine, theirs = _array(one), _array(other)
    if mine is None or theirs is None:
        same = type(one) is type(other) and _equal(one, other)
        return None if same else Difference(path, f"is {_short(one)}, and {_short(other)}", False)
    if mine.shape != theirs.shape or mine.dtype != theirs.dtype:
        return Difference(
            path, f"is {mine.dtype} of {list(mine.shape)}, and {theirs.dtype} of {list(theirs.shape)}", False
        )
    if mine.dtype.kind not in "fc":
        unlike = mine != theirs
        if not unlike.any():
            return None
        return Difference(path, _where(mine, theirs, unlike), False)
    unlike = ~((mine == theirs) | (np.isnan(mine) & np.isnan(theirs)))
    if not unlike.any():
        return None
    with np.errstate(invalid="ignore", over="ignore"):
        scale = np.nanmax(np.abs(np.stack([mine, theirs])), initial=0.0, where=np.isfinite([mine, theirs]))
        off = np.abs(mine - theirs)[unlike]
        limit = max(ROUNDED, 100 * float(np.finfo(mine.dtype).eps)) * scale
        rounding = bool(np.all(off <= limit))
    return Difference(path, _where(mine, theirs, unlike), rounding)


def _equal(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except (TypeError, ValueError):
        # Objects of an analysis may compare as they like.
        return repr(one) == repr(other)


def _array(value: Any) -> np.ndarray[Any, np.dtype[Any]] | None:
    if isinstance(value, bool | int | float | complex | np.generic | np.ndarray) or (
        isinstance(value, list) and value
    ):
        array = np.asarray(value)
        return array if array.dtype.kind in _COMPARED else None
    return None


def _where(one: Any, other: Any, unlike: Any) -> str:
    if one.ndim == 0:
        return f"is {one[()]!s}, and {other[()]!s}"
    first = tuple(int(index) for index in np.argwhere(unlike)[0])
    many = int(np.count_nonzero(unlike))
    return f"differs in {many} of {one.size} elements, first at {list(first)}: {one[first]!s}, and {other[first]!s}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else f"{text[:57]}..."
