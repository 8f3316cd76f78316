"""Trigger maps as JSON, the form in which scan software sends them.

A body can hold millions of cells. It is decoded stream by stream, straight into small structs that are turned into columns and
dropped, so that no more than one stream is ever there as objects.
"""

from __future__ import annotations

import contextlib
import gc
import operator
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import msgspec

from beamloom.triggermap._model import Repeat, TriggerMapError
from beamloom.triggermap._part import Column, Part, Template

_CELL_FORM = 'a cell is null, [] or a list of {"tags": [...], "constraint": integer or null}'
_BODY_FORM = (
    'it is {"parts": {name: part}, "sequence": [entry, ...]}, where a part is {stream: [cell, ...]} and an entry the name of a '
    'part or {"part": name, "repeat": number of times, or null for until told to stop}'
)
_PART_FORM = "a part is {stream: [cell, ...]} with one cell per event"
_PLACED = re.compile(r"(?s)(?P<what>.*) - at `\$(?P<path>.*)`")
_CELL_PATH = re.compile(r"\[(?P<number>\d+)\]")


MOST_REPEATS = 10**9
"""Of one entry: event numbers have 64 bits, and a billion of a part is weeks at 1 kHz."""


class _Worker(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    tags: tuple[str, ...] = ("generic",)
    constraint: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] | None = None


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    part: str
    repeat: Annotated[int, msgspec.Meta(le=MOST_REPEATS)] | None = 1


class _Body(msgspec.Struct):
    parts: dict[str, msgspec.Raw]
    sequence: list[str | _Entry]


_BODY = msgspec.json.Decoder(_Body)
_TABLE = msgspec.json.Decoder(dict[str, msgspec.Raw])
_CELLS = msgspec.json.Decoder(list[tuple[_Worker, ...] | None])


def decode_sequence(body: bytes | Mapping[str, Any]) -> tuple[dict[str, Part], list[Repeat | str]]:
    """The parts and the sequence of a body ``{"parts": ..., "sequence": [...]}``; raises TriggerMapError."""
    with _reading("the trigger map", _BODY_FORM):
        decoded = _BODY.decode(_as_bytes(body))
    parts = {name: _decode_part(name, raw) for name, raw in decoded.parts.items()}
    sequence = [e if isinstance(e, str) else Repeat(e.part, e.repeat) for e in decoded.sequence]
    return parts, sequence


def decode_mapping(body: bytes | Mapping[str, Any]) -> Part:
    """The part of a body ``{stream: [cell, ...]}``; raises TriggerMapError."""
    return _decode_part("main", _as_bytes(body))


def encode_sequence(parts: Mapping[str, Part], sequence: Sequence[Repeat]) -> bytes:
    """The body that ``decode_sequence`` reads; its parts have their streams under ``mapping``."""
    tables = {
        name: {"mapping": {stream: _encode_column(column) for stream, column in part.columns.items()}}
        for name, part in parts.items()
    }
    entries = [r.part if r.times == 1 else _Entry(r.part, r.times) for r in sequence]
    return msgspec.json.encode({"parts": tables, "sequence": entries})


def decode_anything(body: bytes) -> Any:
    """A JSON document as plain lists and dictionaries."""
    with _no_collection():
        return msgspec.json.decode(body)


def _encode_column(column: Column) -> msgspec.Raw:
    # All cells are filled in by one formatting operation: a map may have millions of them.
    formats = [_cell_format(template) for template in column.templates]
    text = ",".join([formats[number] for number in column.template_of.tolist()])
    return msgspec.Raw(f"[{text % tuple(column.constraints.tolist())}]".encode())


def _cell_format(template: Template) -> str:
    """JSON text of a cell, with %d for each constraint."""
    if template is None:
        return "null"
    slots = []
    for slot in template:
        tags = msgspec.json.encode(slot.tags).decode().replace("%", "%%")
        slots.append(f'{{"tags":{tags},"constraint":{"%d" if slot.constrained else "null"}}}')
    return f"[{','.join(slots)}]"


def _decode_part(name: str, body: bytes | msgspec.Raw) -> Part:
    with _reading(f"part {name!r}", _PART_FORM):
        table = _TABLE.decode(body)
        if set(table) == {"mapping"} and bytes(table["mapping"]).lstrip()[:1] == b"{":
            table = _TABLE.decode(table["mapping"])
    return Part({stream: _decode_column(name, stream, raw) for stream, raw in table.items()}, name=name)


def _decode_column(part: str, stream: str, body: msgspec.Raw) -> Column:
    # Counting on the cyclic collector to look at each of a million new tuples takes longer than to decode them.
    with _reading(f"part {part!r}: stream {stream!r}", _CELL_FORM), _no_collection():
        return Column.from_cells(_CELLS.decode(body))


def _as_bytes(body: bytes | Mapping[str, Any]) -> bytes:
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body)
    return msgspec.json.encode(body, enc_hook=operator.index)


@contextlib.contextmanager
def _reading(where: str, form: str) -> Iterator[None]:
    """Turns what the decoder says into one sentence: where, what is wrong there, and what belongs there."""
    try:
        yield
    except msgspec.ValidationError as error:
        placed = _PLACED.fullmatch(str(error))
        what, path = placed.group("what", "path") if placed else (str(error), "")
        cell = _CELL_PATH.match(path)
        if cell:
            where, path = f"{where}: cell {cell['number']}", path[cell.end() :]
        at = f" at {path.lstrip('.')}" if path else ""
        raise TriggerMapError(f"{where}: {_uncapitalised(what)}{at}; {form}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError, OverflowError) as error:
        raise TriggerMapError(
            f"{where} is not readable as JSON: {_uncapitalised(str(error))}; {form}"
        ) from error


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _uncapitalised(sentence: str) -> str:
    return sentence if sentence[1:2].isupper() else sentence[:1].lower() + sentence[1:]
