"""Edits of a Python file by place: everything else stays as it is written, comments and line ends included."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol


class Edit(NamedTuple):
    """One piece of a text, from ``start`` to ``stop``, and what takes its place."""

    start: int
    stop: int
    text: str


class Located(Protocol):
    """What ast says of where something stands: lines from 1, columns in bytes."""

    lineno: int
    col_offset: int
    end_lineno: int | None
    end_col_offset: int | None


class Places:
    """From the places of ast to places in the text."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines(keepends=True) if "\f" not in text else _only_newlines(text)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))

    def at(self, line: int, column: int) -> int:
        """The place of a column, which is counted in bytes of UTF-8."""
        return self._starts[line - 1] + len(self._lines[line - 1].encode()[:column].decode(errors="ignore"))

    def start(self, node: Located) -> int:
        """Where something begins."""
        return self.at(node.lineno, node.col_offset)

    def stop(self, node: Located) -> int:
        """Where it ends."""
        return self.at(node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)

    def replace(self, node: Located, text: str) -> Edit:
        """Something else in its place."""
        return Edit(self.start(node), self.stop(node), text)


def _only_newlines(text: str) -> list[str]:
    lines = text.split("\n")
    return [f"{line}\n" for line in lines[:-1]] + lines[-1:]


def edited(text: str, edits: Iterable[Edit]) -> str | None:
    """The text after the edits; None where two of them overlap, or no Python would come of it."""
    made, before = [], 0
    for edit in sorted(set(edits)):
        if edit.start < before:
            return None
        made += [text[before : edit.start], edit.text]
        before = edit.stop
    made.append(text[before:])
    result = "".join(made)
    try:
        ast.parse(result)
    except SyntaxError:
        return None
    return result


def with_one_import(text: str) -> str:
    """All ``from beamloom import ...`` at the top level of a file as one line, where the first of them is."""
    tree, places = ast.parse(text), Places(text)
    nodes = [
        node
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module == "beamloom" and not node.level
    ]
    if len(nodes) < 2 or any(_shares_its_line(text, places, node) for node in nodes):
        return text
    words = {
        f"{one.name} as {one.asname}" if one.asname else one.name for node in nodes for one in node.names
    }
    first, *others = nodes
    edits = [places.replace(first, f"from beamloom import {', '.join(sorted(words))}")]
    edits += [
        Edit(places.start(node), text.find("\n", places.stop(node)) + 1 or len(text), "") for node in others
    ]
    return edited(text, edits) or text


def _shares_its_line(text: str, places: Places, node: ast.stmt) -> bool:
    """Whether something else, such as a comment, stands beside a statement."""
    return bool(text[places.stop(node) :].partition("\n")[0].strip())


def unified(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """What ``git apply`` takes: all files that differ; those that were not there before are new."""
    made: list[str] = []
    for name in sorted(after):
        old, new = before.get(name), after[name]
        if old == new:
            continue
        made.append(f"diff --git a/{name} b/{name}\n")
        if old is None:
            made.append("new file mode 100644\n")
        rows = difflib.unified_diff(
            _rows(old or ""), _rows(new), "/dev/null" if old is None else f"a/{name}", f"b/{name}"
        )
        for row in rows:
            made.append(row if row.endswith("\n") else f"{row}\n\\ No newline at end of file\n")
    return "".join(made)


def _rows(text: str) -> list[str]:
    return [line for line in _only_newlines(text) if line]
