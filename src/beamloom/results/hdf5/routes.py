"""HDF5 over HTTP: the routes of the HDF REST API that clients read from.

::

    GET  /                                        the domain: the id of the root group
    GET  /?h5path=a/b   POST / {"h5paths": [...]} objects by path
    GET  /groups/{id}                             a group (?include_links=1&include_attrs=1)
    GET  /groups/{id}/links[/{name}]              what is in it
    GET  /datasets/{id}[/type | /shape]           a dataset
    GET  /datasets/{id}/value?select=[0:4,7]      its elements, or some; as bytes where the client accepts those
    GET  /api/v1/tree, /shown, /elements          what pages ask for, no part of that API: see ``pages.py``
    POST /datasets/{id}/value                     the same with a long selection, or single points
    GET  /{groups|datasets}/{id}/attributes[/{name}]
    GET  /about  /info  /domains  /acls[/{user}]  what this server is; everybody may read

Nothing can be written. Each answer carries an ETag of what it holds, and is not sent again to a client that has it.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from beamloom.openapi import Told, Value
from beamloom.results.hdf5 import views
from beamloom.results.hdf5.answers import BINARY, JSON, json_answer, json_later, send
from beamloom.results.hdf5.catalog import Catalog, Entry
from beamloom.results.hdf5.encoding import to_bytes, value_json
from beamloom.results.hdf5.pages import entry_at, page_routes, told
from beamloom.results.hdf5.selecting import read_points, read_selection
from beamloom.results.hdf5.shelf import SNAPSHOT_DOMAIN, Shelf
from beamloom.results.hdf5.types import shape_of, type_of
from beamloom.results.past import PastRuns
from beamloom.results.selection import SelectionError
from beamloom.results.snapshot import ResultsReader

ELEMENTS = f"{JSON} {BINARY}"


def hdf5_routes(reader: ResultsReader, past: PastRuns | None = None) -> list[Told]:
    """The routes of this module; ``past`` are the runs that have ended."""
    shelf = Shelf(reader, past)
    service = _Hdf5(shelf)
    either = "/{collection}/{id}"
    flags = [Value(name=name, kind=bool) for name in ("include_attrs", "include_links")]
    paging = [Value(name="Limit", kind=Annotated[int, Meta(ge=0)]), Value(name="Marker")]
    domain, inside = Value(name="domain", says="/, /snapshot or /runs/{run}"), Value(name="h5path")
    selection = [
        Value(name="select", says="As in [0:10:2,4]."),
        Value(name="fields", says="Names, with colons between."),
    ]
    return [
        told(
            "/",
            service.domain,
            "The root of the tree.",
            query=[domain, inside, Value(name="verbose", kind=bool), *flags],
        ),
        told(
            "/",
            service.by_paths,
            "Several objects by their paths.",
            methods=["POST"],
            takes=ByPaths,
            query=[domain, Value(name="parent_id"), *flags],
            asks=True,
        ),
        *page_routes(shelf),
        told("/about", service.about, "What this server is."),
        told("/info", service.about, "The same."),
        told("/domains", service.domains, "The domains there are."),
        told("/acls", service.acls, "Who may do what."),
        told("/acls/{user}", service.acl, "The same, of one user."),
        told("/groups", service.collection, "The ids of all groups.", query=[domain]),
        told("/datasets", service.collection, "The ids of all datasets.", query=[domain]),
        told("/datatypes", service.collection, "None: types have no names here.", query=[domain]),
        told("/datasets/{id}/type", service.type, "The type of a dataset."),
        told("/datasets/{id}/shape", service.shape, "The shape of a dataset."),
        told(
            "/datasets/{id}/value",
            service.value,
            "Its elements, or some of them.",
            answers=ELEMENTS,
            query=selection,
        ),
        told(
            "/datasets/{id}/value",
            service.selected_value,
            "The same, with a long selection or with points.",
            methods=["POST"],
            answers=ELEMENTS,
            takes=Selection,
            asks=True,
        ),
        told("/groups/{id}/links", service.links, "What is in a group.", query=paging),
        told("/groups/{id}/links/{name:path}", service.link, "One of these."),
        *(
            told(path.replace("{collection}", collection), _in(collection, endpoint), says, query=query)
            for collection in ("groups", "datasets", "datatypes")
            for path, endpoint, says, query in (
                (either, service.entity, "An object.", [inside, *flags]),
                (
                    f"{either}/attributes",
                    service.attributes,
                    "Its attributes.",
                    [*paging, Value(name="IncludeData", kind=bool)],
                ),
                (
                    f"{either}/attributes/{{name:path}}",
                    service.attribute,
                    "One of these, with its value.",
                    [],
                ),
            )
        ),
    ]


class ByPaths(Struct):
    """Objects that are asked for by their paths."""

    h5paths: list[str]


class Selection(Struct):
    """Elements of a dataset: those of a selection, or at points."""

    select: str = ""
    points: list[list[int]] = []
    fields: str = ""


def is_question(path: str) -> bool:
    """Whether a POST to this path only asks for something, in a body where an address would be too short."""
    return path == "/" or (path.startswith("/datasets/") and path.endswith("/value"))


Endpoint = Callable[[Request, str], Awaitable[Response]]


def _in(collection: str, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        return await endpoint(request, collection)

    return serve


class _Hdf5:
    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    # ---- the server and its domain ----------------------------------------------------------------------------------------

    async def about(self, request: Request) -> Response:
        return json_answer(request, views.about())

    async def domains(self, request: Request) -> Response:
        catalog = await self._shelf.of_domain("/")
        names = ["/", SNAPSHOT_DOMAIN, *await self._shelf.runs()]
        return json_answer(request, {"domains": [views.folder(name, catalog) for name in names]})

    async def acls(self, request: Request) -> Response:
        return json_answer(request, {"acls": [views.acl("default")]})

    async def acl(self, request: Request) -> Response:
        return json_answer(request, {"acl": views.acl(request.path_params["user"])})

    async def domain(self, request: Request) -> Response:
        catalog = await self._shelf.of_domain(request.query_params.get("domain", "/"))
        times = self._shelf.times
        path = request.query_params.get("h5path")
        if path is not None:
            entry = entry_at(catalog, catalog.root, path)
            return await self._entity(request, catalog, entry)
        verbose = _flag(request, "verbose")
        return await json_later(request, lambda: views.domain(catalog, times, verbose=verbose))

    async def by_paths(self, request: Request) -> Response:
        wanted = _dictionary(await request.body())
        paths = wanted.get("h5paths")
        if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
            raise SelectionError('the paths are missing; send {"h5paths": ["a/b", ...]}.')
        parent_id = request.query_params.get("parent_id")
        if parent_id is None:
            catalog = await self._shelf.of_domain(request.query_params.get("domain", "/"))
            parent = catalog.root
        else:
            catalog, parent = await self._shelf.find(parent_id, "groups")
        found = {path: entry_at(catalog, parent, path) for path in paths}
        with_attributes, with_links = _flag(request, "include_attrs"), _flag(request, "include_links")
        times = self._shelf.times
        return await json_later(
            request,
            lambda: {
                "h5paths": {
                    path: views.entity(catalog, times, entry, attributes=with_attributes, links=with_links)
                    for path, entry in found.items()
                }
            },
        )

    async def collection(self, request: Request) -> Response:
        name = request.url.path.strip("/")
        catalog = await self._shelf.of_domain(request.query_params.get("domain", "/"))
        return json_answer(request, {name: [entry.id for entry in catalog.entries(name)]})

    # ---- groups and datasets -----------------------------------------------------------------------------------------------

    async def entity(self, request: Request, collection: str) -> Response:
        catalog, entry = await self._find(request, collection)
        path = request.query_params.get("h5path")
        if path is not None:
            entry = entry_at(catalog, entry, path)
        return await self._entity(request, catalog, entry)

    async def _entity(self, request: Request, catalog: Catalog, entry: Entry) -> Response:
        attributes, links = _flag(request, "include_attrs"), _flag(request, "include_links")
        times = self._shelf.times
        return await json_later(
            request, lambda: views.entity(catalog, times, entry, attributes=attributes, links=links)
        )

    async def links(self, request: Request) -> Response:
        catalog, entry = await self._find(request, "groups")
        limit, marker = _limit(request), request.query_params.get("Marker")
        times = self._shelf.times
        return await json_later(request, lambda: {"links": views.links(catalog, times, entry, limit, marker)})

    async def link(self, request: Request) -> Response:
        catalog, entry = await self._find(request, "groups")
        name, times = request.path_params["name"], self._shelf.times
        return await json_later(request, lambda: {"link": views.named_link(catalog, times, entry, name)})

    async def attributes(self, request: Request, collection: str) -> Response:
        catalog, entry = await self._find(request, collection)
        limit, marker, values = (
            _limit(request),
            request.query_params.get("Marker"),
            _flag(request, "IncludeData"),
        )
        times = self._shelf.times
        return await json_later(
            request,
            lambda: {"attributes": views.attributes(catalog, times, entry, limit, marker, values=values)},
        )

    async def attribute(self, request: Request, collection: str) -> Response:
        catalog, entry = await self._find(request, collection)
        name, times = request.path_params["name"], self._shelf.times
        return await json_later(request, lambda: views.named_attribute(catalog, times, entry, name))

    async def type(self, request: Request) -> Response:
        _, entry = await self._find(request, "datasets")
        return json_answer(request, {"type": type_of(views.dataset_of(entry).values)})

    async def shape(self, request: Request) -> Response:
        _, entry = await self._find(request, "datasets")
        return json_answer(request, {"shape": shape_of(views.dataset_of(entry).values)})

    async def _find(self, request: Request, collection: str) -> tuple[Catalog, Entry]:
        return await self._shelf.find(request.path_params["id"], collection)

    # ---- elements ------------------------------------------------------------------------------------------------------------

    async def value(self, request: Request) -> Response:
        _, entry = await self._find(request, "datasets")
        return await _value(request, entry, dict(request.query_params))

    async def selected_value(self, request: Request) -> Response:
        _, entry = await self._find(request, "datasets")
        body = await request.body()
        if request.headers.get("content-type", "").startswith(BINARY):
            if len(body) % 8:
                raise SelectionError(
                    "points are integers of 64 bits without sign; send eight bytes for each number."
                )
            return await _value(request, entry, {}, np.frombuffer(body, "<u8"))
        wanted = _dictionary(body)
        for name in ("select", "fields"):
            if not isinstance(wanted.get(name, ""), str):
                raise SelectionError(f'{name} is a text, such as "[0:10]" or "a:b"; send one.')
        if "points" in wanted:
            return await _value(request, entry, wanted, _points(wanted["points"]))
        return await _value(request, entry, wanted)


async def _value(
    request: Request, entry: Entry, wanted: dict[str, Any], points: npt.NDArray[Any] | None = None
) -> Response:
    if "query" in wanted:
        raise SelectionError("this server does not search by query; read the dataset and search in it.")
    binary = BINARY in request.headers.get("accept", "")
    values = views.dataset_of(entry).values
    if values is None:
        return json_answer(request, {"value": None})

    def read() -> tuple[bytes, str]:
        if points is None:
            part = read_selection(values, wanted.get("select"))
        else:
            rank = max(1, len(values.shape))
            if points.size % rank:
                raise SelectionError(
                    f"{points.size} numbers are no points of {rank} dimensions; send {rank} for each point."
                )
            part = read_points(values, points.reshape(-1, rank))
        part = _fields(part, wanted.get("fields"))
        # Clients take an empty body for a failure.
        if binary and part.size:
            return to_bytes(part), BINARY
        return value_json(part), JSON

    return await send(request, read)


def _fields(part: npt.NDArray[Any], fields: str | None) -> npt.NDArray[Any]:
    if fields is None:
        return part
    names = fields.split(":")
    if part.dtype.names is None or not set(names) <= set(part.dtype.names):
        raise SelectionError(
            f"the fields {fields} are not those of the dataset ({', '.join(part.dtype.names or ('none',))}); ask for its type."
        )
    chosen = np.empty(part.shape, [(name, part.dtype[name]) for name in names])
    for name in names:
        chosen[name] = part[name]
    return chosen


def _points(points: Any) -> npt.NDArray[Any]:
    try:
        array = np.asarray(points)
    except ValueError:
        array = np.empty(0)
    if array.dtype.kind not in "iu":
        raise SelectionError("points are lists of integers; send one for each point.")
    return array


def _dictionary(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except ValueError as error:
        raise SelectionError(f"the body is no JSON ({error}); send a dictionary.") from error
    except RecursionError:
        raise SelectionError("the body is nested too deeply; send a dictionary.") from None
    if not isinstance(content, dict):
        raise SelectionError("the body is no dictionary; send one.")
    return content


def _flag(request: Request, name: str) -> bool:
    return request.query_params.get(name, "0").lower() not in ("0", "false", "f", "")


def _limit(request: Request) -> int | None:
    text = request.query_params.get("Limit")
    if text is None:
        return None
    if not (text.isdecimal() and len(text) < 20):
        raise SelectionError(f"the limit {text[:40]} is no number; give how many to list.")
    return int(text)
