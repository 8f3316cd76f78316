"""Results that were made again of a recording, handed in to the reducer: ``PUT /api/v1/runs/{run}``.

From then on they are read like those of any run that has ended. They travel as results of workers do, without pickle: classes that the
reducer's own analysis does not vouch for are not imported. A run that was measured is never replaced.

``?instead=RUN`` shows a result in the place of what the reducer publishes of that run, as long as it is the present or the last one: it
is made again while the run goes on, and has caught up. Who makes it says so again within ``RENEWED_WITHIN`` seconds, or the reducer's own
result is shown again; ``&last=true`` says that it is whole.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from beamloom.engine.accounts.coverage import NOTHING, Coverage
from beamloom.errors import UserError
from beamloom.openapi import Told, Value
from beamloom.results.encodings import JSON, as_json
from beamloom.results.past import PastRuns
from beamloom.results.record import RunRecord
from beamloom.results.selection import NothingSelected
from beamloom.results.sharing import Sharer
from beamloom.results.snapshot import Snapshot
from beamloom.results.versions import versions_of
from beamloom.services.reducer.batches import result_packages
from beamloom.services.reducer.snapshots import Instead, SnapshotDesk
from beamloom.settings import ReducerSettings
from beamloom.transport.codec import Decoder, Encoder

if TYPE_CHECKING:
    from beamloom.results.files.keeper import MakePlace

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/octet-stream"
RENEWED_WITHIN = 20.0
"""Seconds."""
LIFE = "made again"
"""Stands for the life of a process in versions of results that were handed in."""


class NotHandedIn(UserError):
    """A result that the reducer does not take."""


class HandedIn(msgspec.Struct, array_like=True):
    """The body of a request."""

    record: dict[str, Any]
    head: bytes
    """The published tree, encoded as results are."""
    buffers: list[bytes]


class _Refused(msgspec.Struct):
    detail: str


def packed(record: RunRecord, publish: Any) -> bytes:
    """The body that hands in ``publish``, of which ``record`` tells. Raises UnencodableResult for what only pickle could send."""
    encoded = Encoder().encode(publish)
    plain = msgspec.to_builtins(record, enc_hook=str)
    return msgspec.msgpack.encode(HandedIn(plain, encoded.head, list(map(bytes, encoded.buffers))))


def unpacked(body: bytes, settings: ReducerSettings) -> tuple[RunRecord, Snapshot]:
    """What ``packed`` has packed. Raises NotHandedIn, UndecodableResult."""
    try:
        sent = msgspec.msgpack.decode(body, type=HandedIn)
        record = msgspec.convert(sent.record, RunRecord)
        coverage = Coverage.from_json(record.coverage) if record.coverage else None
    except (msgspec.DecodeError, msgspec.ValidationError, KeyError, TypeError, ValueError) as error:
        raise NotHandedIn(
            f"this is no result that was made again ({error}); 'beamloom reprocess' sends them, in the version of the reducer"
        ) from None
    publish = Decoder(trusted_packages=result_packages(record.worker_classes, settings)).decode(
        sent.head, sent.buffers
    )
    if not isinstance(publish, dict):
        raise NotHandedIn(
            f"what was published is a {type(publish).__name__}; a reducer class publishes a dictionary"
        )
    copied = Sharer().copy(publish)
    now = time.time()
    snapshot = Snapshot(
        1, record.run, copied, versions=versions_of(copied, 1, now), life=LIFE, coverage=coverage, at=now
    )
    return record, snapshot


def handing_in_route(
    past: PastRuns,
    settings: ReducerSettings,
    make_place: Callable[[], MakePlace | None] = lambda: None,
    desk: SnapshotDesk | None = None,
) -> Told:
    """The route; ``make_place`` gives where results are kept in files, where they are; ``desk`` shows what is published."""

    def show(record: RunRecord, shown: Snapshot, instead: str, *, last: bool) -> Response:
        about = {"run": record.run, "again_of": record.again_of, "changed": record.changed}
        until = math.inf if last else time.monotonic() + RENEWED_WITHIN
        one = Instead(instead, shown.publish, shown.coverage or NOTHING, about, until)
        if desk is None or not desk.show_instead(one):
            return _refusal(
                409, f"run {instead} is not what is published now, so that nothing takes its place."
            )
        return Response(as_json({"run": record.run, "shown": True}), media_type=JSON.media_type)

    def take(run: str, body: bytes, instead: str | None, *, whole: bool) -> Response:
        record, last = unpacked(body, settings)
        if record.run != run or record.again_of is None:
            return _refusal(400, "the body holds the result of another run, or of one that was measured.")
        if _is_measured(past, run):
            return _refusal(409, f"run {run} was measured, and its result is not replaced; give another id.")
        if instead is not None:
            shown = show(record, last, instead, last=whole)
            if not whole:
                return shown
        past.hand_in(record, last)
        where = None
        if (make := make_place()) is not None:
            from beamloom.results.files.once import keep_once

            try:
                where = keep_once(make(record), record, last)
            except (OSError, UserError) as error:
                logger.warning("the result %s, which was made again, is not in a file: %s", run, error)
        return Response(as_json({"run": run, "file": where}), media_type=JSON.media_type)

    async def hand_in(request: Request) -> Response:
        """Take a result that was made again of a recording; it is read like that of any run that has ended."""
        given, run = request.query_params, request.path_params["run"]
        whole = given.get("last", "false") == "true"
        body = await request.body()
        return await asyncio.to_thread(take, run, body, given.get("instead"), whole=whole)

    return Told(
        "/api/v1/runs/{run}",
        hand_in,
        methods=["PUT"],
        takes=MEDIA_TYPE,
        answers=dict[str, Any],
        query=[
            Value(
                name="instead", says="The run in whose place it is shown, while it goes on to be handed in."
            ),
            Value(name="last", kind=bool, says="Whether it is whole, so that it stays."),
        ],
        also={
            409: "A run of this id was measured, or the run in whose place it is to be shown is not published."
        },
    )


def _is_measured(past: PastRuns, run: str) -> bool:
    if run == past.present:
        return True
    with suppress(NothingSelected, UserError):
        return past.find(run)[0].again_of is None
    return False


def _refusal(status: int, detail: str) -> Response:
    return Response(as_json(_Refused(detail)), status, media_type=JSON.media_type)
