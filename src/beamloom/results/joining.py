"""One publish tree of those of several processes, each of which has reduced a part of the events.

Policy: nothing is guessed. Groups are joined by their keys and result types merge. What was published before the first result and is
still the same everywhere is a constant; texts and attributes may also come later, where all say the same. A plain value that only one
process publishes under a key of its own is taken. Everything else could be a part of the truth or the whole of it, a counter or a setting:
it is refused with its name. Two counters that happen to be equal are not a constant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from beamloom.results.types import is_result_type

_WAYS = (
    "publish a result type such as Sum or Append, publish each value under a key of its own, give the reducer class a static method "
    "'combine(parts)' that joins them, or set leaves to 1"
)


class NotJoinable(TypeError):
    """Something is published of which nobody knows how its parts are joined."""


def join_trees(trees: Sequence[Mapping[Any, Any]], at_start: Mapping[Any, Any]) -> dict[Any, Any]:
    """The tree of all events; ``at_start`` is what each of them was before its first result.

    The trees are not used any more afterwards. Raises NotJoinable, and TypeError or ValueError where result types do not merge.
    """
    return _join_groups(trees, at_start, "publish", attributes=False)


def check_start(tree: Mapping[Any, Any]) -> None:
    """Raises NotJoinable where a tree as it is before the first result can hold nothing that could be joined later."""
    if tree and not _may_grow(tree):
        raise NotJoinable(f"nothing that it publishes can be joined: {', '.join(map(str, tree))}; {_WAYS}")


def _may_grow(tree: Mapping[Any, Any]) -> bool:
    """Whether there is a result type, or a group that is still empty."""
    groups = [
        value for name, value in tree.items() if isinstance(value, Mapping) and not _is_attributes(name)
    ]
    return any(not group or _may_grow(group) for group in groups) or any(map(is_result_type, tree.values()))


def _is_attributes(name: Any) -> bool:
    return isinstance(name, str) and name.endswith("_attrs")


def _join_groups(
    groups: Sequence[Mapping[Any, Any]], at_start: Mapping[Any, Any], place: str, *, attributes: bool
) -> dict[Any, Any]:
    names = dict.fromkeys(name for group in groups for name in group)
    joined = {}
    for name in names:
        values = [group[name] for group in groups if name in group]
        where = f"{place}[{name!r}]"
        of_attributes = attributes or _is_attributes(name)
        if all(isinstance(value, Mapping) for value in values):
            before = at_start.get(name)
            known = before if isinstance(before, Mapping) else {}
            joined[name] = _join_groups(values, known, where, attributes=of_attributes)
        elif all(map(is_result_type, values)):
            joined[name] = _merged(values, where)
        else:
            joined[name] = _plain(values, name in at_start, at_start.get(name), where, of_attributes)
    return joined


def _merged(values: Sequence[Any], where: str) -> Any:
    whole = values[0]
    for part in values[1:]:
        try:
            whole.merge(part)
        except (TypeError, ValueError) as error:
            raise NotJoinable(f"the parts of {where} do not merge: {error}") from error
    return whole


def _plain(values: Sequence[Any], known: bool, at_start: Any, where: str, attributes: bool) -> Any:
    first = values[0]
    alike = all(_same(first, other) for other in values[1:])
    if known and alike and _same(first, at_start):
        return first
    if not known and len(values) == 1:
        return first
    if alike and (attributes or isinstance(first, str)):
        return first
    kind = type(first).__name__
    raise NotJoinable(f"{where} is of type {kind}, and nobody knows how its parts are joined; {_WAYS}")


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray | np.generic):
        if one.dtype != other.dtype or one.shape != other.shape:
            return False
        return (
            bool(one.dtype.hasobject and one.tolist() == other.tolist()) or one.tobytes() == other.tobytes()
        )
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    return bool(one == other or (one != one and other != other))
