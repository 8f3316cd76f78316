"""A publish tree as the content of a NeXus file: a pure function from tree to tree, the same for every format of files.

- The tree stands in the group ``entry`` (NXentry). Where the analysis made an NXentry of its own at the top, the tree is the file,
  and that entry is taken.
- The entry also gets ``entry_identifier`` (the run), ``start_time``, ``end_time`` and an NXprocess ``beamloom``: program, version, date
  and one NXnote each for the trigger map, each parameter epoch, the coverage, the version of the analysis and those of packages.
- What the analysis wrote wins: no name or attribute of its own is replaced; where ``beamloom`` is taken the NXprocess is ``beamloom_1``.
- Groups without an ``NX_class`` are NXcollections. ``default`` leads from the root to what the analysis marked, else to its first NXdata.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Mapping
from typing import Any

import msgspec

from beamloom.results.arrays import ArrayLike
from beamloom.results.record import RunRecord, package_versions
from beamloom.results.tree import Attributes, Dataset, Group, Node, attributes_of, tree_of
from beamloom.version import VERSION

ENTRY = "entry"
COLLECTION = "NXcollection"
RUN_NOTE = "run"
"""The note by which a file is read back."""
PROCESS = "beamloom"


def nexus_file(tree: Group, record: RunRecord, version: int, saved_at: float) -> Group:
    """The root of a file that holds ``tree``, which is the given version of the run; ``saved_at`` is a Unix time in s."""
    tree = _classified(tree)
    entries = [name for name, child in tree.children.items() if nx_class(child) == "NXentry"]
    if entries:
        chosen = _text(tree.attributes.get("default"))
        name = chosen if chosen in entries else entries[0]
        children = dict(tree.children)
        children[name] = _entry(_group(children[name]), "/", record, version, saved_at)
        attributes = tree.attributes
    else:
        name = ENTRY
        children = {ENTRY: _entry(tree, f"/{ENTRY}", record, version, saved_at)}
        attributes = {}
    about = attributes_of(
        {
            "NX_class": "NXroot",
            "default": name,
            "creator": f"beamloom {VERSION}",
            "file_time": iso_time(saved_at),
        }
    )
    return Group(children, {**about, **_without(attributes, "NX_class")})


def iso_time(time: float) -> str:
    """A Unix time (s) as ISO 8601, in UTC."""
    return dt.datetime.fromtimestamp(time, dt.UTC).isoformat(timespec="milliseconds")


def nx_class(node: Node) -> str | None:
    """The NeXus class of a group or dataset; None where it says none."""
    return _text(node.attributes.get("NX_class"))


def _entry(tree: Group, where: str, record: RunRecord, version: int, saved_at: float) -> Group:
    times = {"start_time": record.started, "end_time": record.ended}
    about = {"entry_identifier": record.run, "program_name": PROCESS}
    about |= {name: iso_time(time) for name, time in times.items() if time is not None}
    added = {name: node for name, node in tree_of(about).children.items() if name not in tree.children}
    process = next(
        name
        for name in itertools.chain([PROCESS], (f"{PROCESS}_{n}" for n in itertools.count(1)))
        if name not in tree.children
    )
    made = _process(record, version, saved_at)
    known: dict[str, Any] = {"run": record.run, "started": record.started, "ended": record.ended}
    if record.again_of is not None:
        known |= {"again_of": record.again_of, "changed": record.changed}
    made[RUN_NOTE] = _note(
        "the run, where its tree is in this file, and what was added to that",
        _json({**known, "tree": where, "added": [*added, process]}),
    )
    added[process] = tree_of(made)
    entry = _led(Group(tree.children, {**tree.attributes, **attributes_of({"NX_class": "NXentry"})}))
    return Group({**entry.children, **added}, entry.attributes)


def _process(record: RunRecord, version: int, saved_at: float) -> dict[str, Any]:
    notes: dict[str, Any] = {}
    if record.trigger_map is not None:
        notes["trigger_map"] = _note("the trigger map of the run", record.trigger_map)
    for epoch in record.epochs:
        note = _note(f"the parameters of epoch {epoch.epoch}", _json(epoch.parameters))
        notes[f"parameters_{epoch.epoch}"] = {**note, "first_event": epoch.first_event}
    if record.coverage:
        notes["coverage"] = _note(
            "the events that are in the results, and the others", _json(record.coverage)
        )
    if record.devices:
        notes["devices"] = _note("the device of each stream", _json(record.devices))
    if record.worker_classes:
        notes["worker_classes"] = _note("the analysis of the workers", _json(record.worker_classes))
    if record.worker_code:
        notes["worker_code_version"] = _note(
            "the version of the analysis of the workers", _json(record.worker_code)
        )
    if record.editions:
        notes["editions"] = _note("which code has made which events of the result", _json(record.editions))
    if record.code:
        notes["code_version"] = _note("the version of the analysis", _json(record.code))
    if packages := package_versions() if record.packages is None else record.packages:
        notes["packages"] = _note("versions of installed packages", _json(packages))
    return {
        "_attrs": {"NX_class": "NXprocess"},
        "program": PROCESS,
        "version": VERSION,
        "date": iso_time(saved_at),
        "sequence_index": 1,
        "result_version": version,
        "complete": record.ended is not None,
        **notes,
    }


def _note(description: str, text: str) -> dict[str, Any]:
    return {
        "_attrs": {"NX_class": "NXnote"},
        "type": "application/json",
        "description": description,
        "data": text,
    }


def _json(content: Any) -> str:
    return json.dumps(msgspec.to_builtins(content, enc_hook=str, str_keys=True), ensure_ascii=False)


def _classified(group: Group) -> Group:
    """The same groups, each with a class; datasets are the same objects."""
    children = {
        name: _classified(child) if isinstance(child, Group) else child
        for name, child in group.children.items()
    }
    return Group(children, {**attributes_of({"NX_class": COLLECTION}), **group.attributes})


def _led(group: Group) -> Group:
    """The same, with ``default`` on the way to the first NXdata, where the analysis has not set it."""
    if "default" in group.attributes or nx_class(group) == "NXdata":
        return group
    for name, child in group.children.items():
        if not isinstance(child, Group):
            continue
        led = _led(child)
        if nx_class(led) == "NXdata" or "default" in led.attributes:
            return Group(
                {**group.children, name: led}, {**group.attributes, **attributes_of({"default": name})}
            )
    return group


def _group(node: Node) -> Group:
    return node if isinstance(node, Group) else Group({"value": Dataset(node.values)}, node.attributes)


def _without(attributes: Attributes, name: str) -> Mapping[str, ArrayLike | None]:
    return {key: value for key, value in attributes.items() if key != name}


def _text(value: ArrayLike | None) -> str | None:
    if value is None or value.shape:
        return None
    content = value[()]
    content = content.item() if hasattr(content, "item") else content
    if isinstance(content, bytes):
        return content.decode("utf-8", "replace")
    return content if isinstance(content, str) else None
