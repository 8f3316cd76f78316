"""YAML in which every key and every value remembers its line, so that whoever checks it can say where it is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import yaml

from beamloom.errors import UsageError

COLLECTIONS = frozenset({"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"})
"""The tags of mappings and lists that were written without a tag."""


class Problem(msgspec.Struct, frozen=True, order=True):
    """One thing that is wrong in a file, and the line where it stands (counted from 1)."""

    line: int
    text: str


class FileError(UsageError):
    """A file that cannot be used; the text has one line ``file:line: what is wrong`` for each problem."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(f"{file}:{problem.line}: {problem.text}" for problem in self.problems))


class Key(msgspec.Struct, frozen=True):
    """A key of a mapping, and its line."""

    text: str
    line: int

    def __hash__(self) -> int:
        return hash(self.text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and other.text == self.text


class Located(msgspec.Struct, frozen=True):
    """A value and its line: a scalar, a list of located values, or a mapping of keys to located values."""

    value: Any
    line: int

    def plain(self) -> Any:
        """The value without its lines."""
        if isinstance(self.value, dict):
            return {key.text: item.plain() for key, item in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return self.value


def on_line(value: Any, line: int) -> Located:
    """A plain value as if all of it were written on one line."""
    if isinstance(value, dict):
        return Located({Key(key, line): on_line(one, line) for key, one in value.items()}, line)
    if isinstance(value, list | tuple):
        return Located([on_line(one, line) for one in value], line)
    return Located(value, line)


def read_yaml(path: Path) -> Located:
    """The one document in a YAML (or JSON) file.

    Raises UsageError for a file that cannot be read, FileError for bad syntax, for a key that stands twice in one mapping,
    for keys that are not text, and for tags that name Python objects.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}); check the name of the file") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text; is it a YAML file?") from error
    return parse_yaml(text, str(path))


def parse_yaml(text: str, file: str) -> Located:
    """The one document in ``text``; ``file`` is the name used in errors. Raises FileError."""
    try:
        # Looks for characters that YAML forbids, and refuses them at once.
        loader = yaml.SafeLoader(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise FileError(
            file, [Problem(line, f"not valid YAML: the character {error.character:#04x}")]
        ) from error
    try:
        root = loader.get_single_node()
        if root is None:
            return Located({}, 1)
        reading = _Reading(loader)
        located = reading.located(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = ", ".join(part for part in (error.context, error.problem) if part)
        raise FileError(file, [Problem(mark.line + 1 if mark else 1, f"not valid YAML: {said}")]) from error
    except yaml.YAMLError as error:
        raise FileError(file, [Problem(1, f"not valid YAML: {error}")]) from error
    finally:
        loader.dispose()
    if reading.problems:
        raise FileError(file, reading.problems)
    return located


class _Reading:
    """Turns YAML nodes into located values, and notes what YAML lets pass although it is a mistake."""

    def __init__(self, loader: yaml.SafeLoader) -> None:
        self.problems: list[Problem] = []
        self._loader = loader
        self._open: set[yaml.Node] = set()

    def located(self, node: yaml.Node) -> Located:
        line = node.start_mark.line + 1
        if isinstance(node, yaml.ScalarNode):
            return Located(self._loader.construct_object(node), line)
        if node.tag not in COLLECTIONS:
            self.problems.append(Problem(line, f"not valid YAML: the tag {node.tag!r} means nothing here"))
            return Located(None, line)
        if node in self._open:
            self.problems.append(Problem(line, "this value contains itself through an alias; write it out"))
            return Located(None, line)
        self._open.add(node)
        try:
            if isinstance(node, yaml.MappingNode):
                return Located(self._mapping(node), line)
            return Located([self.located(item) for item in node.value], line)
        finally:
            self._open.discard(node)

    def _mapping(self, node: yaml.MappingNode) -> dict[Key, Located]:
        self._refuse_duplicates(node)
        self._loader.flatten_mapping(node)
        items: dict[Key, Located] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node)
            items.pop(key, None)
            items[key] = self.located(value_node)
        return items

    def _key(self, node: yaml.Node) -> Key:
        line = node.start_mark.line + 1
        text = self._loader.construct_object(node) if isinstance(node, yaml.ScalarNode) else None
        if not isinstance(text, str):
            written = node.value if isinstance(node, yaml.ScalarNode) else "this key"
            self.problems.append(
                Problem(line, f"{written} is not text; keys are words, put quotes around it")
            )
            return Key(str(text), line)
        return Key(text, line)

    def _refuse_duplicates(self, node: yaml.MappingNode) -> None:
        first_line: dict[str, int] = {}
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag == "tag:yaml.org,2002:merge":
                continue
            line = key_node.start_mark.line + 1
            if key_node.value in first_line:
                earlier = first_line[key_node.value]
                self.problems.append(
                    Problem(
                        line,
                        f"the key {key_node.value!r} stands here for the second time (first in line {earlier})",
                    )
                )
            first_line.setdefault(key_node.value, line)
