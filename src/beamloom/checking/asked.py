"""Parameters that remember which of them were asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from beamloom.parameters import Parameter, ParameterSet, ParameterValue, expand


class AskedParameters(ParameterSet):
    """A parameter set as hooks get it."""

    def __init__(self, values: Mapping[str, bytes], descriptions: Iterable[Parameter]) -> None:
        super().__init__(values, descriptions)
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> ParameterValue:
        self.asked.add(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        if isinstance(name, str):
            self.asked.add(name)
        return super().__contains__(name)


def names_of(descriptions: Iterable[Parameter]) -> set[str]:
    """The names under which described parameters stand in a set."""
    return {part.name for part in expand(descriptions)}
