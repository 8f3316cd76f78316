"""Reads a monitor.yaml: every group and key is understood, or refused with its line and with what to do instead.

Policy: nothing is ignored in silence. What is understood but has no meaning here is noted, and told at the start. File names are relative
to the working folder, as in OM; where there is no such file, to the folder of the monitor.yaml.
"""

from __future__ import annotations

import dataclasses
import importlib.machinery
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from beamloom import Parameter, ParameterError, ParameterSet
from beamloom.apps.crystallography.analysis.parameters import of_reducer
from beamloom.apps.crystallography.monitor import keys
from beamloom.apps.crystallography.monitor.kinds import MAPPING, Key, Refused, Takes, Unused
from beamloom.apps.crystallography.monitor.meanings import Given, Meanings
from beamloom.errors import UsageError, did_you_mean
from beamloom.located_yaml import FileError, Located, Problem, parse_yaml, read_yaml
from beamloom.located_yaml import Key as KeyAt


@dataclasses.dataclass(frozen=True)
class Monitor:
    """What a monitor.yaml says."""

    file: str
    processing_layer: str
    """The name of OM's class, or ``module:Class`` of one of its user's own."""
    is_own_class: bool
    """Whether the processing layer is a class of the user's, for ``beamloom.apps.om``."""
    values: dict[str, Any]
    """Parameters of ``beamloom.apps.crystallography`` by name; files by their absolute path."""
    notes: tuple[str, ...]
    """What was understood and means nothing here, or something else than in OM: a line each, ``line N: ...``."""
    groups: dict[str, Any]
    """All of it as it stands there."""


def read_monitor(path: Path | str) -> Monitor:
    """The monitor.yaml at ``path``. Raises UsageError, FileError with a line for each problem."""
    return _monitor(read_yaml(Path(path)), str(path), Path(path).resolve().parent)


def parse_monitor(text: str, *, file: str = "monitor.yaml", folder: Path | None = None) -> Monitor:
    """The same of ``text``; ``folder``: where it would lie."""
    return _monitor(parse_yaml(text, file), file, folder or Path.cwd())


def _monitor(root: Located, file: str, folder: Path) -> Monitor:
    if not isinstance(root.value, dict) or not root.value:
        raise UsageError(
            f"{file} is no monitor.yaml: it has no groups; OM's documentation and docs/apps/crystallography.md show them"
        )
    reading = _Reading(folder)
    own = _own_class(root, folder)
    for group, item in root.value.items():
        reading.group(group, item, own is not None)
    if own is None:
        reading.missing(root)
    values = reading.meanings.values(reading.given, own is not None)
    if not reading.problems and own is None:
        reading.check(values)
    if reading.problems:
        raise FileError(file, reading.problems)
    return Monitor(
        file=file,
        processing_layer=own or str(reading.given["om", "processing_layer"].value),
        is_own_class=own is not None,
        values={name: one.value for name, one in values.items()},
        notes=tuple(f"line {problem.line}: {problem.text}" for problem in sorted(reading.notes)),
        groups=root.plain(),
    )


def _own_class(root: Located, folder: Path) -> str | None:
    """``module:Class`` where the processing layer is a class of the user's; None where it is one of OM's, or nothing."""
    om = root.value.get(KeyAt("om", 0))
    named = om.value.get(KeyAt("processing_layer", 0)) if om and isinstance(om.value, dict) else None
    name = named.value if named else None
    if not isinstance(name, str) or name in (*keys.PROCESSING_LAYERS, *keys.OTHER_PROCESSING_LAYERS):
        return None
    if ":" in name:
        return name
    # As OM does: a module of the name of the layer in the working folder comes first.
    places = [str(Path.cwd()), str(folder)]
    found = importlib.machinery.PathFinder.find_spec("processing_layer", places)
    return None if found is None else f"processing_layer:{name}"


class _Reading:
    def __init__(self, folder: Path) -> None:
        self.problems: list[Problem] = []
        self.notes: list[Problem] = []
        self.given: dict[tuple[str, str], Given] = {}
        self.meanings = Meanings(self.problem, self.note, folder)

    def problem(self, line: int, text: str) -> None:
        self.problems.append(Problem(line, text))

    def note(self, line: int, text: str) -> None:
        self.notes.append(Problem(line, text))

    def group(self, key: KeyAt, item: Located, own_class: bool) -> None:
        """One group; those of a user's own class are its own business, but for ``om``."""
        if key.text == keys.BEAMLOOM:
            if self._fits(key, item, MAPPING):
                self._parameters(item, own_class)
        elif key.text in keys.GROUPS:
            if self._fits(key, item, MAPPING):
                for name, inner in item.value.items():
                    self._key(key.text, name, inner, own_class)
        elif own_class:
            return
        elif key.text in keys.OTHER_GROUPS:
            self._one(key.text, "", key, item, keys.OTHER_GROUPS[key.text])
        else:
            known = [*keys.GROUPS, *keys.OTHER_GROUPS, keys.BEAMLOOM]
            hint = did_you_mean(key.text, known) or f"; known are {', '.join((*keys.GROUPS, keys.BEAMLOOM))}"
            self.problem(key.line, f"unknown group {key.text!r}{hint}")

    def _key(self, group: str, name: KeyAt, item: Located, own_class: bool) -> None:
        known: Mapping[str, Key] = keys.GROUPS[group]
        kind = known.get(name.text)
        if kind is None and group == "data_retrieval_layer":
            kind = keys.of_detectors(name.text)
        if kind is not None:
            self._one(group, name.text, name, item, kind, own_class)
        elif not own_class:
            elsewhere = [other for other, inside in keys.GROUPS.items() if name.text in inside]
            hint = did_you_mean(name.text, known) or (
                f"; it belongs to the group {elsewhere[0]}"
                if elsewhere
                else f"; known are {', '.join(known)}"
            )
            self.problem(name.line, f"unknown key {name.text!r} of the group {group}{hint}")

    def _one(
        self, group: str, name: str, at: KeyAt, item: Located, kind: Key, own_class: bool = False
    ) -> None:
        if isinstance(kind, Refused):
            if not own_class:
                self.problem(at.line, f"{at.text!r} is not known here: {kind.instead}")
            return
        if item.value is None and not getattr(kind, "required", False):
            # OM takes a key without a value for one that is not there.
            return
        if not self._fits(at, item, kind.takes):
            return
        if isinstance(kind, Unused):
            if not own_class:
                self.note(at.line, f"{at.text} has no effect: {kind.why}")
            return
        self.given[group, name] = Given(item.plain(), at.line, kind)

    def _fits(self, at: KeyAt, item: Located, takes: Takes) -> bool:
        if takes.fits(item.value):
            return True
        shown = {dict: "a mapping", list: "a list", type(None): "empty"}.get(
            type(item.value), repr(item.value)
        )
        self.problem(item.line, f"{at.text!r} is {shown}, but it takes {takes.noun}")
        return False

    def _parameters(self, item: Located, own_class: bool) -> None:
        """The group ``beamloom``: any parameter by its name; those of a user's own class are not known here."""
        described = {one.name: one for one in of_reducer()}
        for name, inner in item.value.items():
            if own_class or name.text in described:
                self.meanings.set_directly(name.text, inner.plain(), name.line)
            else:
                self.problem(
                    name.line, f"there is no parameter {name.text!r}{did_you_mean(name.text, described)}"
                )

    def missing(self, root: Located) -> None:
        """What OM does not start without."""
        for group, inside in keys.GROUPS.items():
            item = root.value.get(KeyAt(group, 0))
            required = [name for name, kind in inside.items() if getattr(kind, "required", False)]
            if item is None:
                if required:
                    self.problem(root.line, f"the group {group!r} is missing; it needs {', '.join(required)}")
                continue
            there = {key.text for key in item.value} if isinstance(item.value, dict) else set(required)
            for name in required:
                if name not in there and not any(did_you_mean(other, [name]) for other in there - {*inside}):
                    self.problem(item.line, f"the key {name!r} of the group {group!r} is missing")

    def check(self, values: Mapping[str, Given]) -> None:
        """Hold each value against the limits of its parameter."""
        described: dict[str, Parameter] = {one.name: one for one in of_reducer()}
        for name, one in values.items():
            try:
                ParameterSet.from_values({name: one.value}, [described[name]])
            except ParameterError as error:
                self.problem(one.line, str(error))
