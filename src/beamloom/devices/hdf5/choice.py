"""Which dataset of an HDF5 file holds the frames.

A layout is recognised by rules that its writers have agreed upon, tried in the order of ``_RULES``. Where a rule, or the file as a whole,
leaves the choice between several stacks, none is taken: a wrong one would give a run of wrong images, and a sentence costs a minute.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

_LINK: Final = re.compile(r"data_(\d+)")
_SHOWN: Final = 8


class NoFrames(LookupError):
    """The file has no dataset of frames; the text is a sentence."""


class SeveralStacks(NoFrames):
    """The file has several datasets that may hold the frames; the text lists them."""


class Choice(msgspec.Struct, frozen=True):
    """The dataset of frames, or the group that has links to several."""

    node: Any
    name: str
    layout: str
    """By which rule it was taken, for people."""


def choose(file: Any, dataset: str = "") -> Choice:
    """Where the frames of ``file`` (h5py) are; ``dataset`` names it. Raises NoFrames and SeveralStacks."""
    if dataset:
        return _named(file, dataset)
    for layout, rule in _RULES:
        found = _distinct(node for node in rule(file) if _suits(node))
        if len(found) > 1 and layout not in _FIRST_OF:
            raise SeveralStacks(
                f"there are several stacks of frames in it, {_shown(found)}; say which one it is with dataset:"
            )
        if found:
            return Choice(found[0], str(found[0].name), layout)
    raise NoFrames(
        f"there is no stack of frames in it (it has {_shown(list(_datasets(file)))}); say which dataset it is with dataset:"
    )


def stacks(file: Any) -> list[Any]:
    """All datasets of ``file`` that may be stacks of images: three axes or more."""
    return [node for node in _datasets(file) if has_frames(node) and node.ndim >= 3]


def _named(file: Any, dataset: str) -> Choice:
    node = member(file, dataset)
    if node is None:
        raise NoFrames(f"there is no {dataset} in it; it has {_shown(list(_datasets(file)))}")
    if is_group(node) and not links(node):
        node = _signal(node)
        if node is None:
            raise NoFrames(f"{dataset} is a group without a signal and without links like data_000001")
        dataset = str(node.name)
    if not is_group(node) and not has_frames(node):
        raise NoFrames(
            f"{dataset} has shape {list(node.shape or ())} of {node.dtype}; frames are numbers, one after the other"
        )
    return Choice(node, dataset, "named in the settings")


# ---- rules --------------------------------------------------------------------------------------------------------------------


def _nexus(file: Any) -> Iterator[Any]:
    """The default plot (https://manual.nexusformat.org/datarules.html), else the first NXdata of the first NXentry."""
    entry = _default(file, "NXentry")
    group = None if entry is None else _default(entry, "NXdata")
    for node in (group, entry):
        if node is not None:
            yield _signal(node)
            yield node


def _usual(file: Any) -> Iterator[Any]:
    """As the data files of Eiger, the receivers of Jungfrau and many others have it."""
    group = member(file, "/entry/data")
    if group is not None and is_group(group):
        yield _expected(group, "data")
    yield group


def _cxi(file: Any) -> Iterator[Any]:
    """Stacks of https://www.cxidb.org/cxi.html: what the entry offers as its data, else its images, else what its detectors gave."""
    for pattern in ("data_", "image_", "instrument_/detector_"):
        found = [
            node
            for entry in _numbered(file, "entry_")
            for group in _numbered(entry, *pattern.split("/"))
            if (node := member(group, "data")) is not None and has_frames(node) and node.ndim >= 3
        ]
        yield from found
        if found:
            return


def _by_detector(file: Any) -> Iterator[Any]:
    """As SwissFEL writes Jungfrau and others: ``/data/JF07T32V02/data``."""
    group = member(file, "/data")
    if group is None or not is_group(group):
        return
    for name in group:
        inner = member(group, name)
        node = member(inner, "data") if inner is not None and is_group(inner) else None
        if node is not None and has_frames(node) and node.ndim >= 3:
            yield node


_RULES: Final[tuple[tuple[str, Callable[[Any], Iterator[Any]]], ...]] = (
    ("NeXus", _nexus),
    ("/entry/data", _usual),
    ("CXI", _cxi),
    ("by detector", _by_detector),
    ("the only stack of images", lambda file: iter(stacks(file))),
)
_FIRST_OF: Final = ("NeXus", "/entry/data")
"""Their rules give what goes before other things, best first."""


def _suits(node: Any) -> bool:
    return node is not None and ((is_group(node) and bool(links(node))) or has_frames(node))


def _distinct(nodes: Iterator[Any]) -> list[Any]:
    """Without those that are others by another name."""
    found: list[Any] = []
    for node in nodes:
        if node not in found:
            found.append(node)
    return found


def _numbered(group: Any, prefix: str, *deeper: str) -> Iterator[Any]:
    """The groups ``prefix1``, ``prefix2``, ... in the order of their numbers, and so on inward."""
    if not is_group(group):
        return
    names = [name for name in map(text, group) if name.startswith(prefix) and name[len(prefix) :].isdecimal()]
    for name in sorted(names, key=lambda name: int(name[len(prefix) :])):
        node = member(group, name)
        if node is not None:
            yield from _numbered(node, *deeper) if deeper else iter((node,))


def _default(group: Any, nexus_class: str) -> Any:
    """The group that ``default`` names, or the first of its class."""
    named = text(group.attrs.get("default", ""))
    if named and (node := member(group, named)) is not None:
        return node
    for name in group:
        node = member(group, name)
        if node is not None and is_group(node) and text(node.attrs.get("NX_class", "")) == nexus_class:
            return node
    return None


def _signal(group: Any) -> Any:
    if not is_group(group):
        return group
    named = text(group.attrs.get("signal", ""))
    if named:
        return _expected(group, named)
    # As NeXus had it before 2014: the field says of itself that it is the signal.
    marked = (member(group, name) for name in group)
    return next(
        (node for node in marked if node is not None and text(node.attrs.get("signal", "")) == "1"), None
    )


def _expected(group: Any, name: str) -> Any:
    """What is called so; None where nothing is. Raises NoFrames for a link that leads nowhere: what is not there yet is not another."""
    node = member(group, name)
    link = group.get(name, getlink=True) if node is None and name in group.keys() else None  # noqa: SIM118
    if link is not None:
        raise NoFrames(
            f"{group.name}/{name} leads to {link.path} in {getattr(link, 'filename', 'this file')}, which is not there"
        )
    return node


# ---- nodes --------------------------------------------------------------------------------------------------------------------


def is_group(node: Any) -> bool:
    """Whether it is a group, of h5py's things."""
    return hasattr(node, "keys")


def member(group: Any, name: str) -> Any:
    """What is called so; None where nothing is, or where the file that a link leads to is not there."""
    try:
        return group[name]
    except (KeyError, OSError):
        return None


def has_frames(node: Any) -> bool:
    """Whether it is a dataset of numbers that has a first axis."""
    try:
        return hasattr(node, "chunks") and (node.ndim or 0) >= 1 and node.dtype.kind in "biufc"
    except TypeError:
        # HDF5 has types that numpy does not have.
        return False


def links(group: Any) -> list[str]:
    """The names ``data_000001``, ``data_000002``, ... in it, in the order of their numbers."""
    return sorted(
        (name for name in map(text, group) if _LINK.fullmatch(name)), key=lambda name: int(name[5:])
    )


def _datasets(file: Any) -> Iterator[Any]:
    found: list[Any] = []
    file.visititems(lambda _, node: found.append(node) if hasattr(node, "chunks") else None)
    yield from found


def _shown(nodes: list[Any]) -> str:
    names = [f"{node.name} {list(node.shape or ())}" for node in nodes[:_SHOWN]]
    more = [f"{len(nodes) - _SHOWN} more"] if len(nodes) > _SHOWN else []
    return ", ".join(names + more) or "no datasets"


def text(value: Any) -> str:
    """A string of HDF5, in whichever of its forms."""
    value = value.item() if getattr(value, "size", 0) == 1 and hasattr(value, "item") else value
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
