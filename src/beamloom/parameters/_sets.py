"""All parameters at one version, and the registry that makes the next version.

A set never changes: setting a parameter makes a new one. Equal content has an equal hash, on every machine and after every restart.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from beamloom.errors import did_you_mean
from beamloom.parameters._descriptions import Parameter, StrParameter, expand
from beamloom.parameters._errors import ParameterError, UnknownParameter
from beamloom.parameters._files import check_name, dump_parameters, encode_value, is_text
from beamloom.parameters._readable import readable
from beamloom.parameters._value import ParameterValue

DUMP_PREFIX = StrParameter(
    name="dump_prefix",
    description="what the names of the files of a recording begin with; empty: do not record",
)
"""The one parameter that every pipeline has; it stands in the set only once it is given."""


class ParameterSet(Mapping[str, ParameterValue]):
    """All parameters at one version: an immutable mapping of names to values.

    ``values`` are the bytes of each parameter; a described parameter without a value gets its default. Raises ParameterError
    for bytes that the description refuses.
    """

    def __init__(
        self, values: Mapping[str, bytes] | None = None, descriptions: Iterable[Parameter] = ()
    ) -> None:
        self._descriptions = {part.name: part for part in expand(descriptions)}
        given = values or {}
        self._values = {
            name: _parsed(name, given[name] if name in given else part.encode(part.default), part)
            for name, part in self._descriptions.items()
        }
        self._values |= {
            name: _parsed(name, data) for name, data in given.items() if name not in self._values
        }

    @classmethod
    def from_wire(cls, values: Mapping[str, bytes], descriptions: Iterable[Parameter] = ()) -> ParameterSet:
        """The set that ``to_wire`` wrote, its values as these descriptions see them."""
        return cls(values, descriptions)

    @classmethod
    def from_values(cls, values: Mapping[str, Any], descriptions: Iterable[Parameter] = ()) -> ParameterSet:
        """A set of Python values: ``ParameterSet.from_values({"roi1": [10, 20]})``."""
        parts = {part.name: part for part in expand(descriptions)}
        encoded = {
            name: parts[name].encode(value) if name in parts else encode_value(name, value)
            for name, value in values.items()
        }
        return cls(encoded, parts.values())

    def to_wire(self) -> dict[str, bytes]:
        """The bytes of every parameter."""
        return {name: value.data for name, value in self._values.items()}

    @functools.cached_property
    def hash(self) -> str:
        """SHA-256 over names and data, in hexadecimal."""
        digests = (value.digest for _, value in sorted(self._values.items()))
        return hashlib.sha256(b"".join(digests)).hexdigest()

    @functools.cached_property
    def readable(self) -> dict[str, Any]:
        """The values as plain JSON, made once: digests of large ones take their time."""
        return readable(self)

    def replace(self, name: str, data: bytes) -> ParameterSet:
        """The same set with another value of one parameter."""
        changed = object.__new__(ParameterSet)
        changed._descriptions = self._descriptions
        changed._values = self._values | {name: _parsed(name, data, self._descriptions.get(name))}
        return changed

    @property
    def is_text(self) -> bool:
        """Whether ``dump`` writes JSON; otherwise it writes CBOR."""
        return all(is_text(value.data) for value in self._values.values())

    def dump(self) -> bytes:
        """The content of a parameter file with these values."""
        return dump_parameters(self.to_wire())

    def __getitem__(self, name: str) -> ParameterValue:
        try:
            return self._values[name]
        except KeyError:
            raise UnknownParameter(_unknown(name, self._values)) from None

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __eq__(self, other: object) -> bool:
        return self.hash == other.hash if isinstance(other, ParameterSet) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.hash)

    def __repr__(self) -> str:
        return f"ParameterSet({', '.join(map(repr, self._values.values()))})"


class Parameters:
    """The parameters of a pipeline: what its classes described, and the set that holds now.

    Every change is whole or not at all: after a ParameterError nothing has changed.
    """

    def __init__(self) -> None:
        self._described: dict[str, list[tuple[str | None, Parameter]]] = {}
        self._given: dict[str, bytes] = {}
        self._current = ParameterSet()

    @property
    def current(self) -> ParameterSet:
        """The set that holds now."""
        return self._current

    @property
    def given(self) -> dict[str, bytes]:
        """What was set, without the defaults of what was not."""
        return dict(self._given)

    @property
    def descriptions(self) -> list[Parameter]:
        """The description in force of every described parameter, by name; ``dump_prefix`` is not among them."""
        return [entries[-1][1] for _, entries in sorted(self._described.items())]

    def describe(self, descriptions: Iterable[Parameter], *, owner: str | None = None) -> ParameterSet:
        """Add descriptions, and the defaults of what is not set yet.

        An ``owner`` that describes again, as a worker does that was started anew with other code, takes back what it described
        before. Several may describe one parameter in the same type: the newest description counts, and a value has to satisfy
        all. Raises ParameterError where two differ in type, and where a value that was set before does not fit.
        """
        described: dict[str, list[tuple[str | None, Parameter]]] = {}
        for name, entries in self._described.items():
            if kept := [entry for entry in entries if owner is None or entry[0] != owner]:
                described[name] = kept
        for part in expand(descriptions):
            entries = described.setdefault(part.name, [])
            before = DUMP_PREFIX if part.name == DUMP_PREFIX.name else entries[-1][1] if entries else part
            if before.dtype != part.dtype:
                raise ParameterError(
                    f"parameter {part.name!r} is described as {before.dtype} and as {part.dtype}; "
                    "describe it in one type, or give one of the two another name"
                )
            described[part.name] = [entry for entry in entries if entry != (owner, part)] + [(owner, part)]
        return self._become(described, self._given)

    def set(self, name: str, data: bytes) -> ParameterSet:
        """Set one parameter; raises ParameterError for a value that its descriptions refuse."""
        return self.set_many({name: data})

    def set_many(self, values: Mapping[str, bytes]) -> ParameterSet:
        """Set several parameters at once: all of them, or none."""
        for name in values:
            check_name(name)
        return self._become(self._described, self._given | dict(values))

    def problems(self, values: Mapping[str, bytes]) -> dict[str, str]:
        """Why values would be refused, in a sentence for each that would; nothing is changed."""
        found: dict[str, str] = {}
        for name, data in values.items():
            try:
                self._check(self._described, name, data)
            except ParameterError as error:
                found[name] = str(error)
        return found

    def listing(self) -> list[dict[str, Any]]:
        """All descriptions as JSON, by name, ``dump_prefix`` among them."""
        described = {part.name: part for part in (DUMP_PREFIX, *self.descriptions)}
        return [part.describe() for _, part in sorted(described.items())]

    def _become(
        self, described: dict[str, list[tuple[str | None, Parameter]]], given: dict[str, bytes]
    ) -> ParameterSet:
        for name, data in given.items():
            self._check(described, name, data)
        self._current = ParameterSet(given, [entries[-1][1] for entries in described.values()])
        self._described, self._given = described, given
        return self._current

    @staticmethod
    def _check(described: Mapping[str, list[tuple[str | None, Parameter]]], name: str, data: bytes) -> None:
        for _, part in described.get(name, ()):
            part.parse(data)
        if name == DUMP_PREFIX.name:
            DUMP_PREFIX.parse(data)


def _parsed(name: str, data: bytes, description: Parameter | None = None) -> ParameterValue:
    return ParameterValue(name, data, None if description is None else description.parse(data))


def _unknown(name: str, names: Iterable[str]) -> str:
    known = sorted(names)
    there = ", ".join(map(repr, known)) or "none at all"
    return (
        f"there is no parameter {name!r}{did_you_mean(str(name), known)}; there are {there}: "
        "describe it in describe_parameters, or set it before the run"
    )
