"""The parameters of a pipeline as a mapping: what is set holds from one event on, for all workers."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, NamedTuple, NoReturn

from beamloom.client import _display
from beamloom.client._http import Service
from beamloom.client._processes import Processes
from beamloom.errors import PipelineError, RequestRefused, did_you_mean
from beamloom.parameters import Parameter, ParameterError, UnknownParameter, encode_value
from beamloom.parameters import ParameterValue as _Value


class _Descriptions(dict[str, dict[str, Any]]):
    """Descriptions by name."""

    def __missing__(self, name: str) -> NoReturn:
        there = ", ".join(map(repr, sorted(self))) or "none"
        raise UnknownParameter(f"there is no parameter {name!r}{did_you_mean(name, self)}; there are {there}")


class ParameterLine(NamedTuple):
    """A parameter in a list."""

    name: str
    value: Any
    described: Mapping[str, Any]
    """Empty for one that nobody has described."""


class PipelineParameters(MutableMapping[str, Any]):
    """``parameters["gain"]`` reads, ``parameters["gain"] = 2`` sets; ``update`` sets several, all from the same event on or none.

    A value that its description refuses raises ParameterError with the reason.
    """

    def __init__(self, processes: Processes) -> None:
        self._processes = processes

    @property
    def _controller(self) -> Service:
        return self._processes.controller

    def describe(self, name: str) -> dict[str, Any]:
        """The description: dtype, default, and what else there is, such as unit, min, max. Raises UnknownParameter."""
        return self.descriptions()[name]

    def __getitem__(self, name: str) -> Any:
        return self._read(name, self.descriptions())

    def _read(self, name: str, known: Mapping[str, dict[str, Any]]) -> Any:
        try:
            answer = self._controller.ask("GET", _path(name), headers={"Accept": "*/*"})
        except RequestRefused as refusal:
            if refusal.status != 404:
                raise
            return known[name]["default"]
        return _value(name, answer.content, known.get(name))

    def __setitem__(self, name: str, value: Any) -> None:
        self._post(_path(name), encode_value(name, value))

    def update(self, values: Any = (), /, **more: Any) -> None:
        """Set several parameters as one change. Raises ParameterError, and then none is changed."""
        given = {**dict(values), **more}
        for name, value in given.items():
            if isinstance(value, bytes | bytearray | memoryview):
                raise ParameterError(
                    f"parameter {name!r}: bytes are set alone; write parameters[{name!r}] = ..."
                )
        self._post("/api/v1/parameters", encode_value("parameters", given))

    def _post(self, path: str, body: bytes) -> None:
        try:
            self._controller.post(path, body, str)
        except RequestRefused as refusal:
            if refusal.status == 400:
                raise ParameterError(str(refusal)) from None
            raise

    def __delitem__(self, name: str) -> None:
        raise PipelineError(f"parameter {name!r} cannot be taken back; set it to its default instead")

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._names(self.descriptions())))

    def __len__(self) -> int:
        return len(self._names(self.descriptions()))

    def __contains__(self, name: object) -> bool:
        return name in self._names(self.descriptions())

    def _names(self, known: Mapping[str, Any]) -> set[str]:
        """Those that are described, and those that somebody has set all the same."""
        config = self._controller.get("/api/v1/config", dict[str, Any])
        return {*config["parameters_version"], *known}

    def lines(self, *names: str) -> list[ParameterLine]:
        """These parameters, or all, with their descriptions, which are asked for once. Raises UnknownParameter."""
        known = self.descriptions()
        wanted = names or sorted(self._names(known))
        return [ParameterLine(name, self._read(name, known), known.get(name, {})) for name in wanted]

    def descriptions(self) -> dict[str, dict[str, Any]]:
        """The descriptions of all parameters, by name; a name that is none raises UnknownParameter."""
        listed = self._controller.get("/api/v1/parameters", list[dict[str, Any]])
        return _Descriptions({one["name"]: one for one in listed})

    def __repr__(self) -> str:
        return f"<parameters: {', '.join(self) or 'none'}>"

    def _repr_html_(self) -> str:
        return _display.parameters_html(self.lines())


def _path(name: str) -> str:
    return f"/api/v1/parameter/{urllib.parse.quote(name, safe='')}"


def _value(name: str, data: bytes, described: dict[str, Any] | None) -> Any:
    """The value as the description's type reads it; what nobody described is read as JSON, else as text, else it is bytes."""
    if described is not None:
        # Those of bytes are written in base64, and not needed to read a value.
        limits = {key: value for key, value in described.items() if key not in ("encoding", "default")}
        try:
            return Parameter.from_wire(limits).parse(data)
        except ParameterError:
            pass
    return _Value(name, data).value
