"""The page of all messages between the processes of a pipeline, from the module that declares them."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import msgspec
from name_pages import cell, fields, text

from beamloom.transport import messages

ORDER = ("membership", "runs", "data", "sharing", "feedback", "taking_up", "questions")
"""The families, as a run goes through them; others follow."""


def messages_markdown() -> str:
    """Every message with its tag on the wire and its fields, by the families in which they are declared."""
    names = [one.name.removeprefix("_") for one in pkgutil.iter_modules(messages.__path__)]
    families = [name for name in [*ORDER, *sorted(names)] if name in names and name != "base"]
    parts = [f"{text(messages)}\n"]
    for family in dict.fromkeys(families):
        module = importlib.import_module(f"{messages.__name__}._{family}")
        parts.append(f"## {text(module)}\n")
        for name, cls in vars(module).items():
            if inspect.isclass(cls) and cls.__module__ == module.__name__ and issubclass(cls, msgspec.Struct):
                parts += [f"### {name}\n", f"{text(cls)}\n", _table(cls)]
    return "\n".join(parts)


def _table(cls: type[msgspec.Struct]) -> str:
    needed = {one.encode_name for one in msgspec.structs.fields(cls) if one.required}
    told = fields(cls)
    if not told:
        return "It has no fields.\n"
    rows = [
        f"| `{cell(name)}` | `{cell(kind)}`{'' if name in needed else ', optional'} | {cell(about)} |"
        for name, (kind, about) in told.items()
    ]
    return "\n".join(["| field | type | |", "|---|---|---|", *rows, ""])
