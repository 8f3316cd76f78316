"""Random trigger maps for hypothesis, and a plain reading of them, event by event, to compare with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]
STREAMS = ("alba", "eiger", "orca")

tag_lists = st.lists(st.sampled_from(["debug", "fast", "generic"]), max_size=2)
constraints = st.one_of(st.integers(0, 3), st.sampled_from([-5, 10**6, -(2**63), 2**63 - 1]))
virtual_workers = st.one_of(
    st.fixed_dictionaries({"constraint": constraints}),
    st.fixed_dictionaries({"constraint": st.integers(0, 3)}),
    st.fixed_dictionaries({"constraint": constraints, "tags": tag_lists}),
    st.fixed_dictionaries({"tags": tag_lists}, optional={"constraint": st.none()}),
)
cells: st.SearchStrategy[list[Json] | None] = st.one_of(
    st.none(),
    st.just([]),
    st.lists(virtual_workers, min_size=1, max_size=1),
    st.lists(virtual_workers, max_size=3),
)


@st.composite
def columns(draw: st.DrawFn, length: int) -> list[Any]:
    """Cells of one stream; often such that constraints go up in order, as in real maps."""
    if draw(st.booleans()):
        size = draw(st.integers(1, 3))
        return [[{"constraint": i // size}] for i in range(length)]
    return draw(st.lists(cells, min_size=length, max_size=length))


@st.composite
def parts(draw: st.DrawFn) -> Json:
    length = draw(st.integers(0, 7))
    streams = draw(st.lists(st.sampled_from(STREAMS), min_size=1, max_size=3, unique=True))
    return {stream: draw(columns(length)) for stream in streams}


@st.composite
def bodies(draw: st.DrawFn) -> Json:
    """Bodies of ``POST /sequence``, with names, repeats and both forms of a part."""
    tables = draw(st.dictionaries(st.sampled_from(["main", "line", "turn"]), parts(), min_size=1))
    names = st.sampled_from(sorted(tables))
    entries = st.one_of(
        names,
        names,
        st.builds(lambda name, times: {"part": name, "repeat": times}, names, st.integers(0, 9)),
        st.builds(lambda name: {"part": name}, names),
    )
    sequence = draw(st.lists(entries, min_size=1, max_size=6))
    written = {name: {"mapping": table} if draw(st.booleans()) else table for name, table in tables.items()}
    return {"parts": written, "sequence": sequence}


Vw = tuple[frozenset[str], int | None]


@dataclass
class PlainEvent:
    """One event as the rules say it, without any cleverness."""

    occurrence: int
    cells: dict[str, list[Vw] | None]

    def groups(self) -> list[tuple[int, int]]:
        return list(
            dict.fromkeys(
                (self.occurrence, constraint)
                for cell in self.cells.values()
                for _, constraint in cell or ()
                if constraint is not None
            )
        )

    def broadcasts(self) -> list[frozenset[str]]:
        return list(
            dict.fromkeys(
                t for cell in self.cells.values() for t, constraint in cell or () if constraint is None
            )
        )

    def streams_of_group(self, group: tuple[int, int]) -> list[str]:
        return [s for s, cell in self.cells.items() if any(c == group[1] for _, c in cell or ())]

    def streams_of_broadcast(self, tags: frozenset[str]) -> list[str]:
        return [s for s, cell in self.cells.items() if (tags, None) in (cell or ())]


def tables_of(body: Json) -> dict[str, Json]:
    return {name: part.get("mapping", part) for name, part in body["parts"].items()}


def streams_of(body: Json) -> list[str]:
    return list(dict.fromkeys(stream for table in tables_of(body).values() for stream in table))


def names_of(body: Json) -> list[str]:
    """The parts in the order in which they run."""
    names: list[str] = []
    for entry in body["sequence"]:
        names.extend([entry] if isinstance(entry, str) else [entry["part"]] * entry.get("repeat", 1))
    return names


def plain_events(body: Json, *, all_wrap: bool) -> list[PlainEvent]:
    """Every event of the map."""
    tables, streams = tables_of(body), streams_of(body)
    events = []
    for occurrence, name in enumerate(names_of(body), start=1):
        table = tables[name]
        for offset in range(len(next(iter(table.values())))):
            row = {stream: _cell(table[stream][offset]) if stream in table else None for stream in streams}
            events.append(PlainEvent(occurrence, row))
    if not all_wrap:
        return events
    written = [
        w.get("tags", ["generic"])
        for t in tables.values()
        for c in t.values()
        for cell in c
        for w in cell or ()
    ]
    wrap: list[Vw] = [(frozenset({tag}), None) for tag in sorted({tag for tags in written for tag in tags})]
    if [] in written:
        wrap.append((frozenset(), None))
    start, end = (PlainEvent(number, {stream: list(wrap) for stream in streams}) for number in (0, -1))
    return [start, *events, end]


def _cell(cell: list[Json] | None) -> list[Vw] | None:
    if cell is None:
        return None
    return [(frozenset(w.get("tags", ["generic"])), w.get("constraint")) for w in cell]


def encoded(body: Json) -> bytes:
    return json.dumps(body).encode()
