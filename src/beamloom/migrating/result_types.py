"""Result types in place of what a reducer collects by hand, where the pattern is plain.

A list that results are appended to becomes ``Append``, a value that is added to becomes ``Sum``. They are published as groups, whose values
are one level deeper than those were: viewers have to look there. That is why these are only offered where they are asked for.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from beamloom.migrating.classes import Seen, hooks_of
from beamloom.migrating.edits import Edit, Places
from beamloom.migrating.shorter import Shorter
from beamloom.migrating.told import Change


def result_types(seen: Sequence[Seen]) -> list[Shorter]:
    """All that are found in reducers."""
    return [one for reducer in seen if reducer.role == "reducer" for one in _of_reducer(reducer)]


def _of_reducer(seen: Seen) -> Iterator[Shorter]:
    hooks = hooks_of(seen.node)
    taking, making = hooks.get("process_result"), hooks.get("__init__")
    if taking is None or making is None or len(taking.args.args) < 2:
        return
    result = taking.args.args[1].arg
    for key, begun in _begun(making):
        used = [node for node in ast.walk(seen.node) if _place(node) == key]
        made = _collected(taking, key, result, Places(seen.source.text), seen.source.text)
        if made is None:
            continue
        name, dataset, uses, edits = made
        empty = ast.unparse(begun) == "[]" if name == "Append" else ast.unparse(begun) in ("0", "0.0")
        # Whoever else reads or writes it would find another object.
        if not empty or len(used) > uses + sum(_is_set(node) for node in used):
            continue
        sentence = f"{name} for publish[{key!r}]: its values are at {key}/{dataset} then"
        change = Change(file=seen.source.name, line=taking.lineno, kind="result types", sentence=sentence)
        places = Places(seen.source.text)
        beginning = places.replace(begun, f"{name}()")
        yield Shorter(change, (_import(seen, name), beginning, *edits), ((key, dataset),))


def _begun(making: ast.FunctionDef) -> Iterator[tuple[str, ast.expr]]:
    """What is published from the start: keys and values."""
    for node in ast.walk(making):
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            continue
        if ast.unparse(node.targets[0]) == "self.publish" and isinstance(node.value, ast.Dict):
            for key, value in zip(node.value.keys, node.value.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield key.value, value
        elif (key_of := _place(node.targets[0])) is not None:
            yield key_of, node.value


def _place(node: ast.AST) -> str | None:
    """The key, of ``self.publish["key"]``."""
    if (
        isinstance(node, ast.Subscript)
        and ast.unparse(node.value) == "self.publish"
        and isinstance(node.slice, ast.Constant)
        and isinstance(node.slice.value, str)
    ):
        return node.slice.value
    return None


def _is_set(node: ast.AST) -> bool:
    return isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)


def _collected(
    taking: ast.FunctionDef, key: str, result: str, places: Places, text: str
) -> tuple[str, str, int, list[Edit]] | None:
    """The type, its dataset, how often the key is used for it, and the edits; None where the pattern is another."""
    appended: list[Edit] = []
    summed: list[Edit] = []
    for node in ast.walk(taking):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Call)
            and isinstance(node.value.func, ast.Attribute)
            and node.value.func.attr == "append"
            and _place(node.value.func.value) == key
            and len(node.value.args) == 1
        ):
            appended.append(_add(node, node.value.func.value, node.value.args[0], result, places, text))
        elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add) and _place(node.target) == key:
            summed.append(_add(node, node.target, node.value, result, places, text))
    if len(appended) == 1 and not summed:
        return "Append", "data", 1, appended
    if len(summed) == 1 and not appended:
        return "Sum", "sum", 0, summed
    return None


def _add(node: ast.stmt, place: ast.expr, value: ast.expr, result: str, places: Places, text: str) -> Edit:
    where, what = (text[places.start(one) : places.stop(one)] for one in (place, value))
    return places.replace(node, f"{where}.add({result}.event_number, {what})")


def _import(seen: Seen, name: str) -> Edit:
    """Before the first import that is not of the future; at the end of the docstring where there is none."""
    places = Places(seen.source.text)
    for node in seen.source.tree.body:
        if isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and node.module != "__future__"):
            return Edit(places.start(node), places.start(node), f"from beamloom import {name}\n")
    start = places.start(seen.source.tree.body[0])
    return Edit(start, start, f"from beamloom import {name}\n\n\n")
