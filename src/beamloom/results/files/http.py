"""Results as one file over HTTP: ``GET /api/v1/file?path=&domain=``, a NeXus file of one version.

Without ``path`` it holds all that is published, else that group or dataset, at its place in the tree and with the attributes of the groups
that it is in. ``domain`` is ``/runs/{run}`` for a run that has ended, by default the present one.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from typing import IO

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from beamloom.openapi import Told, Value
from beamloom.results.covered import with_coverage
from beamloom.results.encodings import NotAcceptable
from beamloom.results.files.nexus import nexus_file
from beamloom.results.past import PastRuns
from beamloom.results.reading import said_in_words
from beamloom.results.record import RunRecord
from beamloom.results.selection import NothingSelected
from beamloom.results.snapshot import ResultsReader, Snapshot, Unreadable
from beamloom.results.tree import Group, tree_of

AT_ONCE = 2
"""Files that are made at the same time; who comes later waits."""
PIECE = 2**20
MEDIA_TYPE = "application/x-hdf5"
RUNS = "/runs/"


def file_route(
    reader: ResultsReader, record: Callable[[], RunRecord | None], past: PastRuns | None = None
) -> Told:
    """The route; ``record`` tells what is known of the run that is on, or was the last one, ``past`` has those that have ended."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def whole(request: Request) -> Response:
        """All that is published, as one HDF5 file with the record of the run."""
        if importlib.util.find_spec("h5py") is None:
            raise NotAcceptable(
                "the reducer cannot make HDF5 files; install h5py where it runs: pip install 'beamloom[files]'."
            )
        domain, path = request.query_params.get("domain", "/"), request.query_params.get("path", "")
        async with turns:
            if domain.startswith(RUNS) and past is not None:
                about, snapshot = await asyncio.to_thread(past.find, domain.removeprefix(RUNS))
            else:
                with said_in_words():
                    snapshot = await reader.snapshot()
                known = record()
                about = (
                    known
                    if known is not None and known.run == snapshot.run
                    else RunRecord(run=snapshot.run or "none")
                )
            if snapshot.publish is None:
                raise NothingSelected("the reducer publishes nothing yet; start a run first.")
            if snapshot.coverage is not None:
                about = msgspec.structs.replace(about, coverage=snapshot.coverage.to_json())
            try:
                file = await asyncio.to_thread(_made, snapshot, about, path)
            except OSError as error:
                raise Unreadable(
                    f"the file cannot be made where the reducer runs ({error.strerror or error}); make room for temporary files there "
                    "(TMPDIR), or ask for a part with path."
                ) from error
        size = os.fstat(file.fileno()).st_size
        headers = {
            "Content-Length": str(size),
            "Content-Disposition": f'attachment; filename="{about.run}.h5"',
            "X-Beamloom-Version": str(snapshot.version),
        }
        return StreamingResponse(_pieces(file), media_type=MEDIA_TYPE, headers=headers)

    return Told(
        "/api/v1/file",
        whole,
        answers=MEDIA_TYPE,
        query=[
            Value(name="path", says="Of the group or dataset that is wanted; all without it."),
            Value(name="domain", says="/ or /runs/{run}"),
        ],
        also={500: "What is published cannot be read, or there is no room for the file."},
    )


def only(tree: Group, path: str) -> Group:
    """``tree`` with nothing but what is at ``a/b``. Raises NothingSelected where nothing is there."""
    first, _, rest = path.strip("/").partition("/")
    if not first:
        return tree
    child = tree.children.get(first)
    if child is None or (rest and not isinstance(child, Group)):
        raise NothingSelected(
            f"there is no {first} among {', '.join(tree.children) or 'nothing'}; ask for one of these."
        )
    kept = only(child, rest) if isinstance(child, Group) else child
    return Group({first: kept}, tree.attributes)


def _made(snapshot: Snapshot, record: RunRecord, path: str) -> IO[bytes]:
    from beamloom.results.files.hdf5 import Hdf5Writer
    from beamloom.results.files.raw import RawFile

    file = tempfile.TemporaryFile()  # noqa: SIM115  it is closed when it is sent
    try:
        raw = RawFile(file.fileno())
        with snapshot.lock or contextlib.nullcontext():
            tree = only(tree_of(snapshot.publish or {}), path)
            if snapshot.coverage is not None:
                tree = with_coverage(tree, snapshot.coverage)
            Hdf5Writer().write(raw, nexus_file(tree, record, snapshot.version, time.time()))
        if raw.error is not None:
            raise raw.error
    except BaseException:
        file.close()
        raise
    return file


async def _pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        await asyncio.to_thread(file.seek, 0)
        while piece := await asyncio.to_thread(file.read, PIECE):
            yield piece
