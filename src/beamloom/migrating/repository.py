"""What lies in a repository: sources that can be parsed, recordings, parameters, and descriptions of deployments.

Nothing of it is run here, and nothing is written.
"""

from __future__ import annotations

import ast
import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from beamloom.errors import UsageError, UserError
from beamloom.located_yaml import Located, parse_yaml
from beamloom.migrating.told import Remark

LEFT_OUT: Final = frozenset({"__pycache__", "node_modules", "venv", "env", "build", "dist", "site-packages"})
"""Folders that hold nothing of the repository's own; so do those whose names begin with a dot."""
RECORDINGS: Final = (".cbors", ".cbors.gz", ".pkls", ".pkls.gz")
MOST_FILES: Final = 20_000
MOST_TEXT: Final = 2_000_000
"""Bytes of a file that is read as text."""


@dataclass(frozen=True)
class Source:
    """A Python file."""

    name: str
    """Relative to the repository, with slashes."""
    text: str
    """As it is on disk: its line ends are kept."""
    tree: ast.Module

    @property
    def is_test(self) -> bool:
        """Whether it is a test, which calls hooks as it likes."""
        *folders, last = self.name.split("/")
        return bool({"test", "tests"} & {*folders}) or last.startswith("test_") or last == "conftest.py"


@dataclass(frozen=True)
class Repository:
    """The files of a repository, by what they are; names are relative to it."""

    path: Path
    names: Sequence[str]
    sources: Sequence[Source] = ()
    unreadable: Sequence[Remark] = field(default_factory=tuple)
    """Python files that cannot be parsed."""

    def named(self, *ends: str) -> list[str]:
        """The files whose names end so."""
        return [name for name in self.names if name.lower().endswith(ends)]

    @property
    def recordings(self) -> list[str]:
        """Files that are called as recordings are."""
        return self.named(*RECORDINGS)

    @cached_property
    def documents(self) -> Mapping[str, Located]:
        """The YAML files that can be parsed, by their names."""
        found = {}
        for name in self.named(".yaml", ".yml"):
            with contextlib.suppress(UserError):
                found[name] = parse_yaml(self.text(name) or "", name)
        return found

    def text(self, name: str) -> str | None:
        """A file as text; None where it is none, or very large."""
        path = self.path / name
        try:
            if path.stat().st_size > MOST_TEXT:
                return None
            # Bytes: reading as text would change line ends.
            return path.read_bytes().decode()
        except (OSError, UnicodeDecodeError):
            return None


def read_repository(path: str | Path) -> Repository:
    """Look through a folder. Raises UsageError where there is none, or where it is not the folder of one repository."""
    root = Path(path)
    if root.is_file():
        raise UsageError(f"{root} is a file; name the folder of the repository, such as {root.parent}")
    if not root.is_dir():
        raise UsageError(f"there is no folder {root}; name the folder of an analysis, such as a checkout")
    names = sorted(_names(root))
    read = Repository(root, names)
    sources, unreadable = [], []
    for name in read.named(".py"):
        text = read.text(name)
        if text is None:
            unreadable.append(
                Remark(
                    level="attention", what="source", file=name, sentence="is not UTF-8 text: it is left out"
                )
            )
            continue
        try:
            sources.append(Source(name, text, ast.parse(text)))
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None) or 0
            sentence = f"is no Python that this version reads ({getattr(error, 'msg', error)}); correct it"
            unreadable.append(Remark(level="problem", what="source", file=name, line=line, sentence=sentence))
    return Repository(root, names, sources, unreadable)


def _names(root: Path) -> Iterator[str]:
    count = 0
    for folder, folders, files in os.walk(root):
        # An environment may be called as it likes.
        folders[:] = sorted(
            one
            for one in folders
            if not one.startswith(".")
            and one not in LEFT_OUT
            and not (Path(folder) / one / "pyvenv.cfg").exists()
        )
        for file in files:
            count += 1
            if count > MOST_FILES:
                raise UsageError(
                    f"{root} has more than {MOST_FILES:,} files; name the folder of one analysis"
                )
            yield (Path(folder) / file).relative_to(root).as_posix()
