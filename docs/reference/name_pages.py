"""The page of the names that an analysis and a script use, from their signatures and docstrings."""

from __future__ import annotations

import ast
import enum
import functools
import importlib
import inspect
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

BUILDERS = "uniform batched overlapping sparse burst open_ended TriggerMap VirtualWorker TriggerMapError render summary"
"""Of beamloom.triggermap: what the others are made of stays inside."""
MODULES = (
    ("beamloom", "All that an analysis needs, and the way to a pipeline from a notebook or a script."),
    ("beamloom.triggermap", "Builders of [trigger maps](trigger-map.md), and what shows them."),
    ("beamloom.client", "What `beamloom.connect` gives, part by part."),
    ("beamloom.analysis.quality", "Measures that say when it is [enough](../how-to/feedback.md)."),
    ("beamloom.replay", "An analysis [over recordings](../how-to/replay.md), from Python."),
    ("beamloom.checking", "What [`beamloom check`](../how-to/new-analysis.md) does, from Python."),
    ("beamloom.rules", "Batch analyses [that follow the data](../how-to/rules.md)."),
)


def names_markdown() -> str:
    """Each name once, in the module that a user imports it from."""
    told: set[int] = set()
    parts = []
    for name, about in MODULES:
        module = importlib.import_module(name)
        parts.append(f"## {name}\n\n{about}\n")
        for public in sorted(_public(module), key=str.lower):
            value = getattr(module, public)
            if id(value) not in told:
                told.add(id(value))
                parts += _of(public, value)
    return "\n".join(parts)


def _public(module: ModuleType) -> list[str]:
    if module.__name__ == "beamloom.triggermap":
        return BUILDERS.split()
    listed = getattr(module, "__all__", None)
    if listed is not None:
        return [name for name in listed if callable(getattr(module, name))]
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]


def _of(name: str, value: Any) -> Iterator[str]:
    """A heading with the signature, the docstring, and of a class its fields and methods."""
    yield f"### {name}\n"
    signature = _signature(value)
    if signature:
        yield f"```python\n{name}{signature}\n```\n"
    yield f"{text(value)}\n"
    if inspect.isclass(value):
        yield from _of_class(value)


def _of_class(cls: type) -> Iterator[str]:
    rows = [
        f"| `{cell(f'{name}: {kind}' if kind else name)}` | {cell(about)} |"
        for name, (kind, about) in fields(cls).items()
    ]
    for name, member in inspect.getmembers_static(cls):
        if name.startswith("_") or not any(name in vars(base) for base in _ours(cls)):
            continue
        if isinstance(member, property):
            rows.append(f"| `{name}` | {cell(text(member))} |")
        elif inspect.isfunction(member) or isinstance(member, classmethod | staticmethod):
            called = inspect.unwrap(getattr(member, "__func__", member))
            rows.append(f"| `{cell(name + _signature(called))}` | {cell(text(called))} |")
    if rows:
        yield "\n".join(["| | |", "|---|---|", *dict.fromkeys(rows), ""])


def fields(cls: type) -> dict[str, tuple[str, str]]:
    """The annotated fields of a class, or the members of an enumeration: annotation, and the text on the line below."""
    found: dict[str, tuple[str, str]] = {}
    for base in reversed(_ours(cls)):
        body = _body(base)
        for field, after in zip(body, [*body[1:], None], strict=True):
            about = ""
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                about = str(after.value.value)
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                kind = ast.unparse(_plain(field.annotation))
                if not field.target.id.startswith("_") and not kind.startswith("ClassVar"):
                    found[field.target.id] = kind, about
            elif isinstance(field, ast.Assign) and issubclass(cls, enum.Enum):
                found[ast.unparse(field.targets[0])] = "", about
    return found


def _plain(annotation: ast.expr) -> ast.expr:
    """An annotation without what a reader of files is told beside it."""
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "Annotated":
        kinds = annotation.slice
        return kinds.elts[0] if isinstance(kinds, ast.Tuple) else kinds
    return annotation


def _body(cls: type) -> list[ast.stmt]:
    written = _classes(sys.modules[cls.__module__]).get(cls.__name__)
    return written.body if written else []  # a class that was made and not written has none


@functools.cache
def _classes(module: ModuleType) -> dict[str, ast.ClassDef]:
    """The classes of a module as they are written."""
    tree = ast.parse(inspect.getsource(module))
    return {one.name: one for one in tree.body if isinstance(one, ast.ClassDef)}


def _ours(cls: type) -> list[type]:
    return [base for base in cls.__mro__ if base.__module__.startswith("beamloom")]


def _signature(value: Any) -> str:
    if inspect.isclass(value) and issubclass(value, enum.Enum | BaseException):
        return ""
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return ""
    declared = fields(value) if inspect.isclass(value) else {}
    parts, marked = [], False
    for one in signature.parameters.values():
        if one.name in ("self", "cls"):
            continue
        if one.kind is one.KEYWORD_ONLY and not marked:
            parts.append("*")
        marked = marked or one.kind in (one.KEYWORD_ONLY, one.VAR_POSITIONAL)
        parts.append(_parameter(one, declared.get(one.name, ("", ""))[0]))
    returned = _annotation(signature.return_annotation, signature.empty)
    shown = f" -> {returned}" if returned not in ("", "None") and not inspect.isclass(value) else ""
    return f"({', '.join(parts)}){shown}"


def _parameter(one: inspect.Parameter, of_field: str) -> str:
    stars = {one.VAR_POSITIONAL: "*", one.VAR_KEYWORD: "**"}.get(one.kind, "")
    kind = of_field or _annotation(one.annotation, one.empty)
    shown = f"{stars}{one.name}: {kind}" if kind else f"{stars}{one.name}"
    if one.default is one.empty:
        return shown
    default = one.default.name if isinstance(one.default, enum.Enum) else repr(one.default)
    return f"{shown} = {'...' if default.startswith('<') else default}"


def _annotation(written: Any, empty: Any) -> str:
    if written is empty:
        return ""
    if isinstance(written, str):
        return written.strip("'\"")
    return written.__name__ if inspect.isclass(written) else str(written)


def text(value: Any) -> str:
    """The docstring, or nothing where it is only what Python or a base class says of itself."""
    written = getattr(value, "__doc__", None)
    return inspect.cleandoc(written) if written else ""


def cell(written: str) -> str:
    """As it can stand in a row of a table."""
    return " ".join(written.split()).replace("|", "\\|")
