"""What pages ask for beside the HDF REST API: the whole tree at once, datasets in the size in which they are shown, tables of texts.

::

    GET /api/v1/tree?path=a/b                  all that is in there, without elements, in one answer
    GET /api/v1/shown?path=a/b&most=600,800    a dataset of numbers in the size in which it is shown, as npy: ``shown.py``
    GET /api/v1/elements?path=a/b&path=a/c     datasets side by side as they are: as texts, CSV or npy: ``elements.py``

In these selections a single negative number counts from the end, so that the newest of something that grows can be asked for. Answers with
elements tell in ``X-Beamloom-Shape`` the shape of the (first) dataset, which may have grown since the tree was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from typing import Annotated, Any, Literal

import msgspec
import numpy.typing as npt
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from beamloom.openapi import Told, Value
from beamloom.results.arrays import ArrayLike, Converted, unit_of_time
from beamloom.results.elements import as_csv, table_of
from beamloom.results.encodings import NPY, as_npy
from beamloom.results.hdf5 import views
from beamloom.results.hdf5.answers import JSON, send
from beamloom.results.hdf5.catalog import Catalog, Entry
from beamloom.results.hdf5.selecting import entries_of, read_selection
from beamloom.results.hdf5.shelf import Shelf
from beamloom.results.outline import outline
from beamloom.results.reading import said_in_words
from beamloom.results.selection import NothingSelected, SelectionError
from beamloom.results.shown import Size, shown

CSV = "text/csv"
SHAPE = "X-Beamloom-Shape"
_NEGATIVE = re.compile(r"-\d{1,20}")


def page_routes(shelf: Shelf) -> list[Told]:
    """The routes of this module."""
    pages = _Pages(shelf)
    domain = Value(name="domain", says="/, /snapshot or /runs/{run}")
    select = Value(name="select", says="As in [0:10:2,4]; -1 is the last.")
    return [
        told(
            "/api/v1/tree",
            pages.tree,
            "Names, attributes, shapes and types.",
            query=[domain, Value(name="path")],
        ),
        told(
            "/api/v1/shown",
            pages.shown,
            "A dataset of numbers in the size in which it is shown.",
            answers=NPY.media_type,
            query=[
                domain,
                Value(name="path"),
                select,
                Value(name="most", says="Elements along each of the last axes at the most, as in 600,800."),
                Value(name="by", kind=Literal["mean", "max"], says="What a block of elements becomes."),
                Value(
                    name="part",
                    kind=Literal["abs", "real", "imag", "phase"],
                    says="What is shown of complex numbers.",
                ),
            ],
        ),
        told(
            "/api/v1/elements",
            pages.elements,
            "Datasets side by side, as they are.",
            answers=f"{JSON} {CSV} {NPY.media_type}",
            query=[
                domain,
                Value(name="path", says="Of each dataset.", repeated=True),
                select,
                Value(name="last", kind=Annotated[int, Meta(ge=1)], says="So many rows, the newest."),
                Value(name="format", kind=Literal["json", "csv", "npy"]),
            ],
        ),
    ]


def told(path: str, endpoint: Callable[[Request], Awaitable[Response]], says: str, **more: Any) -> Told:
    """A route of this folder: what it answers is as HSDS has it, and may be known already."""

    async def answer(request: Request) -> Response:
        with said_in_words():
            return await endpoint(request)

    also = {304: None, 500: "What the analysis publishes raises an error when it is read."}
    return Told(path, answer, says=says, also=also, **{"answers": dict[str, Any], **more})


def entry_at(catalog: Catalog, parent: Entry, path: str) -> Entry:
    """The object at ``a/b`` seen from ``parent``, at ``/a/b`` from the root. Raises NothingSelected."""
    absolute = () if path.startswith("/") else parent.path
    names = (*absolute, *filter(None, path.split("/")))
    entry = catalog.at(names)
    if entry is None:
        raise NothingSelected(views.nothing_at(catalog, names))
    return entry


class _Pages:
    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    async def tree(self, request: Request) -> Response:
        catalog = await self._shelf.of_domain(request.query_params.get("domain", "/"))
        entry = entry_at(catalog, catalog.root, request.query_params.get("path", ""))
        # By msgspec, which writes null for what is not finite: pages read JSON as it is defined.
        return await send(request, lambda: (msgspec.json.encode(outline(entry.node)), JSON))

    async def shown(self, request: Request) -> Response:
        asked = request.query_params
        catalog = await self._shelf.of_domain(asked.get("domain", "/"))
        values = _values(catalog, asked.get("path", ""))
        size = Size.asked(asked.get("most", ""), asked.get("by", "mean"), asked.get("part", "abs"))
        select = _from_the_end(asked.get("select"), values.shape)
        return await send(
            request,
            lambda: (as_npy([shown(read_selection(values, select), size)]), NPY.media_type),
            {SHAPE: _shape(values)},
        )

    async def elements(self, request: Request) -> Response:
        asked = request.query_params
        catalog = await self._shelf.of_domain(asked.get("domain", "/"))
        paths = asked.getlist("path") or [""]
        found = [(path.rpartition("/")[2], _values(catalog, path)) for path in paths]
        form, last = asked.get("format", "json"), asked.get("last")
        if form not in ("json", "csv", "npy"):
            raise SelectionError(f"elements come as json, csv or npy, not as {form[:40]!r}.")
        if last is not None and not (last.isdecimal() and len(last) < 20 and 0 < int(last) < 2**31):
            raise SelectionError(f"last is a number of rows from 1, not {last[:40]!r}.")
        if form == "npy" and len(found) > 1:
            raise SelectionError(
                f"npy holds one array, and {len(found)} are asked for; ask for csv, or for one."
            )

        def make() -> tuple[bytes, str]:
            parts = list(_parts(found, asked.get("select"), last))
            if form == "npy":
                return as_npy([parts[0][1]]), NPY.media_type
            table = table_of(parts)
            if form == "csv":
                return as_csv(table), CSV
            told = {"columns": table.columns, "rows": table.rows, "first": _first(found, last)}
            return msgspec.json.encode(told), JSON

        return await send(request, make, {SHAPE: _shape(found[0][1])})


def _values(catalog: Catalog, path: str) -> ArrayLike:
    values = views.dataset_of(entry_at(catalog, catalog.root, path)).values
    if values is None:
        raise SelectionError(f"there is no value at {path}.")
    # Times are told as such; as they are held they are counts.
    is_time = isinstance(values, Converted) and unit_of_time(values.source.dtype) is not None
    return values.source if isinstance(values, Converted) and is_time else values


def _parts(
    found: list[tuple[str, ArrayLike]], select: str | None, last: str | None
) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    for name, values in found:
        if last is not None and values.shape:
            yield name, read_selection(values, f"[{_first(found, last)}:]")
        else:
            yield name, read_selection(values, _from_the_end(select, values.shape))


def _first(found: list[tuple[str, ArrayLike]], last: str | None) -> int:
    """The first row of the newest ``last``, by the shortest."""
    lengths = [values.shape[0] for _, values in found if values.shape]
    return max(0, min(lengths) - int(last)) if last is not None and lengths else 0


def _shape(values: ArrayLike) -> str:
    return ",".join(map(str, values.shape))


def _from_the_end(select: str | None, shape: tuple[int, ...]) -> str | None:
    """The same selection with single negative numbers counted from the end. Raises SelectionError."""
    if select is None or "-" not in select:
        return select
    return f"[{','.join(map(_counted, entries_of(select, len(shape)), shape))}]"


def _counted(entry: str, length: int) -> str:
    return str(int(entry) + length) if _NEGATIVE.fullmatch(entry) else entry
