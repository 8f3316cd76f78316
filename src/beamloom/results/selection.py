"""Selecting parts of a publish tree: JSONPath (RFC 9535), then a numpy slice.

A tree is not JSON. Beyond the RFC, and only where it selects nothing: tuples are arrays; a numpy array can be indexed and sliced
by its first axis, but the wildcard and the descendant segment take it as one value; a name selects a key that is no string by
its text (``$.map['1.0,2.0']``), or a column of a dictionary keyed by numbers or tuples (``$.map.value``), and an index the integer
key of a dictionary.

The slice is given apart (``:,4:8,3``) or, as older viewers write it, at the end of the path: `` $.map.`numpy(:,4:8,3)` ``.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import EllipsisType
from typing import Any

import numpy as np
from jsonpath_rfc9535 import JSONPathEnvironment, JSONPathError
from jsonpath_rfc9535.filter_expressions import FilterContext
from jsonpath_rfc9535.segments import JSONPathRecursiveDescentSegment, JSONPathSegment
from jsonpath_rfc9535.selectors import (
    FilterSelector,
    IndexSelector,
    JSONPathSelector,
    NameSelector,
    SliceSelector,
    WildcardSelector,
)

from beamloom.errors import UserError, did_you_mean
from beamloom.results.arrays import is_array_like
from beamloom.results.columns import columns_of
from beamloom.results.keys import key_text, name_step

Index = tuple[int | slice | EllipsisType, ...]
"""What a numpy array is indexed with."""

MAX_DEPTH = 100
"""Levels that the descendant segment goes down."""
MAX_NAMED = 20
"""Keys named in an error."""


class SelectionError(UserError):
    """A path or slice that cannot be applied."""


class NothingSelected(SelectionError):
    """A path that is right but selects nothing in this tree."""


@dataclass(frozen=True)
class _Node:
    value: Any
    location: tuple[str, ...] = ()

    def child(self, value: Any, step: str) -> _Node:
        return _Node(value, (*self.location, step))

    @property
    def path(self) -> str:
        return "$" + "".join(self.location)


@dataclass(frozen=True)
class Match:
    """One thing that a path selects."""

    value: Any
    steps: tuple[str, ...]
    """Where it is: the steps of its normalized path."""


def select(publish: Mapping[str, Any], path: str, slice_text: str | None = None) -> list[Any]:
    """What ``find`` finds, without where it is."""
    return [match.value for match in find(publish, path, slice_text)]


def find(publish: Mapping[str, Any], path: str, slice_text: str | None = None) -> list[Match]:
    """Everything in ``publish`` that ``path`` selects, at least one thing; arrays are views of those in the tree.

    An empty path is the whole tree, and the leading ``$.`` may be left out. With a slice, what cannot be sliced is left out
    unless it is everything.

    Raises SelectionError for a path or slice that is wrong, NothingSelected where there is no match.
    """
    segments, index = _parse(path)
    if slice_text is not None:
        if index is not None:
            raise SelectionError(
                f"the slice is given twice, in the path {path} and apart; leave one of them out."
            )
        index = _parse_slice(slice_text)
    nodes = [_Node(publish)]
    for segment in segments:
        try:
            found = list(_resolve(segment, nodes, publish))
        except (JSONPathError, ValueError, TypeError) as error:
            raise SelectionError(
                f"the path {path} cannot be applied ({error}); a filter compares numbers and texts, not arrays."
            ) from error
        if not found:
            raise NothingSelected(_what_is_there(nodes[0], segment))
        nodes = found
    if index is not None:
        return _slice_all(nodes, index)
    return [Match(node.value, node.location) for node in nodes]


def parse_path(path: str) -> None:
    """Raises SelectionError for a path that is malformed."""
    _parse(path)


_OLD_SLICE = re.compile(r"\.?`\s*numpy\(([^`]*)\)\s*`\s*$")


@functools.lru_cache(maxsize=512)
def _parse(path: str) -> tuple[tuple[JSONPathSegment, ...], Index | None]:
    query = path.strip()
    index = None
    if old := _OLD_SLICE.search(query):
        index = _parse_slice(old[1])
        query = query[: old.start()]
    if not query.startswith("$"):
        query = "$" + query if query.startswith(("[", ".")) or not query else "$." + query
    try:
        return JSONPathEnvironment().compile(query).segments, index
    except (JSONPathError, ValueError) as error:
        raise SelectionError(
            f"the path {query} is malformed ({error}); write it like $.roi.sum, and a name with other characters than letters, "
            "digits and _ like $['my name']."
        ) from error


def _parse_slice(text: str) -> Index:
    try:
        return tuple(_parse_axis(part.strip()) for part in text.split(","))
    except ValueError as error:
        raise SelectionError(
            f"the slice {text!r} is malformed; write for each axis a number, start:stop or start:stop:step, "
            "and ... for all axes between, like :,4:8,3."
        ) from error


def _parse_axis(text: str) -> int | slice | EllipsisType:
    if text == "...":
        return Ellipsis
    if ":" not in text:
        return int(text)
    bounds = [int(bound) if bound.strip() else None for bound in text.split(":")]
    if len(bounds) > 3 or bounds[2:] == [0]:
        raise ValueError(text)
    return slice(*bounds)


def _resolve(segment: JSONPathSegment, nodes: list[_Node], root: Any) -> Iterator[_Node]:
    descend = isinstance(segment, JSONPathRecursiveDescentSegment)
    for node in nodes:
        for visited in _descendants(node) if descend else (node,):
            for selector in segment.selectors:
                yield from _SELECTORS[type(selector)](visited, selector, root)


def _descendants(node: _Node, depth: int = 0) -> Iterator[_Node]:
    if depth > MAX_DEPTH:
        raise SelectionError(
            f"{node.path[:80]}... is nested more than {MAX_DEPTH} deep; give the path in full."
        )
    yield node
    for child in _members(node):
        if isinstance(child.value, Mapping | list | tuple):
            yield from _descendants(child, depth + 1)


def _members(node: _Node) -> Iterator[_Node]:
    if isinstance(node.value, Mapping):
        for key, value in node.value.items():
            yield node.child(value, name_step(key))
    elif isinstance(node.value, list | tuple):
        for position, value in enumerate(node.value):
            yield node.child(value, f"[{position}]")


def _by_name(node: _Node, selector: Any, root: Any) -> Iterator[_Node]:
    name: str = selector.name
    if not isinstance(node.value, Mapping):
        return
    if name in node.value:
        yield node.child(node.value[name], name_step(name))
        return
    for key, value in node.value.items():
        if not isinstance(key, str) and key_text(key) == name:
            yield node.child(value, name_step(key))
            return
    columns = None if all(isinstance(key, str) for key in node.value) else columns_of(node.value)
    if columns is not None and name in columns:
        yield node.child(columns[name], name_step(name))


def _by_index(node: _Node, selector: Any, root: Any) -> Iterator[_Node]:
    index: int = selector.index
    value = node.value
    if isinstance(value, Mapping):
        if index in value:
            yield node.child(value[index], f"[{index}]")
    elif _is_sequence(value) and -_length(value) <= index < _length(value):
        yield node.child(value[index], f"[{index}]")


def _by_slice(node: _Node, selector: Any, root: Any) -> Iterator[_Node]:
    if _is_sequence(node.value) and selector.slice.step != 0:
        for position in range(*selector.slice.indices(_length(node.value))):
            yield node.child(node.value[position], f"[{position}]")


def _by_wildcard(node: _Node, selector: Any, root: Any) -> Iterator[_Node]:
    return _members(node)


def _by_filter(node: _Node, selector: Any, root: Any) -> Iterator[_Node]:
    for child in _members(node):
        context = FilterContext(env=selector.env, current=child.value, root=root)
        if selector.expression.evaluate(context):
            yield child


_SELECTORS: dict[type[JSONPathSelector], Callable[[_Node, Any, Any], Iterator[_Node]]] = {
    NameSelector: _by_name,
    IndexSelector: _by_index,
    SliceSelector: _by_slice,
    WildcardSelector: _by_wildcard,
    FilterSelector: _by_filter,
}


def _is_sequence(value: Any) -> bool:
    return isinstance(value, list | tuple) or (is_array_like(value) and len(value.shape) > 0)


def _length(value: Any) -> int:
    return len(value) if isinstance(value, list | tuple) else int(value.shape[0])


def _slice_all(nodes: list[_Node], index: Index) -> list[Match]:
    sliced: list[Match] = []
    reason = ""
    for node in nodes:
        try:
            sliced.append(Match(_as_array(node.value)[index], node.location))
        except (IndexError, ValueError, TypeError, OverflowError) as error:
            reason = reason or f"the slice does not fit {node.path}, {_kind(node.value)} ({error})"
    if not sliced:
        raise SelectionError(f"{reason}; slice an array, with at most one entry for each of its axes.")
    return sliced


def _as_array(value: Any) -> Any:
    """What can be sliced: an array-like itself, so that only the part is read, or an array made of numbers."""
    if is_array_like(value):
        return value
    array = np.asarray(value)
    if array.dtype.hasobject or array.ndim == 0:
        raise ValueError("it is no array")
    return array


def _what_is_there(node: _Node, segment: JSONPathSegment) -> str:
    value = node.value
    wanted = [selector.name for selector in segment.selectors if isinstance(selector, NameSelector)]
    sought = ", ".join(repr(name) for name in wanted) or str(segment)
    if not isinstance(value, Mapping):
        return f"nothing is selected: {node.path} is {_kind(value)} and has no {sought}; shorten the path, or add a slice."
    names = [key_text(key) for key in value]
    if not names:
        return f"nothing is selected: {node.path} is empty and has no {sought}; ask again once there are results."
    listed = ", ".join(names[:MAX_NAMED]) + (
        f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    )
    hint = did_you_mean(wanted[0], names) if wanted else ""
    return f"nothing is selected: {node.path} has no {sought}{hint}; it has {listed}."


def _kind(value: Any) -> str:
    if is_array_like(value):
        return f"an array of shape {value.shape}"
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of {len(value)} elements"
    if isinstance(value, Mapping):
        return f"a dictionary of {len(value)} keys"
    return f"a {type(value).__name__}"
