"""Replays that a repository describes itself: in its tests, its README, its CI. They say best what belongs together."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator, Sequence
from typing import Any, Final

from beamloom.migrating.repository import Repository, Source
from beamloom.migrating.told import Asked, Remark

_CLASS: Final = re.compile(r"[\w.]+:\w+")
_COMMAND: Final = re.compile(r"\b(?:dranspose|beamloom)\s+replay\s+(-.*)")
_TEXTS: Final = (".md", ".rst", ".txt", ".yml", ".yaml", ".sh", "makefile", "dockerfile")
_FLAGS: Final = {
    "-w": "worker",
    "--workerclass": "worker",
    "-r": "reducer",
    "--reducerclass": "reducer",
    "-f": "files",
    "--files": "files",
    "-s": "source",
    "--source": "source",
    "-p": "parameters",
    "--parameters": "parameters",
}


def described_replays(repository: Repository) -> tuple[list[Asked], list[Remark]]:
    """Each once; and a remark on each that names what is not there."""
    found: dict[Any, Asked] = {}
    remarks = []
    for place, line, one in [*_of_sources(repository), *_of_texts(repository)]:
        files = tuple(dict.fromkeys(one["files"]))
        named = [*files, *filter(None, [one["parameters"]])]
        missing = [name for name in named if not (repository.path / name).is_file()]
        if missing:
            sentence = f"a replay is described here of {', '.join(missing)}, which is not in the repository"
            remarks.append(Remark(level="note", what="recordings", file=place, line=line, sentence=sentence))
            continue
        asked = Asked(**{**one, "files": files}, told_by=f"{place}:{line}")
        found.setdefault((asked.worker, asked.reducer, files, asked.source, asked.parameters), asked)
    return [one for one in found.values() if one.files or one.source], remarks


def _of_sources(repository: Repository) -> Iterator[tuple[str, int, dict[str, Any]]]:
    for source in repository.sources:
        for node in ast.walk(source.tree):
            arguments = node.args if isinstance(node, ast.Call) else getattr(node, "elts", None)
            if isinstance(arguments, list) and len(arguments) > 1:
                words = [_text(one) for one in arguments]
                if all(word and _CLASS.fullmatch(word) for word in words[:2]):
                    more = _by_name(node) if isinstance(node, ast.Call) else _beside(source, node)
                    yield source.name, arguments[0].lineno, _called(arguments, words, more)


def _called(
    arguments: Sequence[ast.expr], words: list[str | None], more: dict[str, ast.expr]
) -> dict[str, Any]:
    def at(place: int, name: str) -> ast.expr | None:
        return arguments[place] if place < len(arguments) else more.get(name)

    files, source, parameters = at(2, "zmq_files"), at(3, "source"), at(4, "parameter_file")
    return {
        "worker": words[0],
        "reducer": words[1],
        "files": [] if files is None else list(_paths(files)),
        "source": None if source is None else _text(source),
        "parameters": next(_paths(parameters), None) if parameters is not None else None,
    }


def _by_name(call: ast.Call) -> dict[str, ast.expr]:
    return {one.arg: one.value for one in call.keywords if one.arg}


def _beside(source: Source, given: ast.AST) -> dict[str, ast.expr]:
    """What a thread is given as ``kwargs`` beside its ``args``."""
    for call in ast.walk(source.tree):
        if isinstance(call, ast.Call) and any(one.value is given for one in call.keywords):
            named = _by_name(call).get("kwargs")
            if isinstance(named, ast.Dict):
                return {
                    text: value
                    for key, value in zip(named.keys, named.values, strict=True)
                    if key is not None and (text := _text(key))
                }
    return {}


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _paths(node: ast.expr) -> Iterator[str]:
    """Texts in an expression that name files; ``Path("a") / "b"`` is one."""
    if (text := _text(node)) is not None:
        yield text.removeprefix("./")
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        left, right = next(_paths(node.left), ""), _text(node.right)
        if right is not None:
            yield f"{left}/{right}".removeprefix("/")
    elif isinstance(node, ast.Call):
        for one in node.args:
            yield from _paths(one)
    elif isinstance(node, ast.List | ast.Tuple):
        for one in node.elts:
            yield from _paths(one)


def _of_texts(repository: Repository) -> Iterator[tuple[str, int, dict[str, Any]]]:
    for name in repository.named(*_TEXTS):
        text = repository.text(name) or ""
        # A command may go on in the next line; what counts lines still finds it where it begins.
        joined = re.sub(r"\\\r?\n", " \\\\N ", text)
        line = 1
        for row in joined.split("\n"):
            if match := _COMMAND.search(row):
                read = _command(match[1].replace("\\N", " ").strip("`'\" "), repository)
                if read is not None:
                    yield name, line, read
            line += 1 + row.count("\\N")


def _command(words: str, repository: Repository) -> dict[str, Any] | None:
    read: dict[str, Any] = {"worker": None, "reducer": None, "files": [], "source": None, "parameters": None}
    flag = ""
    try:
        split = shlex.split(words)
    except ValueError:
        return None
    for word in split:
        if word.startswith("-"):
            flag = _FLAGS.get(word.partition("=")[0], "")
            word = word.partition("=")[2]
        if not flag or not word:
            continue
        if flag == "files":
            read["files"] += _matching(word.removeprefix("./"), repository)
        else:
            read[flag] = word.removeprefix("./")
            flag = ""
    return read if read["worker"] and read["reducer"] else None


def _matching(word: str, repository: Repository) -> list[str]:
    if "*" not in word:
        return [word]
    pattern = re.compile("[^/]*".join(re.escape(part) for part in word.split("*")))
    return [name for name in repository.names if pattern.fullmatch(name)] or [word]
