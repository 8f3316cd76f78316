"""A part: a table of streams and events, kept as columns.

A column never keeps its cells as objects. What a cell looks like apart from the values of its constraints is its template, and
a map has a handful of those, so that a column is one small integer per cell and one 64-bit integer per constraint.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from beamloom.triggermap._model import Cell, CellKind, TriggerMapError, VirtualWorker

Integers = npt.NDArray[np.integer[Any]]
"""An array of integers of any width."""


class Slot(NamedTuple):
    """One virtual worker of a template: its tags (sorted), and whether a constraint belongs to it."""

    tags: tuple[str, ...]
    constrained: bool


Template = tuple[Slot, ...] | None
"""A cell without the values of its constraints; None where there is no packet."""


class WorkerLike(Protocol):
    """What a virtual worker looks like before its tags are brought in order."""

    @property
    def tags(self) -> tuple[str, ...]: ...
    @property
    def constraint(self) -> int | None: ...


class Column:
    """The cells of one stream in one part."""

    def __init__(
        self, templates: Sequence[Template], template_of: Integers, constraints: npt.NDArray[np.int64]
    ) -> None:
        """``template_of[i]`` is the template of cell i, ``constraints`` (flat) are those of all cells in order."""
        self.templates = tuple(templates)
        self.template_of = template_of.astype(np.min_scalar_type(max(len(self.templates) - 1, 0)), copy=False)
        self.constraints = constraints

    def __len__(self) -> int:
        return len(self.template_of)

    @functools.cached_property
    def kinds(self) -> npt.NDArray[np.uint8]:
        """uint8[length] of CellKind."""
        kind_of = [
            CellKind.NONE if template is None else CellKind.WANTED if template else CellKind.DISCARD
            for template in self.templates
        ]
        kinds: npt.NDArray[np.uint8] = np.array(kind_of, dtype=np.uint8)[self.template_of]
        return kinds

    @functools.cached_property
    def first_constraint(self) -> npt.NDArray[np.int64]:
        """int64[length]: where the constraints of each cell begin among those of all."""
        counts = np.array([sum(slot.constrained for slot in t or ()) for t in self.templates], dtype=np.int64)
        per_cell: npt.NDArray[np.int64] = counts[self.template_of]
        return np.cumsum(per_cell) - per_cell

    def cell(self, offset: int) -> Cell:
        """The cell of event ``offset``."""
        template = self.templates[self.template_of[offset]]
        if template is None:
            return None
        at = int(self.first_constraint[offset])
        cell = []
        for slot in template:
            cell.append(VirtualWorker(slot.tags, int(self.constraints[at]) if slot.constrained else None))
            at += slot.constrained
        return tuple(cell)

    def cells(self) -> Iterator[Cell]:
        """All cells in order."""
        constraint = iter(self.constraints.tolist())
        for template in map(self.templates.__getitem__, self.template_of.tolist()):
            yield (
                None
                if template is None
                else tuple(
                    VirtualWorker(s.tags, next(constraint) if s.constrained else None) for s in template
                )
            )

    @classmethod
    def from_cells(cls, cells: Sequence[Sequence[WorkerLike] | None]) -> Column:
        """The column of these cells; 64-bit constraints. Raises OverflowError for a constraint beyond 64 bit."""
        sizes = np.array([-1 if cell is None else len(cell) for cell in cells], dtype=np.int64)
        workers = [worker for cell in cells if cell for worker in cell]
        slots, slot_of = _slots(workers)
        constraints = [w.constraint for w in workers if w.constraint is not None]
        templates, template_of = _templates(sizes, slots, slot_of)
        return cls(templates, template_of, np.array(constraints, dtype=np.int64))


def _slots(workers: Sequence[WorkerLike]) -> tuple[list[Slot], npt.NDArray[np.int64]]:
    """The distinct slots, and for each worker the number of its slot."""
    tags = [worker.tags for worker in workers]
    as_written = dict.fromkeys(tags)
    number: dict[Slot, int] = {}
    # Indexed by place in as_written, then by whether there is a constraint.
    slot_number = np.array(
        [
            [number.setdefault(Slot(tuple(sorted(set(t))), flag), len(number)) for flag in (False, True)]
            for t in as_written
        ],
        dtype=np.int64,
    ).reshape(-1, 2)
    place = {t: i for i, t in enumerate(as_written)}
    places = (
        np.array([place[t] for t in tags], dtype=np.int64)
        if len(place) > 1
        else np.zeros(len(tags), np.int64)
    )
    constrained = np.array([worker.constraint is not None for worker in workers], dtype=np.int64)
    used, slot_of = np.unique(slot_number[places, constrained], return_inverse=True)
    slots = list(number)
    return [slots[i] for i in used.tolist()], slot_of.reshape(-1).astype(np.int64, copy=False)


def _templates(
    sizes: npt.NDArray[np.int64], slots: Sequence[Slot], slot_of: npt.NDArray[np.int64]
) -> tuple[list[Template], npt.NDArray[np.int64]]:
    """The distinct templates, and for each cell the number of its template; ``sizes`` is -1 where there is no packet."""
    filled = np.maximum(sizes, 0)
    starts = np.cumsum(filled) - filled
    templates: list[Template] = []
    template_of = np.empty(len(sizes), dtype=np.int64)
    # Without return_inverse, np.unique would load numpy.ma, which takes longer than to arm a run.
    for size in sorted(set(sizes.tolist())):
        rows = np.flatnonzero(sizes == size)
        base = len(templates)
        if size <= 0:
            templates.append(None if size < 0 else ())
            template_of[rows] = base
            continue
        if len(slots) == 1:
            templates.append((slots[0],) * size)
            template_of[rows] = base
            continue
        rows_slots = slot_of[starts[rows][:, None] + np.arange(size)]
        distinct, which = np.unique(rows_slots, axis=0, return_inverse=True)
        templates.extend(tuple(slots[number] for number in row) for row in distinct.tolist())
        template_of[rows] = base + which.reshape(-1)
    return templates, template_of


class Part:
    """A named table of a trigger map: for each of its streams one cell per event."""

    def __init__(self, columns: Mapping[str, Column], *, name: str = "main") -> None:
        """Raises TriggerMapError when the columns differ in length or there are none; ``name`` is for the sentence."""
        if not columns:
            raise TriggerMapError(f"part {name!r} has no streams; name at least one stream with its cells")
        lengths = {stream: len(column) for stream, column in columns.items()}
        first = next(iter(lengths))
        for stream, length in lengths.items():
            if length != lengths[first]:
                raise TriggerMapError(
                    f"part {name!r}: stream {stream!r} has {_count(length, 'cell')} but {first!r} has {lengths[first]}; "
                    "every stream of a part needs one cell per event (null where it sends nothing)"
                )
        self.columns: Mapping[str, Column] = dict(columns)
        self.length = lengths[first]

    @classmethod
    def from_cells(cls, cells: Mapping[str, Iterable[Cell]], *, name: str = "main") -> Part:
        """The part with these cells; raises TriggerMapError when the streams differ in length."""
        return cls({stream: Column.from_cells(list(column)) for stream, column in cells.items()}, name=name)

    @property
    def streams(self) -> tuple[str, ...]:
        """The streams that the part names, in the order in which it does."""
        return tuple(self.columns)

    @property
    def tags(self) -> frozenset[str]:
        """All tags that the part's virtual workers name."""
        return frozenset(tag for slot in self.slots for tag in slot.tags)

    @property
    def slots(self) -> frozenset[Slot]:
        """The distinct kinds of virtual workers in the part."""
        return frozenset(
            slot
            for column in self.columns.values()
            for template in column.templates
            for slot in template or ()
        )

    def cell(self, stream: str, offset: int) -> Cell:
        """The cell of a stream at an event of the part; None for a stream that the part does not name."""
        column = self.columns.get(stream)
        return None if column is None else column.cell(offset)

    def cells(self, stream: str) -> Iterator[Cell]:
        """All cells of one of the part's streams, in order."""
        return self.columns[stream].cells()


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
