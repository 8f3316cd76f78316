"""The results of a pipeline as groups and datasets, as h5py would show them in a file; only what is asked for travels.

Names are those of every view that is shaped like HDF5: a dictionary keyed by numbers or tuples is a group of columns. What is read at
once is of one version.
"""

from __future__ import annotations

import ast
import re
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias, TypeVar

import httpx
import numpy as np

from beamloom.client import _display
from beamloom.client._http import Service
from beamloom.client._index import slice_text
from beamloom.client._processes import Processes
from beamloom.client._values import accepted, matches_of
from beamloom.errors import NotPublished, PipelineError, RequestRefused

T = TypeVar("T")
Outline: TypeAlias = dict[str, Any]
RULES = "/rules/results"
"""Where the controller passes on to what rules have written."""
OF_RULES = "rules"
"""The group of that."""
JSONPATH_OF_RULES = re.compile(rf"""\$(\.{OF_RULES}\b|\[['"]{OF_RULES}['"]\])""")


class Results:
    """How results are asked for."""

    def __init__(self, processes: Processes, *, trust_pickle: bool, run: str | None = None) -> None:
        """``run``: one that has ended, instead of what is published now."""
        self.processes = processes
        self._domain = {} if run is None else {"domain": f"/runs/{run}"}
        self._route = "/api/v1" if run is None else f"/api/v1/runs/{urllib.parse.quote(run, safe='')}"
        self.trust_pickle = trust_pickle

    def outline(self, path: str) -> Outline:
        """What is at ``a/b``, without elements. Raises NotPublished."""

        def request(service: Service, before: str = "") -> Outline:
            return service.get(f"{before}/api/v1/tree", dict[str, Any], {"path": path, **self._domain})

        return self._asked(request, of_rules=path.strip("/").partition("/")[0] == OF_RULES)

    def select(self, jsonpath: str, index: str | None = None) -> list[Any]:
        """All that a path selects. Raises NotPublished, or RequestRefused for a path or slice that is wrong."""
        answer = self.answer(jsonpath, index)
        return matches_of(answer, trust_pickle=self.trust_pickle)

    def answer(
        self,
        jsonpath: str,
        index: str | None = None,
        *,
        tag: str | None = None,
    ) -> httpx.Response:
        """The answer itself: of status 304 where ``tag`` names what is there now."""
        params = {} if index is None else {"slice": index}
        headers = {"Accept": accepted(trust_pickle=self.trust_pickle)}
        if tag is not None:
            headers["If-None-Match"] = tag

        def request(service: Service, before: str = "") -> httpx.Response:
            path = f"{before}{self._route}/result/{urllib.parse.quote(jsonpath, safe='')}"
            return service.ask("GET", path, params=params, headers=headers)

        return self._asked(request, of_rules=JSONPATH_OF_RULES.match(jsonpath) is not None)

    def _asked(self, request: Callable[..., T], *, of_rules: bool) -> T:
        """What the reducer answers; where it publishes nothing there, what rules have written: ``of_rules`` if it may be that."""
        try:
            return self.processes.of_reducer(request)
        except RequestRefused as refusal:
            if refusal.status != 404:
                raise
            if not of_rules or self._domain or not self.processes.has_controller:
                raise NotPublished(str(refusal), refusal.status) from None
        try:
            return request(self.processes.rules, RULES)
        except RequestRefused as refusal:
            if refusal.status != 404:
                raise
            raise NotPublished(str(refusal), refusal.status) from None


class Node:
    """A group or a dataset of the results; ``name`` is its path from the root, like ``map/value``."""

    def __init__(self, results: Results, name: str, outline: Outline) -> None:
        self._results = results
        self._outline = outline
        self.name = name

    @property
    def attrs(self) -> Mapping[str, Any]:
        """The attributes, as they were when this was looked up."""
        return dict(self._outline["attributes"])

    def tree(self) -> _display.Tree:
        """All that is in here, to be shown: names, shapes, types, attributes."""
        return _display.Tree(self.name or "result", self._results.outline(self.name))

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


class Dataset(Node):
    """An array, or a single value. An index takes a part of it, and only that travels; what comes back is numpy's."""

    @property
    def shape(self) -> tuple[int, ...]:
        """As it was when this was looked up; results grow."""
        return tuple(self._outline["shape"] or ())

    @property
    def dtype(self) -> np.dtype[Any]:
        """The data type; that of objects for text."""
        name = self._outline["dtype"]
        return np.dtype(object) if name in ("text", None) else _dtype(name)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError(f"{self.name} is a single value and has no length; read it by [()]")
        return self.shape[0]

    def __getitem__(self, index: Any) -> Any:
        if self._outline["shape"] is None:
            return None
        text = slice_text(index)
        if text is None:
            # Masks and lists of positions are applied here, to all of it.
            return np.asarray(self._read(None))[index]
        return self._read(text or None)

    def _read(self, index: str | None) -> Any:
        (value,) = self._results.select(jsonpath_of(self.name), index)
        return np.asarray(value) if isinstance(value, list) else value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.asarray(self[...], dtype)

    def __iter__(self) -> Iterator[Any]:
        return iter(self[...])

    def __repr__(self) -> str:
        return f"<{self.name}: {_display.array_text(self._outline)}>"

    def _repr_html_(self) -> str:
        return _display.tree_html(self.name, self._outline)


class Group(Node, Mapping[str, Any]):
    """Named groups and datasets. ``group["a/b"]`` looks up, ``group[10:20]`` takes these rows of all columns at once."""

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return self._look_up(key)
        return self._rows(key)

    def _look_up(self, key: str) -> Any:
        if key.startswith("$"):
            found = self._results.select(key)
            if len(found) != 1:
                raise PipelineError(
                    f"{key} selects {len(found)} parts; use select({key!r}), which lists them"
                )
            return found[0]
        path = "/".join(filter(None, (self.name, key.strip("/"))))
        return node_of(self._results, path)

    def _rows(self, index: Any) -> dict[str, Any]:
        text = slice_text(index)
        if text is None:
            raise TypeError(
                "rows of columns are taken by a number or a slice, like [10:20], or read() them all"
            )
        names = list(self._outline["children"])
        shapes = [child.get("shape") for child in self._outline["children"].values()]
        if not names or any(not shape or shape[0] != shapes[0][0] for shape in shapes):
            raise TypeError(
                f"{self.name or 'result'} is a group and not columns of one length; take one of {', '.join(names) or 'nothing yet'}"
            )
        path = jsonpath_of(self.name) + "[" + ",".join(map(_quoted_name, names)) + "]"
        found = self._results.select(path, text or None)
        if len(found) == len(names):
            return dict(zip(names, found, strict=True))
        # A column that has gaps cannot be sliced there.
        columns = self.read()
        return {name: np.asarray(columns[name])[index] for name in names}

    def read(self) -> Any:
        """All of it, of one version: dictionaries, and arrays where there are numbers."""
        (value,) = self._results.select(jsonpath_of(self.name))
        return value

    def select(self, jsonpath: str, index: Any = ...) -> list[Any]:
        """All that a JSONPath (RFC 9535) from the root selects, each part sliced by ``index``."""
        text = slice_text(index)
        if text is None:
            raise TypeError("the index is made of numbers and slices, such as numpy.s_[:, 4:8]")
        return self._results.select(jsonpath, text or None)

    def __contains__(self, key: object) -> bool:
        try:
            self[key]
        except NotPublished:
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(self._children())

    def __len__(self) -> int:
        return len(self._children())

    def _children(self) -> dict[str, Outline]:
        now = self._results.outline(self.name)
        children: dict[str, Outline] = now.get("children", {})
        return children

    def __repr__(self) -> str:
        inside = ", ".join(self._outline["children"]) or "nothing yet"
        return f"<{self.name or 'result'}: a group of {inside}>"

    def _repr_html_(self) -> str:
        return _display.tree_html(self.name or "result", self._results.outline(self.name))


def node_of(results: Results, path: str) -> Group | Dataset:
    """What is at ``a/b``. Raises NotPublished."""
    outline = results.outline(path)
    return (Group if "children" in outline else Dataset)(results, path, outline)


def jsonpath_of(name: str) -> str:
    """The JSONPath of a node."""
    return "$" + "".join(f"[{_quoted_name(step)}]" for step in filter(None, name.split("/")))


def _quoted_name(name: str) -> str:
    text = name.replace("%2F", "/").replace("%2E", ".").replace("%00", "\0")
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    escaped = "".join(letter if letter >= " " else f"\\u{ord(letter):04x}" for letter in quoted)
    return f"'{escaped}'"


def _dtype(text: str) -> np.dtype[Any]:
    written = ast.literal_eval(text) if text.startswith(("[", "{", "(")) else text
    return np.dtype(written)
