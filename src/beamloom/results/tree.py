"""A publish dictionary as groups and datasets, for every view that is shaped like HDF5.

- A dictionary is a group, and so are a dataclass, a pydantic model, a struct and a named tuple, by their fields. Everything else is a
  dataset, by the rules of ``values.py``.
- ``x_attrs`` (a dictionary) holds the attributes of its neighbour ``x``; ``_attrs`` those of the group itself. Where both speak of the
  same attribute, the neighbour's wins. Without a neighbour ``x``, ``x_attrs`` is a group like others.
- A dictionary keyed by numbers or by tuples is a group of columns, by the rules of ``columns.py``. Where its first column of values is
  one of numbers it is an NXdata that viewers plot, unless the reducer says otherwise in its attributes.
- A list that is no array (of groups, of arrays of different shapes) is a group with the children ``0``, ``1``, ...
- A datetime64 or timedelta64 is a dataset of integers with the attribute ``units``; a field of records with ``{field}_units``.
- What cannot be held at all is a text that says so, in its place; the rest of the tree is as it should be.
- Names are text: other keys are written as in JSON, and ``/`` in a name as ``%2F``.

Children and attributes are in the order in which the reducer put them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from beamloom.results.arrays import ArrayLike, Converted, unit_of_time
from beamloom.results.columns import columns_of
from beamloom.results.fields import fields_of, named_tuple_fields
from beamloom.results.keys import key_text
from beamloom.results.values import NUMBERS, SEQUENCES, NoArray, text_array, values_of

MAX_DEPTH = 64
"""Groups within groups; what is deeper, or contains itself, is a text that says so."""
SUFFIX = "_attrs"

Attributes: TypeAlias = Mapping[str, ArrayLike | None]
"""Attributes by name; None is one without a value."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """An array with attributes."""

    values: ArrayLike | None
    """None: there is no value (a null dataspace)."""
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Group:
    """Named groups and datasets, with attributes."""

    children: Mapping[str, Node] = field(default_factory=dict)
    attributes: Attributes = field(default_factory=dict)

    def at(self, path: str) -> Node | None:
        """The node at ``a/b``, seen from here; the empty path is the group itself. None where there is none."""
        node: Node = self
        for name in filter(None, path.split("/")):
            child = node.children.get(name) if isinstance(node, Group) else None
            if child is None:
                return None
            node = child
        return node


Node: TypeAlias = Group | Dataset


def tree_of(publish: Mapping[Any, Any]) -> Group:
    """The tree of a publish dictionary, which must not change any more. It raises nothing, whatever is in there."""
    group = _group_of(publish, 0)
    return group if isinstance(group, Group) else Group({"unreadable": group})


def _node_of(value: Any, depth: int) -> Node:
    try:
        if isinstance(value, Mapping):
            return _group_of(value, depth)
        fields = fields_of(value) or named_tuple_fields(value)
        if fields is not None:
            return _group_of(fields, depth)
        return _dataset_of(value, depth)
    except Exception as error:  # noqa: BLE001  reading runs code of the analysis, which may raise anything
        return _in_words(f"it cannot be read ({type(error).__name__}: {error})")


def _group_of(mapping: Mapping[Any, Any], depth: int) -> Node:
    if depth > MAX_DEPTH:
        return _in_words("it is nested too deeply, or contains itself")
    if not all(isinstance(key, str) for key in mapping):
        columns = columns_of(mapping)
        if columns is not None:
            children = {_name(name): _node_of(values, depth + 1) for name, values in columns.items()}
            return Group(children, _plottable(children))
    entries = _by_name(mapping)
    own = entries.get(SUFFIX)
    taken = {name + SUFFIX for name in entries if isinstance(entries.get(name + SUFFIX), Mapping)}
    if isinstance(own, Mapping):
        taken.add(SUFFIX)
    children = {}
    for name, value in entries.items():
        if name not in taken:
            node = _node_of(value, depth + 1)
            attributes = entries.get(name + SUFFIX)
            children[name] = _with(node, attributes) if isinstance(attributes, Mapping) else node
    return Group(children, attributes_of(own) if isinstance(own, Mapping) else {})


def _dataset_of(value: Any, depth: int) -> Node:
    try:
        values = values_of(value)
    except NoArray as error:
        if isinstance(value, SEQUENCES):
            return _group_of({str(place): element for place, element in enumerate(value)}, depth)
        return _in_words(f"it is {error}")
    return Dataset(values, _units(values))


def attributes_of(mapping: Mapping[Any, Any]) -> Attributes:
    """Attributes from what the reducer gave: arrays where they are arrays, and text for everything else."""
    return {name: _attribute(value) for name, value in _by_name(mapping).items()}


def _attribute(value: Any) -> ArrayLike | None:
    try:
        values = values_of(value)
        if isinstance(values, Converted) and unit_of_time(values.source.dtype) is not None:
            # An attribute has no attributes to keep the unit in.
            values = values_of(np.asarray(values.source[...]).astype(str))
    except Exception as error:  # noqa: BLE001  as above
        return text_array(str(value) if isinstance(value, Mapping | list | tuple) else _sentence(str(error)))
    return values


def _with(node: Node, attributes: Mapping[Any, Any]) -> Node:
    merged = {**node.attributes, **attributes_of(attributes)}
    if isinstance(node, Group):
        return Group(node.children, merged)
    return Dataset(node.values, merged)


def _units(values: ArrayLike | None) -> Attributes:
    if not isinstance(values, Converted):
        return {}
    dtype = values.source.dtype
    if dtype.names is None:
        units = {"units": unit_of_time(dtype)}
    else:
        units = {f"{name}_units": unit_of_time(dtype[name].base) for name in dtype.names}
    return {name: text_array(unit) for name, unit in units.items() if unit is not None}


def _plottable(children: Mapping[str, Node]) -> Attributes:
    """What makes columns an NXdata: a curve over one key, or points that are scattered over two."""
    keys = [name for name in children if name.startswith("key_")]
    signal = next((name for name in children if name not in keys), None)
    if signal is None or len(keys) > 2:
        return {}
    for name in (*keys, signal):
        node = children[name]
        if not isinstance(node, Dataset) or node.values is None or len(node.values.shape) != 1:
            return {}
        if node.values.dtype.kind not in NUMBERS:
            return {}
    return attributes_of({"NX_class": "NXdata", "signal": signal, "axes": keys})


def _by_name(mapping: Mapping[Any, Any]) -> dict[str, Any]:
    """The entries by names that HDF5 allows, each of them once."""
    named: dict[str, Any] = {}
    for key, value in mapping.items():
        name = _name(key_text(key))
        repeated = 1
        while name in named:
            repeated += 1
            name = f"{_name(key_text(key))}~{repeated}"
        named[name] = value
    return named


def _name(text: str) -> str:
    if text in ("", ".", ".."):
        return "%2E" * len(text) or "%00"
    text = text.replace("/", "%2F").replace("\0", "%00")
    return text.encode("utf-8", "backslashreplace").decode()


def _in_words(what: str) -> Dataset:
    return Dataset(text_array(_sentence(what)))


def _sentence(what: str) -> str:
    return f"This cannot be shown: {what}. Publish arrays, numbers, text, lists or dictionaries of these."
