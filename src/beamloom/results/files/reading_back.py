"""What a file of results holds, as it was published: the way back of ``nexus.py``.

Values are as HDF5 has them: columns instead of dictionaries keyed by numbers or tuples, integers with ``units`` instead of times, numpy
scalars instead of numbers of Python. Selections and JSON are those that the run had while it was published.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from beamloom.errors import UserError
from beamloom.results.covered import NAMES as COVERAGE_NAMES
from beamloom.results.files.nexus import COLLECTION, RUN_NOTE
from beamloom.results.record import EpochRecord, RunRecord
from beamloom.results.tree import SUFFIX

ADDED_AT_TOP = frozenset({"NX_class", "creator", "file_time"})


class NoResults(UserError):
    """A file that is none of results, or cannot be read."""


class TooLarge(UserError):
    """A file that holds more than may be read into memory."""


def record_in(path: Path) -> RunRecord:
    """What is known of the run whose results a file holds. Raises NoResults."""
    try:
        with h5py.File(path, "r") as file:
            return _record(*_process(file))
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise NoResults(f"{path} holds no results of a run that can be read ({error})") from error


def publish_in(path: Path, most_bytes: int) -> tuple[dict[str, Any], int]:
    """What was published, and its version. Raises NoResults, and TooLarge where it is more than ``most_bytes``."""
    try:
        with h5py.File(path, "r") as file:
            process, about = _process(file)
            root = file if about["tree"] == "/" else file[about["tree"]]
            held = _bytes_of(root)
            if held > most_bytes:
                raise TooLarge(
                    f"it is {held} bytes in {path}, more than is read back at once (the setting past_bytes: {most_bytes}); open "
                    "that file with h5py"
                )
            added = {f"{about['entry']}/{name}" for name in about["added"]}
            return _published(root, added, is_top=True), int(process["result_version"][()])
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise NoResults(f"{path} holds no results of a run that can be read ({error})") from error


def _process(file: h5py.File) -> tuple[h5py.Group, dict[str, Any]]:
    """The NXprocess of this project, and what it says of the run."""
    entry = file[_text(file.attrs["default"])]
    for child in entry.values():
        if isinstance(child, h5py.Group) and RUN_NOTE in child and "result_version" in child:
            about: dict[str, Any] = _content(child, RUN_NOTE)
            return child, {**about, "entry": entry.name}
    raise KeyError("there is no group that tells of the run")


def _record(process: h5py.Group, about: dict[str, Any]) -> RunRecord:
    epochs = [
        EpochRecord(
            epoch=int(name.removeprefix("parameters_")),
            first_event=None if note["first_event"].shape is None else int(note["first_event"][()]),
            parameters=json.loads(_text(note["data"][()])),
        )
        for name, note in process.items()
        if name.startswith("parameters_")
    ]
    return RunRecord(
        run=about["run"],
        started=about["started"],
        ended=about["ended"],
        trigger_map=_text(process["trigger_map/data"][()]) if "trigger_map" in process else None,
        epochs=tuple(sorted(epochs, key=lambda epoch: epoch.epoch)),
        devices=_content(process, "devices", {}),
        worker_classes=_content(process, "worker_classes", []),
        worker_code=_content(process, "worker_code_version", {}),
        editions=_content(process, "editions", []),
        coverage=_content(process, "coverage", {}),
        code=_content(process, "code_version", {}),
        packages=_content(process, "packages", {}),
        again_of=about.get("again_of"),
        changed=about.get("changed", {}),
    )


def _content(process: h5py.Group, note: str, otherwise: Any = None) -> Any:
    return json.loads(_text(process[note]["data"][()])) if note in process else otherwise


def _published(group: h5py.Group, added: set[str], *, is_top: bool = False) -> dict[str, Any]:
    published: dict[str, Any] = {}
    for name, child in group.items():
        if child.name in added:
            continue
        if isinstance(child, h5py.Group):
            published[name] = _published(child, added)
        else:
            published[name] = _value(child)
            if attributes := _attributes(child):
                published[f"{name}{SUFFIX}"] = attributes
    attributes = _attributes(group)
    if is_top:
        attributes = {name: value for name, value in attributes.items() if name not in ADDED_AT_TOP}
    elif attributes.get("NX_class") == COLLECTION:
        del attributes["NX_class"]
    if attributes:
        published[SUFFIX] = attributes
    return published


def _attributes(node: h5py.Group | h5py.Dataset) -> dict[str, Any]:
    return {
        name: None if isinstance(value, h5py.Empty) else value
        for name, value in node.attrs.items()
        if name not in COVERAGE_NAMES
    }


def _value(dataset: h5py.Dataset) -> Any:
    if dataset.shape is None:
        return None
    if h5py.check_string_dtype(dataset.dtype) is not None and dataset.dtype.kind == "O":
        return dataset.asstr(errors="replace")[()]
    return dataset[()]


def _bytes_of(group: h5py.Group) -> int:
    held = 0
    for child in group.values():
        if isinstance(child, h5py.Group):
            held += _bytes_of(child)
        elif child.shape is not None:
            held += int(np.prod(child.shape)) * child.dtype.itemsize
    return held


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
