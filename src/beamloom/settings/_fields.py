"""What is known of a single setting: read from the structs, for the command line's help, the reference and the errors."""

from __future__ import annotations

import ast
import functools
import inspect as source
import itertools
import textwrap
import typing
from typing import Any

import msgspec
import msgspec.inspect as inspect

from beamloom.settings._controller import ControllerSettings
from beamloom.settings._ingester import IngesterSettings
from beamloom.settings._process import ProcessSettings
from beamloom.settings._reducer import ReducerSettings
from beamloom.settings._worker import DebugWorkerSettings, ShadowWorkerSettings, WorkerSettings


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One setting as people meet it."""

    name: str
    key: str
    """The name in a file, where it differs from the field's: ``class`` for ``worker_class``."""
    annotation: Any
    """The field's type with its constraints, as ``msgspec.convert`` takes it."""
    description: str
    expects: str
    """How a right value looks: completes the sentence "it takes ..."."""
    unit: str = ""
    default: str = ""
    """The default as a person would write it; empty when there is none."""
    required: bool = False
    variables: tuple[str, ...] = ()
    """Environment variables that give the value, the first one set wins."""

    @property
    def flag(self) -> str:
        """The long flag on the command line."""
        return "--" + self.name.replace("_", "-")


def all_settings() -> dict[str, type[ProcessSettings]]:
    """The settings of each kind of process, by the name of its command."""
    return {
        "controller": ControllerSettings,
        "ingester": IngesterSettings,
        "worker": WorkerSettings,
        "debugworker": DebugWorkerSettings,
        "shadowworker": ShadowWorkerSettings,
        "reducer": ReducerSettings,
    }


def settings_of(kind: type[msgspec.Struct]) -> dict[str, Setting]:
    """The settings of one kind of process, by name, in the order of the struct."""
    described = inspect.type_info(kind)
    if not isinstance(described, inspect.StructType):
        raise TypeError(f"{kind!r} is not a msgspec struct")
    hints = typing.get_type_hints(kind, include_extras=True)
    written = field_docstrings(kind)
    return {
        field.name: _setting(field, hints[field.name], written.get(field.name, ""))
        for field in described.fields
    }


@functools.cache
def field_docstrings(kind: type) -> dict[str, str]:
    """The texts that stand below the fields of a class in its source, as one line each; empty without the source."""
    try:
        body = ast.parse(textwrap.dedent(source.getsource(kind))).body[0]
    except (OSError, TypeError):
        return {}
    statements = body.body if isinstance(body, ast.ClassDef) else []
    found = {}
    for field, text in itertools.pairwise(statements):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            match text:
                case ast.Expr(value=ast.Constant(value=str(written))):
                    found[field.target.id] = " ".join(written.replace("``", "`").split())
    return found


def _setting(field: inspect.Field, annotation: Any, written: str) -> Setting:
    notes = noted(field.type)
    default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    return Setting(
        name=field.name,
        key=field.encode_name,
        annotation=annotation,
        description=description(field.type) or written,
        expects=expectation(field.type),
        unit=notes.get("unit", ""),
        default=_as_written(default),
        required=field.required,
        variables=(f"BEAMLOOM_{field.name.upper()}", *notes.get("variables", ())),
    )


def noted(described: inspect.Type) -> dict[str, Any]:
    """The ``extra`` notes of a type; empty when it has none."""
    return dict(described.extra or {}) if isinstance(described, inspect.Metadata) else {}


def description(described: inspect.Type) -> str:
    """The description in a type's ``Meta``; empty when it has none."""
    if isinstance(described, inspect.Metadata):
        return str((described.extra_json_schema or {}).get("description", ""))
    return ""


def expectation(described: inspect.Type) -> str:
    """How a right value of a type looks, as words that follow "it takes"."""
    notes = noted(described)
    if "expects" in notes:
        return str(notes["expects"])
    plain = described.type if isinstance(described, inspect.Metadata) else described
    match plain:
        case inspect.UnionType(types=types):
            named = [expectation(member) for member in types if not isinstance(member, inspect.NoneType)]
            return " or ".join(dict.fromkeys(named))
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType() | inspect.FloatType():
            return _number(plain, str(notes.get("unit", "")))
        case inspect.LiteralType(values=values):
            return "one of " + ", ".join(str(value) for value in values)
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            return f"a list, each item {expectation(item)}"
        case inspect.TupleType(item_types=items):
            return f"a list of {len(items)}: " + ", ".join(expectation(item) for item in items)
        case inspect.StructType(fields=fields):
            return "a mapping with " + ", ".join(field.encode_name for field in fields)
        case inspect.DictType():
            return "a mapping of names to values"
        case inspect.StrType():
            return "text"
        case _:
            return "a value"


def _number(described: inspect.IntType | inspect.FloatType, unit: str) -> str:
    kind = "a whole number" if isinstance(described, inspect.IntType) else "a number"
    words = {"s": " of seconds", "bytes": " of bytes"}.get(unit, "")
    low = f"from {described.ge}" if described.ge is not None else ""
    low = f"above {described.gt}" if described.gt is not None else low
    high = f"up to {described.le}" if described.le is not None else ""
    high = f"below {described.lt}" if described.lt is not None else high
    return " ".join(part for part in (kind + words, low, high) if part)


def _as_written(default: Any) -> str:
    match default:
        case msgspec.NODEFAULT | None | "" | msgspec.Struct():
            return ""
        case bool() | tuple() | list() | dict():
            return msgspec.json.encode(default).decode() if default not in ({}, ()) else ""
        case _:
            return str(default)
