"""Shorter forms of an analysis: each is a few edits of one file, and says nothing yet of whether it gives the same.

- imports: names that Beamloom has under its own name, from ``beamloom``;
- arguments: hooks take those that they use; ``*args``, ``**kwargs`` and what is never read go;
- result types, where they are asked for: in their own module.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from beamloom.migrating.classes import Seen, bases_of, hooks_of
from beamloom.migrating.edits import Edit, Places
from beamloom.migrating.names import RENAMED
from beamloom.migrating.repository import Repository, Source
from beamloom.migrating.told import Change

OFFERED: Final = {
    "process_event": ("parameters", "tick"),
    "process_result": ("parameters",),
    "finish": ("parameters",),
    "timer": ("parameters",),
    "get_tick_interval": ("parameters",),
    "__init__": ("parameters", "context", "state"),
    "close": ("context",),
}
"""Hooks, and what they are offered beside the event or the result: a hook takes of it what it names."""


class Shorter(NamedTuple):
    """A change, and the edits that make it."""

    change: Change
    edits: tuple[Edit, ...]
    aliases: tuple[tuple[str, str], ...] = ()
    """Places of what is published by a result type now, and its dataset there."""


# ---- imports ----------------------------------------------------------------------------------------------------------------


def shorter_imports(source: Source) -> list[Shorter]:
    """``from dranspose.event import EventData`` and the like."""
    found = []
    for node in source.tree.body:
        if (
            not isinstance(node, ast.ImportFrom)
            or node.level
            or not (node.module or "").startswith("dranspose")
        ):
            continue
        renamed = [RENAMED.get((str(node.module), alias.name)) for alias in node.names]
        names = [(alias, new) for alias, new in zip(node.names, renamed, strict=True) if new is not None]
        if len(names) < len(node.names):
            continue
        edits, words = [], []
        places = Places(source.text)
        for alias, new in names:
            uses = list(_uses(source, alias.name)) if alias.asname is None else []
            if alias.asname is not None:
                words.append(f"{new[1]} as {alias.asname}")
            elif alias.name == new[1] or _renames(source, alias.name, new[1]):
                words.append(new[1])
                edits += [places.replace(use, new[1]) for use in uses if alias.name != new[1]]
            else:
                words.append(f"{new[1]} as {alias.name}")
        line = f"from beamloom import {', '.join(sorted(words))}"
        change = Change(
            file=source.name,
            line=node.lineno,
            kind="imports",
            sentence=f"'{line}' in place of names of {node.module}",
        )
        found.append(Shorter(change, (places.replace(node, line), *edits)))
    return found


def _uses(source: Source, name: str) -> Iterator[ast.Name]:
    return (node for node in ast.walk(source.tree) if isinstance(node, ast.Name) and node.id == name)


def _renames(source: Source, old: str, new: str) -> bool:
    """Whether all of the file can say ``new``: nothing else is called so, and no text speaks of ``old``."""
    for node in ast.walk(source.tree):
        named = {
            getattr(node, "id", None),
            getattr(node, "arg", None),
            getattr(node, "name", None),
            getattr(node, "asname", None),
        }
        if new in named:
            return False
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and old in node.value:
            return False
        if isinstance(node, ast.Name) and node.id == old and not isinstance(node.ctx, ast.Load):
            return False
    return True


# ---- arguments --------------------------------------------------------------------------------------------------------------


def shorter_arguments(repository: Repository, seen: Sequence[Seen]) -> list[Shorter]:
    """Hooks that nobody else calls, and that no other class overrides or extends."""
    derived = {
        base
        for source in repository.sources
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef)
        for base in bases_of(node)
    }
    found = []
    for one in seen:
        if one.role == "source" or one.node.bases or one.node.name in derived:
            continue
        for name, hook in hooks_of(one.node).items():
            if name not in OFFERED or hook.decorator_list or _is_called(repository, one, name):
                continue
            if (shorter := _without_unused(one.source, one.node.name, hook)) is not None:
                found.append(shorter)
    return found


def _is_called(repository: Repository, seen: Seen, hook: str) -> bool:
    """Whether somebody else calls the hook: a test, another method."""
    for source in repository.sources:
        for node in ast.walk(source.tree):
            if not isinstance(node, ast.Call):
                continue
            named = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if named == (seen.node.name if hook == "__init__" else hook):
                return True
    return False


def _without_unused(source: Source, cls: str, hook: ast.FunctionDef) -> Shorter | None:
    arguments = hook.args
    used = {node.id for one in hook.body for node in ast.walk(one) if isinstance(node, ast.Name)}
    if {"locals", "eval", "exec", "vars"} & used or not arguments.args or arguments.posonlyargs:
        return None
    text, places = source.text, Places(source.text)
    without_default = len(arguments.args) - len(arguments.defaults)
    pieces: list[_Argument] = []
    for number, one in enumerate(arguments.args):
        default = arguments.defaults[number - without_default] if number >= without_default else None
        pieces.append(_Argument(one.arg, places.start(one), places.stop(default or one), "", number > 0))
    if arguments.vararg is not None:
        one = arguments.vararg
        pieces.append(_Argument(one.arg, places.start(one), places.stop(one), "*", True))
    for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        pieces.append(_Argument(one.arg, places.start(one), places.stop(default or one), "", True))
    if arguments.kwarg is not None:
        one = arguments.kwarg
        pieces.append(_Argument(one.arg, places.start(one), places.stop(one), "**", True))
    may_go = {*OFFERED[hook.name]}
    dropped = [
        piece
        for piece in pieces
        if piece.may_go and piece.name not in used and (piece.stars or piece.name in may_go)
    ]
    if not dropped or _has_comment(text[pieces[0].start : pieces[-1].stop]):
        return None
    goes = {piece.stars + piece.name for piece in dropped}
    by_name = [one.arg for one in arguments.kwonlyargs]
    # What makes the others be given by name stays as long as there are others: *args, or what stands behind the bare star.
    star = f"*{arguments.vararg.arg}" if arguments.vararg is not None else next(iter(by_name), "")
    if star in goes and not {*by_name} <= goes:
        return None
    change = Change(
        file=source.name,
        line=hook.lineno,
        kind="arguments",
        sentence=f"{cls}.{hook.name} takes what it uses: without {', '.join(piece.stars + piece.name for piece in dropped)}",
    )
    # With the comma before it; what stays is not touched, as other changes may have something to say about it.
    before = dict(zip(pieces[1:], pieces, strict=False))
    return Shorter(change, tuple(Edit(before[piece].stop, piece.stop, "") for piece in dropped))


class _Argument(NamedTuple):
    """One argument of a hook."""

    name: str
    start: int
    stop: int
    stars: str
    may_go: bool


def _has_comment(region: str) -> bool:
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(f"({region})").readline))
    except (tokenize.TokenError, SyntaxError):
        return True
    return any(token.type == tokenize.COMMENT for token in tokens)
